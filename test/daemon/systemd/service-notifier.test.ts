import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import winston from 'winston';
import type { Notification } from '../../../src/daemon/systemd/sd-notify.js';
import {
  createServiceNotifier,
  type ServiceNotifier,
} from '../../../src/daemon/systemd/service-notifier.js';
import type { Health } from '../../../src/doctor/finding.js';
import { InFlightSubmits } from '../../../src/modem/in-flight-submits.js';
import { Supervisor } from '../../../src/modem/supervisor.js';
import type { OpenLink } from '../../../src/serial/link.js';
import { segmentText } from '../../../src/sms/segments.js';
import { noFile, noPins } from '../../modem/supervised.js';
import { locatorOf, VirtualDevice } from '../../modem/virtual-link.js';

const watchdogMs = 60_000;
const log = winston.createLogger({ silent: true });
const started: Supervisor[] = [];
let judged: Health;
let notifier: ServiceNotifier;
let told: Notification[];
/** Whether the manager can be told, and the milliseconds after which a telling ends. */
let isHeard: boolean;
let takesMs: number;
/** When feeds arrived, by performance.now(): as late as can be, at the end of their telling. */
let fedAt: number[];
let readyAt: number;

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  judged = { grade: 'ok', obstacles: [] };
  isHeard = true;
  takesMs = 0;
  fedAt = [];
});
afterEach(async () => {
  notifier.stopping();
  await Promise.all(started.splice(0).map((supervisor) => supervisor.stop()));
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function supervisor(openLink: OpenLink, name = 'main'): Supervisor {
  const one = new Supervisor({
    name,
    number: undefined,
    locator: locatorOf(openLink),
    tuning: { guardMs: 0, submitTimeoutMs: undefined, roaming: true, statusReport: false },
    idleProbeMs: 60_000,
    inFlight: new InFlightSubmits(noFile, undefined),
    readPin: undefined,
    callHook: undefined,
    onInbound: () => undefined,
    pinMemory: noPins,
    log,
  });
  started.push(one);
  return one;
}

/** A service with these modems, told that it is ready. */
function run(...modems: Supervisor[]): void {
  const notify = async (notification: Notification) => {
    told.push(notification);
    const wasHeard = isHeard;
    if (takesMs > 0) await new Promise((resolve) => setTimeout(resolve, takesMs));
    if (wasHeard && notification.WATCHDOG === 1) fedAt.push(performance.now());
    return wasHeard;
  };
  const manager = { socket: '/run/systemd/notify', watchdogMs };
  notifier = createServiceNotifier({ manager, notify }, modems, () => judged, log);
  readyAt = performance.now();
  notifier.ready();
  for (const modem of modems) modem.start();
}

/** Milliseconds between feeds: a third of the watchdog's time. */
const feedMs = 20_000;
const hour = 3_600_000;

/** Feeds in `ms` of time. */
async function feedsIn(ms: number): Promise<number> {
  const from = fedAt.length;
  await vi.advanceTimersByTimeAsync(ms);
  return fedAt.length - from;
}

/** The longest time without a feed, in milliseconds, from READY until now. */
function longestHunger(): number {
  const times = [readyAt, ...fedAt, performance.now()];
  return Math.max(...times.slice(1).map((time, i) => time - times[i]!));
}

describe('the watchdog is fed while', () => {
  test('a modem is idle', async () => {
    run(supervisor(new VirtualDevice().openLink));
    await vi.advanceTimersByTimeAsync(hour);
    expect(longestHunger()).toBe(feedMs);
  });

  test('a modem is away', async () => {
    run(supervisor(() => Promise.reject(new Error('/dev/virtual does not exist'))));
    await vi.advanceTimersByTimeAsync(hour);
    expect(longestHunger()).toBe(feedMs);
  });

  test('a modem takes everything and never answers', async () => {
    const link = { path: '/dev/virtual', write: () => undefined, close: () => Promise.resolve() };
    run(supervisor(() => Promise.resolve(link)));
    await vi.advanceTimersByTimeAsync(hour);
    expect(longestHunger()).toBe(feedMs);
  });

  test('a SIM waits for a person', async () => {
    run(supervisor(new VirtualDevice({ pin: '1234' }).openLink));
    await vi.advanceTimersByTimeAsync(hour);
    expect(longestHunger()).toBe(feedMs);
  });

  test('a message waits for its result until the submit timeout, and the modem is then got back', async () => {
    const modem = supervisor(new VirtualDevice({}, ['silence:9999999']).openLink);
    run(modem);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(modem.snapshot().phase).toBe('ready');
    const outcome = expect(
      modem.submit(
        { recipient: '+4915112345678', ...segmentText('Your code is 417093'), validityMs: 300_000 },
        {
          mayCommit: () => true,
          onCommitted: () => undefined,
          retryUntil: performance.now() + 25_000,
        },
      ),
    ).rejects.toMatchObject({ code: 'outcome_unknown' });
    await vi.advanceTimersByTimeAsync(hour);
    expect(longestHunger()).toBe(feedMs);
    await outcome;
  });
});

describe('the watchdog is fed no more when', () => {
  test('the opening of one modem never settles, though the other is well', async () => {
    const error = vi.spyOn(log, 'error');
    const stuck = supervisor(() => new Promise(() => undefined), 'stuck');
    run(supervisor(new VirtualDevice().openLink), stuck);
    expect(await feedsIn(10 * 60_000)).toBeLessThan(20);
    expect(await feedsIn(hour)).toBe(0);
    expect(error).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(
        /^modem stuck: its supervisor makes no progress: a step of opening is \d+ s overdue$/,
      ),
      expect.objectContaining({ event: 'wedged', modem: 'stuck' }),
    );
  });

  test('a tty never closes', async () => {
    const link = {
      path: '/dev/virtual',
      write: () => undefined,
      close: () => new Promise<void>(() => {}),
    };
    run(supervisor(() => Promise.resolve(link)));
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    expect(await feedsIn(hour)).toBe(0);
    started.splice(0); // it cannot be stopped either
  });

  test('a modem’s timer was lost', async () => {
    const modem = supervisor(new VirtualDevice().openLink);
    run(modem);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(modem.snapshot().phase).toBe('ready');
    const later = globalThis.setTimeout;
    // As if the event loop forgot it: what is set for the next idle probe never fires.
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, ms: number) =>
      ms === 60_000 ? later(() => undefined, ms) : later(run, ms)) as typeof setTimeout);
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    expect(await feedsIn(hour)).toBe(0);
  });
});

test.each([100, 9_000])(
  'it is fed in time though each telling takes %i ms, whenever a modem is lost',
  async (ms) => {
    takesMs = ms;
    const device = new VirtualDevice();
    const modem = supervisor(device.openLink);
    run(modem);
    // A loss is told a second later: in each round somewhat closer to the feed at 120 s, and then
    // beyond it.
    for (let lostMs = 105_000; lostMs <= 120_000; lostMs += 50) {
      const statuses = told.filter(({ STATUS }) => STATUS?.endsWith('not there')).length;
      await vi.advanceTimersByTimeAsync(lostMs - 60_000);
      expect(modem.snapshot().phase).toBe('ready');
      await vi.advanceTimersByTimeAsync(60_000 - takesMs);
      device.hangUp('kept', 20_000);
      await vi.advanceTimersByTimeAsync(takesMs + 120_000 - lostMs);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(told.filter(({ STATUS }) => STATUS?.endsWith('not there')).length).toBeGreaterThan(
        statuses,
      );
    }
    expect(longestHunger()).toBeLessThanOrEqual(feedMs + takesMs);
  },
);

test('a feed that could not be told is tried again before the watchdog bites', async () => {
  run(supervisor(new VirtualDevice().openLink));
  await vi.advanceTimersByTimeAsync(39_000);
  const from = told.length;
  isHeard = false;
  await vi.advanceTimersByTimeAsync(2_000);
  expect(told.length).toBe(from + 1);
  isHeard = true;
  expect(await feedsIn(6_000)).toBe(1);
  expect(told.at(-1)).toMatchObject({ WATCHDOG: 1, STATUS: expect.any(String) });
  expect(longestHunger()).toBeLessThan(feedMs + 6_000);
});

const names = (from = 0) => told.slice(from).map((one) => Object.keys(one)[0]);

test('READY that could not be told is told every five seconds until it was, and then no more', async () => {
  isHeard = false;
  run(supervisor(() => Promise.reject(new Error('/dev/virtual does not exist'))));
  await vi.advanceTimersByTimeAsync(12_000);
  isHeard = true;
  await vi.advanceTimersByTimeAsync(4_000);
  expect(names().filter((name) => name === 'READY')).toHaveLength(4);
  expect(told.at(-1)).toEqual({ READY: 1, STATUS: expect.any(String), WATCHDOG: 1 });
  const from = told.length;
  expect(await feedsIn(hour)).toBeGreaterThan(170);
  expect(names(from)).not.toContain('READY');
});

test('READY after a reload is told again too', async () => {
  run(supervisor(new VirtualDevice().openLink));
  await vi.advanceTimersByTimeAsync(30_000);
  const from = told.length;
  isHeard = false;
  await notifier.reloading(() => Promise.resolve());
  await vi.advanceTimersByTimeAsync(1_000);
  isHeard = true;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(names(from)).toEqual(['RELOADING', 'READY', 'READY']);
  expect(told[from]).toEqual({ RELOADING: 1, MONOTONIC_USEC: expect.any(BigInt), WATCHDOG: 1 });
});

test('READY that is still owed does not end a reload that is under way', async () => {
  isHeard = false;
  run(supervisor(new VirtualDevice().openLink));
  await vi.advanceTimersByTimeAsync(1_000);
  isHeard = true;
  const from = told.length;
  const reload = notifier.reloading(() => new Promise((resolve) => setTimeout(resolve, 40_000)));
  await vi.advanceTimersByTimeAsync(39_000);
  expect(names(from)[0]).toBe('RELOADING');
  expect(names(from)).not.toContain('READY');
  await vi.advanceTimersByTimeAsync(1_000);
  await reload;
  expect(names(from).at(-1)).toBe('READY');
});

test('what comes up while something is being told is told when that has ended', async () => {
  takesMs = 9_000;
  run(supervisor(new VirtualDevice().openLink));
  await notifier.reloading(() => Promise.resolve());
  expect(names()).toEqual(['READY', 'RELOADING']);
  await vi.advanceTimersByTimeAsync(takesMs);
  expect(names()).toEqual(['READY', 'RELOADING', 'READY']);
  notifier.stopping();
  await vi.advanceTimersByTimeAsync(takesMs);
  expect(names()).toEqual(['READY', 'RELOADING', 'READY', 'STOPPING']);
});

test('a modem that becomes ready or is lost is told within seconds, and a state only once', async () => {
  const device = new VirtualDevice();
  run(supervisor(device.openLink));
  expect(told).toEqual([{ READY: 1, STATUS: '0 of 1 modem ready: main not there', WATCHDOG: 1 }]);
  await vi.advanceTimersByTimeAsync(19_000);
  expect(told.slice(1)).toEqual([
    { STATUS: expect.stringMatching(/^1 of 1 modem ready: main ready/), WATCHDOG: 1 },
  ]);
  device.hangUp('kept', 600_000);
  await vi.advanceTimersByTimeAsync(1_500);
  expect(told[2]).toEqual({ STATUS: '0 of 1 modem ready: main not there', WATCHDOG: 1 });
  const from = told.length;
  await vi.advanceTimersByTimeAsync(300_000);
  expect(told.slice(from)).toEqual(Array.from({ length: 15 }, () => ({ WATCHDOG: 1 })));
});

test('modems that a reload brings and takes away are told, and listened to', async () => {
  const modems = [supervisor(new VirtualDevice().openLink)];
  const notify = async (notification: Notification) => {
    told.push(notification);
    return true;
  };
  const manager = { socket: '/run/systemd/notify', watchdogMs };
  notifier = createServiceNotifier({ manager, notify }, modems, () => judged, log);
  notifier.ready();
  modems[0]!.start();
  await vi.advanceTimersByTimeAsync(19_000);
  const second = new VirtualDevice();
  modems.push(supervisor(second.openLink, 'second'));
  notifier.modemsChanged();
  modems[1]!.start();
  await vi.advanceTimersByTimeAsync(15_000);
  expect(told.findLast(({ STATUS }) => STATUS !== undefined)?.STATUS).toMatch(
    /^2 of 2 modems ready/,
  );
  const [gone] = modems.splice(0, 1);
  notifier.modemsChanged();
  await gone!.stop();
  await vi.advanceTimersByTimeAsync(1_500);
  expect(told.findLast(({ STATUS }) => STATUS !== undefined)?.STATUS).toMatch(
    /^1 of 1 modem ready: second ready/,
  );
});

test('nothing but STOPPING is told once the daemon ends', async () => {
  run(supervisor(new VirtualDevice().openLink));
  await vi.advanceTimersByTimeAsync(1);
  const from = told.length;
  const reload = notifier.reloading(() => new Promise((resolve) => setTimeout(resolve, 10)));
  notifier.stopping();
  notifier.stopping();
  await vi.advanceTimersByTimeAsync(hour);
  await reload;
  expect(told.slice(from).map((one) => Object.keys(one)[0])).toEqual(['RELOADING', 'STOPPING']);
});

test('STOPPING that could not be told is told again, and nothing after it', async () => {
  run(supervisor(new VirtualDevice().openLink));
  await vi.advanceTimersByTimeAsync(30_000);
  const from = told.length;
  isHeard = false;
  notifier.stopping();
  await vi.advanceTimersByTimeAsync(1_000);
  isHeard = true;
  await vi.advanceTimersByTimeAsync(hour);
  expect(names(from)).toEqual(['STOPPING', 'STOPPING']);
});

test('a reload that fails fails for its caller too', async () => {
  run(supervisor(new VirtualDevice().openLink));
  await expect(notifier.reloading(() => Promise.reject(new Error('countries')))).rejects.toThrow(
    'countries',
  );
  expect(told.map((one) => Object.keys(one)[0]).slice(-2)).toEqual(['RELOADING', 'READY']);
});

test('without a service manager nothing is done, and a reload still runs', async () => {
  notifier = createServiceNotifier(
    undefined,
    [supervisor(new VirtualDevice().openLink)],
    () => judged,
    log,
  );
  notifier.ready();
  expect(await notifier.reloading(() => Promise.resolve('done'))).toBe('done');
  expect(vi.getTimerCount()).toBe(0);
});
