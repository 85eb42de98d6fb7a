import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type HistoryPoint,
  historyMs,
  mostPoints,
  OpenPoint,
  pointMs,
  settled,
} from '../../src/page/history.js';
import { HistoryFile } from '../../src/page/history-file.js';
import { HistoryStore } from '../../src/page/history-store.js';
import { historyJson } from '../../src/page/history-view.js';

const start = Date.UTC(2026, 10, 30);
const pointAt = (index: number, accepted = 1): HistoryPoint => ({
  atMs: start + index * pointMs,
  counts: { accepted },
  waited: undefined,
  took: undefined,
  signal: { main: -71 },
});

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-history-'));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

describe('a point', () => {
  test('counts verdicts of callers, and of times the half and 19 of 20', () => {
    const point = new OpenPoint(start);
    for (let ms = 1; ms <= 100; ms += 1)
      point.answered({ caller: 'auth0', waitedMs: ms, tookMs: 1 });
    point.answered({ caller: 'auth0', waitedMs: 9_999, tookMs: 1, isReplay: true });
    point.answered({ caller: 'auth0', code: 'rate_limited' });
    point.answered({ caller: 'auth0', code: 'no_modem_ready' });
    point.answered({ caller: 'auth0', code: 'outcome_unknown' });
    point.answered({ code: 'token_invalid', suspected: 'auth0' });
    point.submitEnded({ tookMs: 3_000, submitted: 'yes' });
    point.submitEnded({ tookMs: 9_000, submitted: 'no' });
    point.delivery({ country: 'DE', state: 'delivered', tookMs: 4_000 });
    point.delivery({ country: 'DE', state: 'expired', tookMs: undefined });
    point.heard('main', -70);
    point.heard('main', -73);
    expect(point.point()).toEqual({
      atMs: start,
      counts: { accepted: 101, refused: 1, failed: 1, unknown: 1 },
      waited: [50, 95],
      took: [3_000, 3_000],
      reports: { delivered: 1, failed: 1 },
      delivered: [4_000, 4_000],
      signal: { main: -71 },
    });
  });

  test('keeps a bounded number of times', () => {
    const point = new OpenPoint(start);
    for (let ms = 1; ms <= 5_000; ms += 1) point.answered({ caller: 'a', waitedMs: ms, tookMs: 1 });
    expect(point.point().waited).toEqual([4_500, 4_950]);
  });
});

test('points are by time, each once, a week at most, and none of the future', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -4_000, max: 4_000 })), (indices) => {
      const nowMs = start + 100 * pointMs + 17;
      const points = settled(
        indices.map((index) => pointAt(index)),
        nowMs,
      );
      const times = points.map(({ atMs }) => atMs);
      expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
      expect(points.length).toBeLessThanOrEqual(mostPoints);
      for (const atMs of times) expect(nowMs - atMs).toBeLessThan(historyMs);
      for (const atMs of times) expect(atMs).toBeLessThanOrEqual(nowMs);
      const within = indices.filter((index) => times.includes(start + index * pointMs));
      const sum = points.reduce((total, { counts }) => total + counts.accepted!, 0);
      expect(sum).toBe(within.length);
    }),
  );
});

describe('the file', () => {
  const write = async (path: string, count: number): Promise<void> => {
    const file = new HistoryFile(path);
    const all: HistoryPoint[] = [];
    await file.read(start);
    for (let index = 0; index < count; index += 1) {
      all.push(pointAt(index));
      await file.add(all.at(-1)!, all);
    }
  };

  test('cut off anywhere, as by a power cut, loses the last line at most, and is whole again', async () => {
    const path = join(folder, 'history.jsonl');
    await write(path, 3);
    const octets = readFileSync(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    for (let length = 0; length <= octets.length; length += 7) {
      writeFileSync(path, octets);
      truncateSync(path, length);
      // What a journalling file system leaves of a block that was never written.
      writeFileSync(path, Buffer.alloc(5), { flag: 'a' });
      const file = new HistoryFile(path);
      const nowMs = start + 5 * pointMs;
      const before = await file.read(nowMs);
      const whole = octets.subarray(0, length).toString().split('\n').length - 1;
      expect(before.length).toBeGreaterThanOrEqual(whole - 1);
      await file.add(pointAt(4), [...before, pointAt(4)]);
      expect(await new HistoryFile(path).read(nowMs)).toEqual([...before, pointAt(4)]);
    }
  });

  test('is written anew before it has twice the lines of a week', async () => {
    const path = join(folder, 'history.jsonl');
    const line = `${JSON.stringify({ at: start / 1000, counts: {}, signal: {} })}\n`;
    writeFileSync(path, line.repeat(2 * mostPoints));
    const file = new HistoryFile(path);
    await file.read(start);
    await file.add(pointAt(0), [pointAt(0)]);
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(2);
  });

  test('of another make is left out, whatever stands in it', async () => {
    const path = join(folder, 'history.jsonl');
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (octets) => {
        writeFileSync(path, octets);
        expect(await new HistoryFile(path).read(start)).toEqual([]);
      }),
    );
    writeFileSync(path, '{"at":5,"counts":{"accepted":-1},"signal":{"main":"<b>"}}\n');
    expect(await new HistoryFile(path).read(start)).toEqual([]);
  });
});

describe('the store', () => {
  const log = { info: vi.fn(), warn: vi.fn() };
  const storeAt = (now: () => number, file = join(folder, 'history.jsonl')) =>
    new HistoryStore({
      file,
      now,
      signals: () => [{ name: 'main', signalDbm: -80 }],
      log: log as never,
    });
  const accept = (store: HistoryStore) =>
    store.answered({ caller: 'auth0', waitedMs: 1, tookMs: 1 });

  test('survives a restart, and joins what that cut in two', async () => {
    const now = () => start + 60_000;
    for (let run = 0; run < 2; run += 1) {
      const store = storeAt(now);
      accept(store);
      await store.close();
    }
    const store = storeAt(now);
    await vi.waitFor(() => expect(store.points()[0]?.counts).toEqual({ accepted: 2 }));
    await store.close();
  });

  test('takes a clock that leaps either way', async () => {
    vi.useFakeTimers();
    let nowMs = start + 3 * 86_400_000;
    const store = storeAt(() => nowMs);
    const leap = async (toMs: number) => {
      accept(store);
      nowMs = toMs;
      await vi.advanceTimersByTimeAsync(10_000);
    };
    await leap(start);
    await leap(start + 7_200_000);
    accept(store);
    // What was gathered while the clock was three days ahead is of no known time.
    expect(store.points().map(({ atMs }) => atMs)).toEqual([start, start + 7_200_000]);
    vi.useRealTimers();
    await store.close();
  });

  test('gives the signal of a day, five minutes by five', async () => {
    vi.useFakeTimers();
    let nowMs = start;
    const store = storeAt(() => nowMs);
    for (let minute = 0; minute < 11; minute += 1) {
      await vi.advanceTimersByTimeAsync(60_000);
      nowMs += 60_000;
    }
    const signal = store.signalOfDay('main');
    expect(signal).toHaveLength(288);
    expect(signal.slice(-3)).toEqual([-80, -80, -80]);
    expect(signal.slice(0, 285).every((dbm) => dbm === undefined)).toBe(true);
    vi.useRealTimers();
    await store.close();
  });

  test('a disk that fails is told once, and costs nothing else', async () => {
    vi.useFakeTimers();
    let nowMs = start;
    const store = storeAt(() => nowMs, join(folder, 'none', 'history.jsonl'));
    for (let index = 0; index < 3; index += 1) {
      accept(store);
      nowMs += pointMs;
      await vi.advanceTimersByTimeAsync(10_000);
    }
    vi.useRealTimers();
    await store.close();
    expect(log.warn).toHaveBeenCalledTimes(1);
    expect(store.points().map(({ counts }) => counts.accepted)).toEqual([1, 1, 1, undefined]);
  });
});

test('what is plotted is every five minutes, and nothing where nothing is known', () => {
  expect(historyJson([pointAt(0), pointAt(2)])).toMatchObject({
    at: [0, 300, 600].map((seconds) => start / 1000 + seconds),
    series: { 'messages accepted': [1, null, 1], 'signal main': [-71, null, -71] },
  });
  expect(historyJson([])).toMatchObject({ at: [] });
});
