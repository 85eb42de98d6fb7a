/**
 * The fuzz run: the whole daemon at a virtual modem on a tty, and very many requests that are no
 * proper ones, with some valid ones between them, judged by the virtual network's record. `--seed
 * N` repeats what was chosen; the seed is printed first. Exits with 1 when something was not as it
 * must be.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { endAllChildren } from '../faults/child.js';
import { RunLimit, runAsProcess } from '../long-run.js';
import type { Vitals } from '../soak/vitals.js';
import { Flood } from './flood.js';
import { Target } from './target.js';

interface RunOptions {
  seed: number;
  requests: number;
  /** Connections at a time. */
  callers: number;
  /** The hard limit of the whole run. */
  limitS: number;
}

function readOptions(): RunOptions {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: String(randomBytes(3).readUIntBE(0, 3)) },
      requests: { type: 'string', default: '100000' },
      callers: { type: 'string', default: '96' },
      'limit-s': { type: 'string', default: '900' },
    },
  });
  return {
    seed: wholeNumber('seed', values.seed),
    requests: wholeNumber('requests', values.requests),
    callers: wholeNumber('callers', values.callers),
    limitS: wholeNumber('limit-s', values['limit-s']),
  };
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new RangeError(`--${name} must be a whole number, not "${text}"`);
  return Number(text);
}

/** Resolves with all that was wrong. */
async function attack({ seed, requests, callers }: RunOptions, folder: string): Promise<string[]> {
  const target = await Target.start(folder);
  const flood = new Flood(target, seed, callers, requests >= judgedFrom ? mostStaying : 0);
  const warmUp = Math.min(10_000, Math.floor(requests / 2));
  const startedAt = performance.now();
  await flood.teach();
  await flood.send(warmUp);
  const before = await target.look();
  await flood.send(requests - warmUp);
  await flood.lastOnes();
  const after = await target.look();
  const tookS = (performance.now() - startedAt) / 1000;
  const faults = [...flood.faults, ...(await target.stop(flood))];
  for (const line of flood.report()) console.log(line);
  console.log(`after the first ${warmUp}: ${figuresOf(before)}; after all: ${figuresOf(after)}`);
  console.log(`${requests} requests in ${tookS.toFixed(1)} s`);
  if (requests >= judgedFrom && after.residentOctets > 1.1 * before.residentOctets)
    faults.push('RSS has grown by more than 10 %');
  return faults;
}

function figuresOf({ residentOctets, descriptors, inside }: Vitals): string {
  return `RSS ${mb(residentOctets)} MB, heap ${mb(inside.heap_octets)} MB, ${descriptors} descriptors`;
}

/** With fewer requests the heap is still finding its size. */
const judgedFrom = 50_000;

/**
 * Callers that say half a request and then nothing. It takes the daemon 20 s to throw one out,
 * which a short run does not have.
 */
const mostStaying = 100;

const mb = (octets: number): string => (octets / 1e6).toFixed(1);

async function main(): Promise<void> {
  const options = readOptions();
  console.log(`seed ${options.seed}, ${options.requests} requests`);
  const folder = mkdtempSync(join(tmpdir(), 'simgate-fuzz-'));
  const limit = new RunLimit(options.limitS);
  let faults: string[] | undefined;
  try {
    faults = await limit.within(attack(options, folder));
  } finally {
    limit.clear();
    await endAllChildren();
    if (faults?.length === 0) rmSync(folder, { recursive: true });
    else console.log(`record, configuration and log are kept in ${folder}`);
  }
  for (const fault of faults.slice(0, 50)) console.log(fault);
  console.log(`seed ${options.seed}: ${faults.length} faults`);
  if (faults.length > 0) process.exitCode = 1;
}

await runAsProcess(main);
