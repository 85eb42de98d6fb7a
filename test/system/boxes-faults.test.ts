/**
 * Three boxes with two modems each, and an engine that is killed, paused, emptied, started anew,
 * failed over and cut off, while callers ask and ask again wherever they like. `BOXES_SEED` and
 * `BOXES_MESSAGES` choose another run.
 */

import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Box, Boxes } from './boxes.js';
import { type Asked, type Disturbance, judgeBoxes } from './boxes-judge.js';
import { EngineProcess } from './engine.js';

const seed = Number(process.env.BOXES_SEED ?? 14);
const messages = Number(process.env.BOXES_MESSAGES ?? 200);
const callers = 6;
/** I5: what a daemon may grow beyond its size before the first message. */
const growthLimitKiB = 60 * 1024;

/** mulberry32: the same numbers for the same seed. */
function randomBy(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

let engine: EngineProcess;
let boxes: Boxes;
beforeAll(async () => {
  engine = await EngineProcess.start(['--appendonly', 'yes', '--appendfsync', 'always']);
  boxes = await Boxes.start(3, {
    shared: `url = "redis://127.0.0.1:${engine.port}"\nbudget_ms = 250`,
    modems: 2,
    modemFlags: ['--submit-latency', '150'],
  });
  for (const box of boxes.all) await box.until(({ event }) => event === 'shared_told');
});
afterAll(async () => {
  await boxes.stop();
  await engine.stop();
});

const residentKiB = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

const asked: Asked[] = [];
const disturbances: Disturbance[] = [];

async function ask(box: number, text: string, recipient: string, key: string): Promise<Asked> {
  const sentNs = process.hrtime.bigint();
  const headers = { 'idempotency-key': key };
  const answer = await boxes.all[box]!.post({ recipient, body: text }, headers).then(
    ({ status, body }) => ({
      atNs: process.hrtime.bigint(),
      status,
      code: body.code as string | undefined,
      submitted: status === 200 ? 'yes' : body.submitted,
    }),
    () => undefined,
  );
  const one = { text, key, box, sentNs, answer, endNs: process.hrtime.bigint() };
  asked.push(one);
  return one;
}

async function callerLoop(left: number[], random: () => number): Promise<void> {
  for (let number = left.shift(); number !== undefined; number = left.shift()) {
    const [text, recipient] = [`code ${seed}-${number} end`, `+49151${20_000_000 + number * 13}`];
    const anyBox = () => Math.floor(random() * 3);
    const again = () => ask(anyBox(), text, recipient, `key ${number}`);
    const first = again();
    // Beside the first, at any box.
    if (random() < 0.4) await Promise.all([first, pause(random() * 200).then(again)]);
    await first;
    if (random() < 0.6) await again();
    if (random() < 0.2) void pause(2_000 + random() * 3_000).then(again);
    await pause(random() * 150);
  }
}

/** All boxes say it behind that place in their logs. */
async function untilAllSay(event: string, from: readonly number[]): Promise<void> {
  await Promise.all(
    boxes.all.map((box, index) => box.until((line) => line.event === event, from[index])),
  );
}

const disturb = {
  async killed() {
    await engine.kill();
    await pause(700);
    await engine.launch();
    return true;
  },
  // As long as it takes until all have noticed: a box that asks nothing looks every second only.
  async paused(from: readonly number[]) {
    engine.pause();
    await Promise.all([pause(1_200), untilAllSay('shared_away', from)]);
    engine.goOn();
    return false;
  },
  async 'failed over'() {
    await engine.failOver();
    return true;
  },
  async emptied() {
    await engine.ask('FLUSHALL');
    return true;
  },
  async 'cut off'() {
    engine.cut();
    return false;
  },
  async slow(from: readonly number[]) {
    engine.delay(600);
    await Promise.all([pause(1_500), untilAllSay('shared_away', from)]);
    engine.delay(0);
    return false;
  },
  async 'killed and emptied'() {
    await engine.ask('FLUSHALL');
    await engine.kill();
    await engine.launch();
    return true;
  },
} as const;

async function disturbInTurns(isOver: () => boolean, random: () => number): Promise<void> {
  const kinds = Object.keys(disturb) as (keyof typeof disturb)[];
  for (let round = 0; !isOver(); round += 1) {
    await pause(2_500 + random() * 2_500);
    const what = kinds[round % kinds.length]!;
    const from = boxes.all.map(({ log }) => log.length);
    const fromNs = process.hrtime.bigint();
    const isAnew = await disturb[what](from);
    // Joined again, and told what they know, where it may not know that.
    await untilAllSay(isAnew ? 'shared_told' : 'shared_up', from);
    disturbances.push({ what, fromNs, toNs: process.hrtime.bigint() });
  }
}

/** A box that found the engine too slow by itself went by its own books, too. */
function ownAccounts(box: Box, sinceMs: number, sinceNs: bigint): Disturbance[] {
  const asNs = (stamp: unknown) =>
    sinceNs + BigInt(Math.round((Date.parse(String(stamp)) - sinceMs) * 1e6));
  return box.log.flatMap((line, index) => {
    if (line.event !== 'shared_away') return [];
    const up = box.log.slice(index).find(({ event }) => event === 'shared_up');
    const toNs = up === undefined ? process.hrtime.bigint() : asNs(up.timestamp);
    return [{ what: String(line.reason), fromNs: asNs(line.timestamp) - 300_000_000n, toNs }];
  });
}

test(`whatever becomes of the engine, what is promised holds (seed ${seed})`, async () => {
  const random = randomBy(seed);
  const [sinceMs, sinceNs] = [Date.now(), process.hrtime.bigint()];
  const idleKiB = boxes.all.map(({ pid }) => residentKiB(pid));
  const left = Array.from({ length: messages }, (_, index) => index + 1);
  let isOver = false;
  const wild = disturbInTurns(() => isOver, randomBy(seed + 1));
  // The modems have faults of their own meanwhile.
  const never = new AbortController();
  const faults = ['cms:38', 'late:900', 'silence:1500', 'cms:500', 'silence-lost:1500'];
  const played = boxes.all.map(async ({ modems }, index) => {
    for (let round = 0; !isOver; round += 1) {
      await pause(1_000 + random() * 2_000);
      await modems[round % 2]!.playNext(faults[(round + index) % faults.length]!, never.signal);
    }
  });
  await Promise.all(Array.from({ length: callers }, () => callerLoop(left, random)));
  await pause(6_000);
  isOver = true;
  never.abort();
  await Promise.all([wild, ...played]);
  const grown = boxes.all.map(({ pid }, index) => residentKiB(pid) - idleKiB[index]!);
  for (const box of boxes.all) await box.end('SIGTERM');
  const records = boxes.all.map(({ modems }) => modems.flatMap((modem) => modem.record()));
  const own = boxes.all.flatMap((box) => ownAccounts(box, sinceMs, sinceNs));
  const { broken, ...counts } = judgeBoxes(asked, records, [...disturbances, ...own]);
  const statuses = new Map<number, number>();
  for (const { answer } of asked)
    statuses.set(answer?.status ?? 0, (statuses.get(answer?.status ?? 0) ?? 0) + 1);
  console.info({ seed, requests: asked.length, statuses, ...counts, grown });
  console.info(
    disturbances.map(({ what, fromNs, toNs }) => `${what} ${(toNs - fromNs) / 1_000_000n} ms`),
  );
  expect(broken).toEqual([]);
  expect(counts.undisturbed).toBeGreaterThan(messages / 10);
  expect(Math.max(...grown)).toBeLessThan(growthLimitKiB);
  for (const box of boxes.all)
    expect(box.raw).not.toMatch(/code \d+-\d+ end|\+49151\d{8}|"key \d+"/);
});
