/**
 * The fault run: the whole daemon against the virtual modem, with random faults on random messages,
 * judged by the virtual network's record. `--seed N` repeats what was chosen, may be given several
 * times, and is printed first. `--phase` takes a phase's number or a part of its name. `--jobs N`
 * runs N phases at a time: they mostly wait, and two cores bear eight. Exits with 1 when a promise
 * was broken, or a modem was not ready at the end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { RunLimit, runAsProcess } from '../long-run.js';
import { endAllChildren } from './child.js';
import { type PhaseResult, runPhase } from './phase.js';
import { type PlannedPhase, planRun } from './plan.js';
import { describe, shortcomings, summary } from './report.js';
import { sideBySide } from './side-by-side.js';

interface RunOptions {
  seeds: readonly number[];
  /** With each seed. */
  messages: number;
  /** How many phases run at a time. */
  jobs: number;
  /** The hard limit of the whole run; by default it grows with what there is to run. */
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
      jobs: { type: 'string', default: '1' },
      'limit-s': { type: 'string' },
      phase: { type: 'string', multiple: true },
      keep: { type: 'boolean', default: false },
    },
  });
  const seeds = (values.seed ?? [String(Date.now() % 1_000_000)]).map((seed) =>
    wholeNumber('seed', seed),
  );
  const messages = wholeNumber('messages', values.messages);
  const jobs = wholeNumber('jobs', values.jobs);
  if (jobs === 0) throw new RangeError('--jobs must be 1 or more');
  const limit = values['limit-s'];
  const limitS =
    limit === undefined
      ? longestRunS(seeds.length * messages, jobs)
      : wholeNumber('limit-s', limit);
  return { seeds, messages, jobs, limitS, only: values.phase, keep: values.keep };
}

/**
 * Seconds that a run may take: several times what it takes on two cores, which is about 0.4 s for
 * each message and up to two minutes for the slowest phase, so that it ends a run that hangs and
 * never one that works.
 */
function longestRunS(messages: number, jobs: number): number {
  return 900 + Math.ceil((2 * messages) / jobs);
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new RangeError(`--${name} must be a whole number, not "${text}"`);
  return Number(text);
}

/** A phase, with the seed that chose it. */
interface Part {
  seed: number;
  phase: PlannedPhase;
}

/**
 * Runs every phase with every seed, tells of each in order, and resolves with whether all promises
 * were kept.
 */
async function runAll(options: RunOptions, folder: string, over: AbortSignal): Promise<boolean> {
  const parts = partsOf(options);
  if (parts.length === 0) throw new RangeError(`no phase is called ${options.only?.join(' or ')}`);
  const tasks = parts.map(
    ({ seed, phase }) =>
      () =>
        runPhase(phase, seed, join(folder, `seed${seed}-phase${phase.number}`), over),
  );
  const ownDelay = monitorEventLoopDelay({ resolution: 5 });
  ownDelay.enable();
  const results: PhaseResult[] = [];
  const unended: string[] = [];
  for await (const ending of sideBySide(tasks, options.jobs, over)) {
    const part = parts[results.length + unended.length]!;
    if ('failure' in ending) {
      unended.push(`${titleOf(part)}: not brought to its end: ${String(ending.failure)}`);
      console.log(unended.at(-1));
      continue;
    }
    results.push(ending.result);
    console.log(headline(part, ending.result));
    for (const violation of ending.result.violations)
      console.log(describe(violation, ending.result));
  }
  ownDelay.disable();
  return conclude(options, results, unended, ownDelay);
}

function partsOf({ seeds, messages, only }: RunOptions): Part[] {
  return seeds.flatMap((seed) => {
    const wanted = planRun(seed, messages).filter((phase) => isWanted(phase, only));
    return wanted.map((phase) => ({ seed, phase }));
  });
}

/**
 * Says what came of the run; `unended` are the phases without a result. Returns whether all is
 * well.
 */
function conclude(
  options: RunOptions,
  results: readonly PhaseResult[],
  unended: readonly string[],
  ownDelay: IntervalHistogram,
): boolean {
  if (results.length > 0) console.log(summary(results));
  // Its stamps judge the daemon: with more jobs at a time than the machine bears they prove
  // nothing.
  const [p99, worst] = [ownDelay.percentile(99), ownDelay.max].map((ns) => Math.round(ns / 1e6));
  console.log(
    `own delay        p99 ${p99} ms, worst ${worst} ms, with ${options.jobs} phases at a time`,
  );
  const lacking = [...unended];
  if (options.only === undefined && unended.length === 0) {
    const ofSeed = (seed: number): PhaseResult[] =>
      results.filter((result) => result.seed === seed);
    lacking.push(...options.seeds.flatMap((seed) => shortcomings(ofSeed(seed), options.messages)));
  }
  for (const what of lacking) console.log(`the run proves too little: ${what}`);
  const violations = results.reduce((sum, result) => sum + result.violations.length, 0);
  console.log(
    `${options.seeds.map((seed) => `seed ${seed}`).join(', ')}: ${violations} violations`,
  );
  return violations === 0 && lacking.length === 0;
}

function isWanted({ number, name }: PlannedPhase, only: RunOptions['only']): boolean {
  return (
    only?.some(
      (wanted) => wanted === String(number) || (!/^\d+$/.test(wanted) && name.includes(wanted)),
    ) ?? true
  );
}

function titleOf({ seed, phase: { number, name, vendor } }: Part): string {
  return `seed ${seed}, phase ${number}, ${name}, ${vendor}`;
}

function headline(part: Part, { stories, violations }: PhaseResult): string {
  const sent = stories.filter(
    ({ outcome }) => outcome.kind === 'answered' && outcome.status === 200,
  ).length;
  const verdict = violations.length === 0 ? 'kept' : `${violations.length} VIOLATIONS`;
  return `${titleOf(part)}: ${sent} of ${stories.length} sent, ${verdict}`;
}

async function main(): Promise<void> {
  const options = readOptions();
  console.log(
    `seed ${options.seeds.join(', ')}, ${options.messages} messages, ${options.jobs} phases at a time`,
  );
  const folder = mkdtempSync(join(tmpdir(), 'simgate-faults-'));
  const limit = new RunLimit(options.limitS);
  let isKept = false;
  try {
    isKept = await runAll(options, folder, limit.signal);
  } finally {
    limit.clear();
    await endAllChildren();
    if (isKept && !options.keep) rmSync(folder, { recursive: true });
    else console.log(`records, configurations and logs are kept in ${folder}`);
  }
  if (!isKept) process.exitCode = 1;
}

await runAsProcess(main);
