/**
 * The fault run: the whole daemon against the virtual modem, with random faults on random messages, judged by the virtual
 * network's record. `--seed N` repeats what was chosen; the seed is printed first. Exits with 1 when a promise was broken.
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
  seed: number;
  messages: number;
  /** The hard limit of the whole run. */
  limitS: number;
  /** Runs these phases only; their choices stay the same. */
  only: readonly number[] | undefined;
  /** Keeps records and logs of a run that went well, too. */
  keep: boolean;
}

function readOptions(): RunOptions {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      messages: { type: 'string', default: '300' },
      'limit-s': { type: 'string', default: '900' },
      phase: { type: 'string', multiple: true },
      keep: { type: 'boolean', default: false },
    },
  });
  return {
    seed: wholeNumber('seed', values.seed ?? String(Date.now() % 1_000_000)),
    messages: wholeNumber('messages', values.messages),
    limitS: wholeNumber('limit-s', values['limit-s']),
    only: values.phase?.map((phase) => wholeNumber('phase', phase)),
    keep: values.keep,
  };
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`--${name} must be a whole number, not "${text}"`);
  return Number(text);
}

/** Runs every phase, tells of each, and resolves with whether all promises were kept. */
async function runAll(options: RunOptions, folder: string, over: AbortSignal): Promise<boolean> {
  const plan = planRun(options.seed, options.messages);
  const phases = plan.filter(({ number }) => options.only?.includes(number) ?? true);
  const results: PhaseResult[] = [];
  for (const phase of phases) {
    const result = await runPhase(phase, options.seed, join(folder, `phase${phase.number}`), over);
    results.push(result);
    console.log(headline(phase, result));
    for (const violation of result.violations) console.log(describe(violation, result));
  }
  console.log(summary(results));
  const lacking = options.only === undefined ? shortcomings(results, options.messages) : [];
  for (const what of lacking) console.log(`the run proves too little: ${what}`);
  const violations = results.reduce((sum, result) => sum + result.violations.length, 0);
  console.log(`seed ${options.seed}: ${violations} violations`);
  return violations === 0 && lacking.length === 0;
}

function headline({ number, name, vendor }: PlannedPhase, { stories, violations }: PhaseResult): string {
  const sent = stories.filter(({ outcome }) => outcome.kind === 'answered' && outcome.status === 200).length;
  const verdict = violations.length === 0 ? 'kept' : `${violations.length} VIOLATIONS`;
  return `phase ${number}, ${name}, ${vendor}: ${sent} of ${stories.length} sent, ${verdict}`;
}

async function main(): Promise<void> {
  const options = readOptions();
  console.log(`seed ${options.seed}, ${options.messages} messages`);
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
