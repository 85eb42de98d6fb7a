/**
 * The fault run: the whole daemon against the virtual modem, with random faults on random messages, judged by the virtual
 * network's record. `--seed N` repeats what was chosen, may be given several times, and is printed first. `--phase` takes a
 * phase's number or a part of its name. Exits with 1 when a promise was broken, or a modem was not ready at the end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { endAllChildren } from './child.js';
import { type PhaseResult, runPhase } from './phase.js';
import { type PlannedPhase, planRun } from './plan.js';
import { describe, shortcomings, summary } from './report.js';

interface RunOptions {
  seeds: readonly number[];
  /** With each seed. */
  messages: number;
  /** The hard limit of the whole run. */
  limitS: number;
  /** Runs these phases only, by number or by a part of the name; their choices stay the same. */
  only: readonly string[] | undefined;
  /** Keeps records and logs of a run that went well, too. */
  keep: boolean;
}

function readOptions(): RunOptions {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', multiple: true },
      messages: { type: 'string', default: '300' },
      'limit-s': { type: 'string', default: '900' },
      phase: { type: 'string', multiple: true },
      keep: { type: 'boolean', default: false },
    },
  });
  return {
    seeds: (values.seed ?? [String(Date.now() % 1_000_000)]).map((seed) => wholeNumber('seed', seed)),
    messages: wholeNumber('messages', values.messages),
    limitS: wholeNumber('limit-s', values['limit-s']),
    only: values.phase,
    keep: values.keep,
  };
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`--${name} must be a whole number, not "${text}"`);
  return Number(text);
}

/** Runs every phase with every seed, tells of each, and resolves with whether all promises were kept. */
async function runAll(options: RunOptions, folder: string, over: AbortSignal): Promise<boolean> {
  const results: PhaseResult[] = [];
  const lacking: string[] = [];
  for (const seed of options.seeds) {
    const plan = planRun(seed, options.messages);
    const own: PhaseResult[] = [];
    for (const phase of plan.filter((each) => isWanted(each, options.only))) {
      const result = await runPhase(phase, seed, join(folder, `seed${seed}-phase${phase.number}`), over);
      own.push(result);
      console.log(headline(phase, result));
      for (const violation of result.violations) console.log(describe(violation, result));
    }
    results.push(...own);
    if (options.only === undefined) lacking.push(...shortcomings(own, options.messages));
  }
  if (results.length === 0) throw new RangeError(`no phase is called ${options.only?.join(' or ')}`);
  console.log(summary(results));
  for (const what of lacking) console.log(`the run proves too little: ${what}`);
  const violations = results.reduce((sum, result) => sum + result.violations.length, 0);
  console.log(`${options.seeds.map((seed) => `seed ${seed}`).join(', ')}: ${violations} violations`);
  return violations === 0 && lacking.length === 0;
}

function isWanted({ number, name }: PlannedPhase, only: RunOptions['only']): boolean {
  return (
    only?.some((wanted) => wanted === String(number) || (!/^\d+$/.test(wanted) && name.includes(wanted))) ??
    true
  );
}

function headline({ number, name, vendor }: PlannedPhase, { stories, violations }: PhaseResult): string {
  const sent = stories.filter(({ outcome }) => outcome.kind === 'answered' && outcome.status === 200).length;
  const verdict = violations.length === 0 ? 'kept' : `${violations.length} VIOLATIONS`;
  return `phase ${number}, ${name}, ${vendor}: ${sent} of ${stories.length} sent, ${verdict}`;
}

async function main(): Promise<void> {
  const options = readOptions();
  console.log(`seed ${options.seeds.join(', ')}, ${options.messages} messages`);
  const folder = mkdtempSync(join(tmpdir(), 'simgate-faults-'));
  const over = new AbortController();
  const stop = (why: string) => () => over.abort(new Error(why));
  const limit = setTimeout(stop(`the run took longer than ${options.limitS} s`), options.limitS * 1000);
  process.once('SIGINT', stop('interrupted')).once('SIGTERM', stop('interrupted'));
  const aborted = new Promise<never>((_, reject) => {
    over.signal.addEventListener('abort', () => reject(over.signal.reason as Error));
  });
  let isKept = false;
  try {
    isKept = await Promise.race([runAll(options, folder, over.signal), aborted]);
  } finally {
    clearTimeout(limit);
    await endAllChildren();
    if (isKept && !options.keep) rmSync(folder, { recursive: true });
    else console.log(`records, configurations and logs are kept in ${folder}`);
  }
  if (!isKept) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  // What an abandoned phase still waits for must not keep the process.
  process.exit();
}
