/**
 * The kill run: the whole daemon against the virtual modem, killed at chosen moments while callers
 * repeat their requests with the same `Idempotency-Key`; judged by the virtual network's record and
 * by the journal that each killed process left. `--seed N` repeats what was chosen and is printed
 * first. Which moment a kill meets, and which cap is reached, is luck as well: a run that kept all
 * but proves too little is followed by one with another seed. Exits with 1 when a promise was
 * broken, or when the last run proves too little, too.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openHmacKey } from '../../src/journal/hmac-key.js';
import { endAllChildren } from '../faults/child.js';
import { RunLimit, runAsProcess } from '../long-run.js';
import { judgeJournal } from './journal-judge.js';
import { casesOf, judge } from './judge.js';
import { type KeyedMessage, planKills } from './plan.js';
import { describe, type Judged, shortcomings, summary } from './report.js';
import { play } from './rounds.js';
import { turnsOf } from './turns.js';

interface RunOptions {
  seed: number;
  sends: number;
  /** The hard limit of the whole run. */
  limitS: number;
  /** Keeps record, configuration, log and journal of a run that went well, too. */
  keep: boolean;
}

function readOptions(): RunOptions {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      sends: { type: 'string', default: '200' },
      'limit-s': { type: 'string', default: '900' },
      keep: { type: 'boolean', default: false },
    },
  });
  return {
    seed: wholeNumber('seed', values.seed),
    sends: wholeNumber('sends', values.sends),
    limitS: wholeNumber('limit-s', values['limit-s']),
    keep: values.keep,
  };
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new RangeError(`--${name} must be a whole number, not "${text}"`);
  return Number(text);
}

async function playAndJudge({ seed, sends }: RunOptions, folder: string): Promise<Judged> {
  const plan = planKills(seed, sends);
  const { modem, stateDir, lives, snapshots, stories, violations } = await play(plan, folder, seed);
  const entries = modem.record();
  const { cases, strays } = casesOf(stories, [{ modem: modem.name, entries }]);
  const hmac = await openHmacKey(join(stateDir, 'hmac.key'));
  // As the daemon names a key: of its caller and itself.
  const keyHmac = ({ caller, key }: KeyedMessage) =>
    hmac('idempotency_key', JSON.stringify([caller, key]));
  const journal = judgeJournal(snapshots, cases, lives, keyHmac, turnsOf(entries, cases));
  return {
    plan,
    lives,
    cases,
    entries,
    looks: snapshots.length,
    journal,
    violations: [
      ...violations,
      ...strays,
      ...journal.violations,
      ...judge(cases, lives, plan.limits),
    ],
  };
}

/** Runs at most, when those before prove too little. */
const mostRuns = 3;
/** From the seed of a run that proves too little to the next one's. */
const nextSeed = 1_000;

/** Plays until enough is proven; resolves with whether it is, and all promises were kept. */
async function runUntilProven(options: RunOptions, folder: string): Promise<boolean> {
  for (let run = 0; run < mostRuns; run += 1) {
    const seed = options.seed + run * nextSeed;
    console.log(`seed ${seed}, ${options.sends} sends`);
    const within = join(folder, `seed${seed}`);
    mkdirSync(within);
    const found = await runOnce({ ...options, seed }, within);
    if (found !== 'too little') return found === 'kept';
  }
  return false;
}

/** Plays once, and tells. */
async function runOnce(
  options: RunOptions,
  folder: string,
): Promise<'kept' | 'broken' | 'too little'> {
  const judged = await playAndJudge(options, folder);
  const lacking = shortcomings(judged);
  for (const violation of judged.violations) console.log(describe(violation, judged));
  console.log(summary(judged));
  for (const what of lacking) console.log(`the run proves too little: ${what}`);
  console.log(`seed ${options.seed}: ${judged.violations.length} violations`);
  if (judged.violations.length > 0) return 'broken';
  return lacking.length > 0 ? 'too little' : 'kept';
}

async function main(): Promise<void> {
  const options = readOptions();
  const folder = mkdtempSync(join(tmpdir(), 'simgate-kill-'));
  const limit = new RunLimit(options.limitS);
  let isKept = false;
  try {
    isKept = await limit.within(runUntilProven(options, folder));
  } finally {
    limit.clear();
    await endAllChildren();
    if (isKept && !options.keep) rmSync(folder, { recursive: true });
    else console.log(`record, configuration, log and journal are kept in ${folder}`);
  }
  if (!isKept) process.exitCode = 1;
}

await runAsProcess(main);
