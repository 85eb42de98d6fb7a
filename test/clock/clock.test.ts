import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import winston from 'winston';
import { Clock } from '../../src/clock/clock.js';
import { createLog } from '../../src/log.js';
import { releasedAtMs } from '../../src/version.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const settleMs = 5 * minuteMs;
const startMs = releasedAtMs + 100 * dayMs;

let folder: string;
let file: string;
/** How far the wall clock is off. */
let offMs: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-clock-'));
  file = join(folder, 'clock');
  offMs = 0;
  vi.useFakeTimers({
    now: startMs,
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  });
  const { now } = Date;
  vi.spyOn(Date, 'now').mockImplementation(() => now() + offMs);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

const trueMs = () => Date.now() - offMs;
const noted = () => Math.round(statSync(file).mtimeMs);
const note = (ms: number) => {
  writeFileSync(file, '');
  utimesSync(file, new Date(ms), new Date(ms));
};
/** Lets time pass, and what is on its way to the disk get there. */
async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  await new Promise((resolve) => setImmediate(resolve));
}

/** A run of the daemon, and what its system says of the clock. */
async function run(says: () => boolean | undefined = () => undefined) {
  const logged: string[] = [];
  const stream = new Writable({
    write(line: Buffer, _encoding, done) {
      logged.push((JSON.parse(line.toString()) as { message: string }).message);
      done();
    },
  });
  let asked = 0;
  const clock = await Clock.open({
    file,
    log: createLog({ level: 'info', format: 'json', stream }),
    isSynchronised: () => {
      asked += 1;
      return Promise.resolve(says());
    },
  });
  onTestFinished(() => clock.close());
  return { clock, logged, asked: () => asked };
}

test('a clock that leapt ahead for three seconds locks nobody out, in this run and after a restart', async () => {
  const first = await run();
  await pass(2 * settleMs);
  offMs = 400 * dayMs;
  expect(first.clock.isSet()).toBe(true);
  expect(first.clock.date()).toBe(trueMs());
  expect(first.clock.stamp()).toBe(trueMs());
  expect(first.clock.beforeLeap()).toBe(trueMs());
  await pass(3_000);
  await first.clock.close(); // a restart in the middle of it
  const second = await run();
  await pass(1_000);
  offMs = 0;
  expect(second.clock.isSet()).toBe(true);
  expect(second.clock.date()).toBe(trueMs());
  expect(second.clock.beforeLeap()).toBeUndefined();
  await second.clock.close();
  const third = await run();
  expect(third.clock.isSet()).toBe(true);
  expect(third.clock.date()).toBe(trueMs());
  expect(noted()).toBeLessThanOrEqual(trueMs());
  expect([first, second, third].flatMap(({ logged }) => logged)).toEqual([]);
});

test('what is counted never runs backwards, and goes on at the pace of the monotonic clock', async () => {
  offMs = 400 * dayMs;
  const { clock } = await run();
  const before = clock.stamp();
  await pass(1_000);
  offMs = 0;
  await pass(1_000);
  expect(clock.stamp()).toBe(before + 2_000);
  expect(clock.date()).toBe(trueMs());
  expect(clock.leastDate()).toBe(releasedAtMs);
});

test('a stamp counts once it has stood beside the monotonic clock, and the next run knows it', async () => {
  const first = await run();
  await pass(settleMs);
  await first.clock.close();
  expect(noted()).toBe(trueMs());
  offMs = -2 * dayMs;
  const { clock, logged } = await run();
  expect(clock.isSet()).toBe(false);
  expect(logged).toEqual([
    expect.stringMatching(/before .*\/clock.*clock_unset.*delete .*\/clock, and start it again/),
  ]);
  offMs = 0;
  expect(clock.isSet()).toBe(true);
  expect(logged.at(-1)).toBe('the clock is set');
});

test('a machine that is put back by less than a minute is judged as before', async () => {
  const { clock } = await run();
  await pass(2 * settleMs);
  offMs = -30_000;
  expect(clock.isSet()).toBe(true);
  offMs = -hourMs;
  expect(clock.isSet()).toBe(false);
});

test('a clock that was ahead for long and is put right while the daemon runs is believed after a while, without anybody’s help', async () => {
  await (await run()).clock.close();
  offMs = 400 * dayMs;
  const { clock, logged } = await run();
  await pass(3 * hourMs);
  expect(noted()).toBeGreaterThan(trueMs() + 399 * dayMs);
  const stamp = clock.stamp();
  offMs = 0;
  expect(clock.isSet()).toBe(false);
  await pass(settleMs + 10_000);
  expect(clock.isSet()).toBe(true);
  expect(clock.date()).toBe(trueMs());
  expect(clock.stamp()).toBeGreaterThan(stamp);
  await clock.close();
  expect(noted()).toBeLessThanOrEqual(trueMs());
  expect(logged).toContainEqual(expect.stringMatching(/put right/));
});

test('a clock that is put back to before all that an earlier run knew stays in doubt', async () => {
  note(startMs - dayMs);
  const { clock } = await run();
  await pass(settleMs);
  offMs = -2 * dayMs;
  await pass(dayMs / 2);
  expect(clock.isSet()).toBe(false);
});

test('a system that says "synchronised" lifts the doubt at the start, and later stamps are set aside for good', async () => {
  note(startMs + 400 * dayMs);
  const first = await run(() => true);
  expect(first.clock.isSet()).toBe(true);
  expect(first.clock.date()).toBe(trueMs());
  expect(first.logged).toEqual([expect.stringMatching(/put right.*synchronised/)]);
  await first.clock.close();
  const second = await run(() => false);
  expect(second.clock.isSet()).toBe(true);
});

test('a system that says so later is asked again while there is a doubt', async () => {
  note(startMs + 400 * dayMs);
  let says: boolean | undefined = false;
  const { clock } = await run(() => says);
  expect(clock.isSet()).toBe(false);
  await pass(hourMs);
  expect(clock.isSet()).toBe(false);
  says = true;
  await pass(10_000);
  expect(clock.isSet()).toBe(true);
});

test.each([false, undefined])(
  'a system that says %s refuses nothing by that alone',
  async (says) => {
    const { clock, logged, asked } = await run(() => says);
    await pass(dayMs);
    expect(clock.isSet()).toBe(true);
    expect(logged).toEqual([]);
    expect(asked()).toBe(1);
  },
);

test('a clock that is set at last, as by NTP after the start, is followed at once where the system vouches for it', async () => {
  let says: boolean | undefined = false;
  offMs = -10 * dayMs;
  const { clock } = await run(() => says);
  await pass(2 * minuteMs);
  offMs = 0;
  says = true;
  await pass(10_000);
  expect(clock.date()).toBe(trueMs());
  expect(clock.beforeLeap()).toBeUndefined();
  await clock.close();
  expect(noted()).toBeGreaterThanOrEqual(trueMs() - 10_000);
});

test('and after a while where nothing does', async () => {
  offMs = -10 * dayMs;
  const { clock } = await run();
  await pass(2 * minuteMs);
  offMs = 0;
  expect(clock.beforeLeap()).toBe(trueMs() - 10 * dayMs);
  await pass(2 * settleMs);
  expect(clock.date()).toBe(trueMs());
});

test('a system that does not answer holds up a start in doubt for three seconds, and no other', async () => {
  const silent = {
    file,
    log: winston.createLogger({ silent: true }),
    isSynchronised: () => new Promise<undefined>(() => undefined),
  };
  await (await Clock.open(silent)).close();
  note(startMs + 400 * dayMs);
  let isOpen = false;
  const opening = Clock.open(silent).then((clock) => {
    isOpen = true;
    return clock;
  });
  while (vi.getTimerCount() < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(isOpen).toBe(false);
  await vi.advanceTimersByTimeAsync(3_000);
  expect((await opening).isSet()).toBe(false);
});

test('the release is a time that is sure: before it no clock is set, and nothing is to be deleted for it', async () => {
  offMs = releasedAtMs - startMs - dayMs;
  const { clock } = await run();
  expect(clock.isSet()).toBe(false);
  expect(clock.doubt()?.what).toMatch(/when this version was made/);
  expect(clock.doubt()?.remedy).not.toMatch(/delete/);
});
