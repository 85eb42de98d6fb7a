import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Restoration } from '../../src/daemon/remembered.js';
import type { Recent } from '../../src/journal/entries.js';
import { createLog } from '../../src/log.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const known: Recent = { messages: [], simUses: [], holds: [] };

/**
 * A start, whose journal answers when the test says so; the journal has been opened for `openedMs`
 * already.
 */
function setUp(openedMs = 0) {
  const startedAt = performance.now();
  vi.advanceTimersByTime(openedMs);
  const logged: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const { level, message } = JSON.parse(chunk.toString()) as { level: string; message: string };
      logged.push(`${level}: ${message}`);
      done();
    },
  });
  let read!: (recent: Recent) => void;
  const recent = new Promise<Recent>((resolve) => {
    read = resolve;
  });
  const restored: Recent[] = [];
  const log = createLog({ level: 'info', format: 'json', stream });
  const restoration = new Restoration({
    recent,
    takeUp: (each) => restored.push(each),
    startedAt,
    log,
  });
  let hasBegun = false;
  void restoration.inTime().then(() => {
    hasBegun = true;
  });
  return { restoration, read, restored, logged, hasBegun: () => hasBegun };
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test('a journal that is read in time is taken up before the start goes on, without a word', async () => {
  const { restoration, read, restored, logged, hasBegun } = setUp(1_000);
  await pass(3_999);
  expect(hasBegun()).toBe(false);
  expect(restoration.isBlind()).toBe(true);
  read(known);
  await restoration.whenRestored;
  await pass(120_000);
  expect(hasBegun()).toBe(true);
  expect(restored).toEqual([known]);
  expect([restoration.isRestored(), restoration.isBlind()]).toEqual([true, false]);
  expect(logged).toEqual([]);
});

test('the start waits 5 s for all of it, the opening included, and says what is not known', async () => {
  const { restoration, restored, logged, hasBegun } = setUp(4_000);
  await pass(1_000);
  expect(hasBegun()).toBe(true);
  expect(restored).toEqual([]);
  expect([restoration.isRestored(), restoration.isBlind()]).toEqual([false, true]);
  expect(logged).toEqual([expect.stringMatching(/^error: .*could not be read within 5 s/)]);
});

test('what comes late is taken up when it comes, and told', async () => {
  const { restoration, read, restored, logged } = setUp();
  await pass(30_000);
  expect(restoration.isBlind()).toBe(true);
  read(known);
  await pass(0);
  expect(restored).toEqual([known]);
  expect([restoration.isRestored(), restoration.isBlind()]).toEqual([true, false]);
  await pass(120_000);
  expect(logged.slice(1)).toEqual([
    expect.stringMatching(/^info: .*30 s after the start.*known again/),
  ]);
});

test('a minute after the start keys are no longer waited for, and that is told; later it is taken up nevertheless', async () => {
  const { restoration, read, restored, logged } = setUp();
  await pass(59_999);
  expect(restoration.isBlind()).toBe(true);
  await pass(1);
  expect(restoration.isBlind()).toBe(false);
  expect(logged.slice(1)).toEqual([expect.stringMatching(/^error: .*still not be read/)]);
  read(known);
  await restoration.whenRestored;
  expect(restored).toEqual([known]);
  expect(restoration.isRestored()).toBe(true);
});
