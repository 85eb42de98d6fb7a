import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseFault } from '../../src/simulator/fault-planner.js';
import { type Supervised, send, stopAll, supervise, untilReady } from './supervised.js';
import { VirtualDevice } from './virtual-link.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  await stopAll();
  vi.useRealTimers();
});

type Ends = Map<string, readonly number[] | string>;

const words = ['ERROR', 'CME515', 'CMS314'];
/** Submit timeouts in seconds, and times that a modem is busy beyond the first `AT` that asks. */
const patience: readonly (readonly [timeoutS: number, busyS: number])[] = [
  [6, 5],
  [6, 20],
  [6, 60],
  [30, 20],
  [30, 60],
  [180, 65],
  [180, 100],
];
/** Milliseconds from the modem's being well to a message that the network took. */
const backWithinMs = 3_000;

/** Hands over one message after another, once a second, until one is sent `afterMs` from now. */
async function sentAfter(setup: Supervised, afterMs: number) {
  const startedAt = performance.now();
  const ends: Ends = new Map();
  let isAtModem = false;
  const next = async (): Promise<void> => {
    if (isAtModem || setup.supervisor.phase !== 'ready') return;
    isAtModem = true;
    const text = `code ${ends.size}`;
    ends.set(text, 'at the modem');
    ends.set(text, await send(setup, text, undefined, 0));
    isAtModem = false;
  };
  const sinceWell = () => performance.now() - startedAt - afterMs;
  const isBack = () => {
    const [last] = [...ends.values()].slice(-1);
    return sinceWell() > 0 && typeof last === 'object';
  };
  for (let second = 0; second < 600 && !isBack(); second += 1) {
    void next();
    await vi.advanceTimersByTimeAsync(1_000);
  }
  return { backMs: sinceWell(), ends };
}

/** By the network's record: what is said to be sent was taken, and nothing twice. */
function expectPromisesKept(device: VirtualDevice, ends: Ends): void {
  const texts = device.accepted().map(({ text }) => text);
  expect(new Set(texts).size).toBe(texts.length);
  const sent = [...ends].flatMap(([text, end]) => (typeof end === 'string' ? [] : [text]));
  for (const text of sent) expect(texts).toContain(text);
}

describe.each(words)('a modem that answers all with %s while it is busy with a message', (word) => {
  const cases = ['others-refused', 'busy', 'busy-lost'].flatMap((kind) =>
    patience.map(([timeoutS, busyS]) => ({ kind, timeoutS, busyS })),
  );

  test.each(cases)(
    'sends as soon as it is free: $kind, $busyS s, and is waited for $timeoutS s',
    async ({ kind, timeoutS, busyS }) => {
      const device = new VirtualDevice();
      const setup = supervise(device, { submitTimeoutMs: timeoutS * 1000 });
      await untilReady(setup);
      // Of a modem that is known to count its references.
      for (const text of ['first', 'second']) await send(setup, text);
      device.faults.queue(parseFault(`${kind}:${word}:${busyS * 1000}`), 1);
      const { backMs, ends } = await sentAfter(setup, busyS * 1000);
      // The next reference is then that of the one that was lost, until nothing old can come.
      const inDoubtMs = kind === 'busy-lost' ? Math.max(timeoutS, 60) * 1000 + 2_000 : 0;
      expect(backMs).toBeLessThanOrEqual(backWithinMs + inDoubtMs);
      expectPromisesKept(device, ends);
      expect(device.commands(), 'it is not silent').not.toContain('AT+CFUN=1,1');
    },
  );

  test.each(patience)(
    'is heard when it says the result of its first message after all: waited for %i s, busy for %i s',
    async (timeoutS, busyS) => {
      const device = new VirtualDevice();
      const setup = supervise(device, { submitTimeoutMs: timeoutS * 1000 });
      await untilReady(setup);
      device.faults.queue(parseFault(`others-refused:${word}:${busyS * 1000}`), 1);
      const { backMs, ends } = await sentAfter(setup, busyS * 1000);
      expect(backMs).toBeLessThanOrEqual(backWithinMs);
      expectPromisesKept(device, ends);
      if (busyS < timeoutS) expect(ends.get('code 0')).toEqual([expect.any(Number)]);
    },
  );

  test('is brought up anew when it refuses what a message needs, and serves within 3 s of the last error', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device, {}, { idleProbeMs: 3_600_000 });
    await untilReady(setup);
    await vi.advanceTimersByTimeAsync(5_000);
    device.begin(`refuse-all:${word}:20000`);
    const { backMs, ends } = await sentAfter(setup, 20_000);
    expect(backMs).toBeLessThanOrEqual(backWithinMs);
    expectPromisesKept(device, ends);
    expect([...ends.values()].filter((end) => typeof end === 'string')).toHaveLength(1);
    expect(setup.phases).toContain('probing');
  });
});

test('a modem that answers AT with nothing but errors for minutes is restarted, and why is told', async () => {
  const device = new VirtualDevice();
  const setup = supervise(device);
  await untilReady(setup);
  const reasons: (string | undefined)[] = [];
  setup.supervisor.onPhase(({ reason }) => reasons.push(reason));
  device.begin('refuse-all:ERROR');
  device.hangUp('kept', 100);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(reasons).toContain('AT: the modem answers ERROR, and never OK');
  expect(device.commands()).not.toContain('AT+CFUN=1,1');
  await vi.advanceTimersByTimeAsync(180_000);
  expect(device.commands()).toContain('AT+CFUN=1,1');
});
