import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import winston from 'winston';
import type { FlightRecord } from '../../src/modem/flight-record.js';
import { Flights } from '../../src/modem/flights.js';
import type { PinMemory } from '../../src/modem/pin-memory.js';
import { Supervisor } from '../../src/modem/supervisor.js';
import type { Notification } from '../../src/notify/protocol.js';
import { createServiceNotifier, type ServiceNotifier } from '../../src/notify/service.js';
import type { OpenLink } from '../../src/serial/link.js';
import { segmentText } from '../../src/sms/segments.js';
import { locatorOf, VirtualDevice } from '../modem/virtual-link.js';

const watchdogMs = 60_000;
const log = winston.createLogger({ silent: true });
const started: Supervisor[] = [];
let notifier: ServiceNotifier;
let told: Notification[];
/** Whether the manager can be told. */
let isHeard: boolean;

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  isHeard = true;
});
afterEach(async () => {
  notifier.stopping();
  await Promise.all(started.splice(0).map((supervisor) => supervisor.stop()));
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function supervisor(openLink: OpenLink, name = 'main'): Supervisor {
  const flightRecord = { note: () => undefined, close: () => Promise.resolve() } as unknown as FlightRecord;
  const one = new Supervisor({
    name,
    number: undefined,
    locator: locatorOf(openLink),
    tuning: { guardMs: 0, submitTimeoutMs: undefined, roaming: true, statusReport: false },
    idleProbeMs: 60_000,
    flights: new Flights(flightRecord, undefined, 180_000),
    readPin: undefined,
    callHook: undefined,
    onInbound: () => undefined,
    pinMemory: { last: () => undefined, note: () => Promise.resolve() } as unknown as PinMemory,
    log,
  });
  started.push(one);
  return one;
}

/** A service with these modems, told that it is ready. */
function run(...modems: Supervisor[]): void {
  const notify = (notification: Notification) => {
    told.push(notification);
    return Promise.resolve(isHeard);
  };
  const manager = { socket: '/run/systemd/notify', watchdogMs };
  notifier = createServiceNotifier({ manager, notify }, modems, log);
  notifier.ready();
  for (const modem of modems) modem.start();
}

/** Feeds in `ms` of time. */
async function feedsIn(ms: number): Promise<number> {
  const from = told.length;
  await vi.advanceTimersByTimeAsync(ms);
  return told.slice(from).filter(({ WATCHDOG }) => WATCHDOG === 1).length;
}

const hour = 3_600_000;
/** A third of the watchdog's time. */
const feedMs = 20_000;
const fedThroughout = hour / feedMs;

describe('the watchdog is fed while', () => {
  test('a modem is idle', async () => {
    run(supervisor(new VirtualDevice().openLink));
    expect(await feedsIn(hour)).toBe(fedThroughout);
  });

  test('a modem is away', async () => {
    run(supervisor(() => Promise.reject(new Error('/dev/virtual does not exist'))));
    expect(await feedsIn(hour)).toBe(fedThroughout);
  });

  test('a modem takes everything and never answers', async () => {
    const link = { path: '/dev/virtual', write: () => undefined, close: () => Promise.resolve() };
    run(supervisor(() => Promise.resolve(link)));
    expect(await feedsIn(hour)).toBe(fedThroughout);
  });

  test('a SIM waits for a person', async () => {
    run(supervisor(new VirtualDevice({ pin: '1234' }).openLink));
    expect(await feedsIn(hour)).toBe(fedThroughout);
  });

  test('a message waits for its result until the submit timeout, and the modem is then got back', async () => {
    const modem = supervisor(new VirtualDevice({}, ['silence:9999999']).openLink);
    run(modem);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(modem.snapshot().phase).toBe('ready');
    const outcome = expect(
      modem.submit(
        { recipient: '+4915112345678', ...segmentText('Your code is 417093'), validityMs: 300_000 },
        { mayStart: () => true, onStarted: () => undefined, retryUntil: performance.now() + 25_000 },
      ),
    ).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(await feedsIn(hour)).toBe(fedThroughout);
    await outcome;
  });
});

describe('the watchdog is fed no more when', () => {
  test('the opening of one modem never settles, though the other is well', async () => {
    const error = vi.spyOn(log, 'error');
    const stuck = supervisor(() => new Promise(() => undefined), 'stuck');
    run(supervisor(new VirtualDevice().openLink), stuck);
    expect(await feedsIn(10 * 60_000)).toBeLessThan(10);
    expect(await feedsIn(hour)).toBe(0);
    expect(error).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(
        /^modem stuck: its supervisor makes no progress: a step of opening is \d+ s overdue$/,
      ),
      expect.objectContaining({ event: 'wedged', modem: 'stuck' }),
    );
  });

  test('a tty never closes', async () => {
    const link = { path: '/dev/virtual', write: () => undefined, close: () => new Promise<void>(() => {}) };
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

test('a feed that could not be told is tried again before the watchdog bites', async () => {
  run(supervisor(new VirtualDevice().openLink));
  await vi.advanceTimersByTimeAsync(29_000);
  isHeard = false;
  expect(await feedsIn(2_000)).toBe(1);
  isHeard = true;
  expect(await feedsIn(6_000)).toBe(1);
  expect(told.at(-1)).toMatchObject({ WATCHDOG: 1, STATUS: expect.any(String) });
});

test('a modem that becomes ready or is lost is told within seconds, and a state only once', async () => {
  const device = new VirtualDevice();
  run(supervisor(device.openLink));
  expect(told).toEqual([{ READY: 1, STATUS: '0 of 1 modem ready: main not there' }]);
  await vi.advanceTimersByTimeAsync(25_000);
  expect(told.slice(1)).toEqual([{ STATUS: expect.stringMatching(/^1 of 1 modem ready: main ready/) }]);
  device.hangUp('kept', 600_000);
  await vi.advanceTimersByTimeAsync(1_500);
  expect(told.slice(2)).toEqual([{ STATUS: '0 of 1 modem ready: main not there' }]);
  await vi.advanceTimersByTimeAsync(300_000);
  expect(told.slice(3)).toEqual(Array.from({ length: 10 }, () => ({ WATCHDOG: 1 })));
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

test('a reload that fails fails for its caller too', async () => {
  run(supervisor(new VirtualDevice().openLink));
  await expect(notifier.reloading(() => Promise.reject(new Error('countries')))).rejects.toThrow('countries');
  expect(told.map((one) => Object.keys(one)[0]).slice(-2)).toEqual(['RELOADING', 'READY']);
});

test('without a service manager nothing is done, and a reload still runs', async () => {
  notifier = createServiceNotifier(undefined, [supervisor(new VirtualDevice().openLink)], log);
  notifier.ready();
  expect(await notifier.reloading(() => Promise.resolve('done'))).toBe('done');
  expect(vi.getTimerCount()).toBe(0);
});
