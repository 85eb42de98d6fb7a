/**
 * The soak: the whole daemon at four virtual modems that are unplugged and come back under another
 * name, over and over, while messages go out. `npm run test:soak [-- --sends N --replugs M --seed
 * S]`. Exits with 1 when something is left behind, or a message was lost or doubled.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMet } from '../bench/figures.js';
import { table } from '../bench/report.js';
import { endAllChildren } from '../faults/child.js';
import { RunLimit, runAsProcess } from '../long-run.js';
import { reportOf } from './report.js';
import { soak } from './soak.js';

interface RunOptions {
  /** Messages that are answered 200, beside those of the warm-up. */
  sends: number;
  replugs: number;
  seed: number;
  /** The hard limit of the whole run. */
  limitS: number;
  /** Keeps records and log of a run that went well, too. */
  keep: boolean;
}

function readOptions(): RunOptions {
  const { values } = parseArgs({
    options: {
      sends: { type: 'string', default: '10000' },
      replugs: { type: 'string', default: '500' },
      seed: { type: 'string' },
      'limit-s': { type: 'string', default: '480' },
      keep: { type: 'boolean', default: false },
    },
  });
  return {
    sends: wholeNumber('sends', values.sends),
    replugs: wholeNumber('replugs', values.replugs),
    seed: wholeNumber('seed', values.seed ?? String(Date.now() % 1_000_000)),
    limitS: wholeNumber('limit-s', values['limit-s']),
    keep: values.keep,
  };
}

function wholeNumber(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new RangeError(`--${name} must be a whole number, not "${text}"`);
  return Number(text);
}

async function main(): Promise<void> {
  const options = readOptions();
  console.log(`seed ${options.seed}: ${options.sends} sends, ${options.replugs} re-plugs`);
  const folder = mkdtempSync(join(tmpdir(), 'simgate-soak-'));
  const limit = new RunLimit(options.limitS);
  let isKept = false;
  try {
    const result = await limit.within(soak(options, folder, limit.signal));
    const { reports, violations } = reportOf(result, options);
    for (const violation of violations) console.log(violation);
    process.stdout.write(table(reports));
    isKept = reports.every(({ figures }) =>
      figures.every((figure) => !figure.isJudged || isMet(figure)),
    );
  } finally {
    limit.clear();
    await endAllChildren();
    if (isKept && !options.keep) rmSync(folder, { recursive: true });
    else console.log(`records, configuration and log are kept in ${folder}`);
    console.log(
      `seed ${options.seed}: ${isKept ? 'kept' : 'BROKEN'}, ${Math.round(performance.now() / 1000)} s`,
    );
  }
  if (!isKept) process.exitCode = 1;
}

await runAsProcess(main);
