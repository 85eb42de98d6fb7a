import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Courier, type SavedWay } from '../../src/alerts/courier.js';
import type { AlertNotice } from '../../src/alerts/notice.js';
import type { AlertWay } from '../../src/alerts/way.js';
import { NotTaken } from '../../src/outgoing/call.js';
import { LogRecord } from '../http/support/gateway.js';
import { notice } from './support.js';

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A receiver that can be dead. */
class Receiver implements AlertWay {
  readonly name = 'telephone';
  readonly kind = 'webhook';
  readonly settings = {};
  onlySevere = false;
  why: string | undefined;
  retryAfterMs: number | undefined;
  hangs = false;
  tries = 0;
  readonly told: string[] = [];

  deliver(told: AlertNotice, signal: AbortSignal): Promise<void> {
    this.tries += 1;
    if (this.hangs)
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(new NotTaken('given up'))),
      );
    if (this.why !== undefined)
      return Promise.reject(new NotTaken(this.why, { retryAfterMs: this.retryAfterMs }));
    this.told.push(`${told.state} ${told.id}`);
    return Promise.resolve();
  }
}

const record = () => {
  const { log, entries } = new LogRecord();
  return { log, lines: entries };
};

function courierOf(way: Receiver, saved?: SavedWay, log = record().log): Courier {
  return new Courier({ way, saved, date: () => Date.now(), onChange: () => undefined, log });
}

const now = (more: Partial<AlertNotice> = {}) => notice({ atMs: Date.now(), ...more });
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

it('tells in order, one after the other', async () => {
  const way = new Receiver();
  const courier = courierOf(way);
  courier.take(now({ id: 'a' }));
  courier.take(now({ id: 'b' }));
  await pass(0);
  expect(way.told).toEqual(['raised a', 'raised b']);
  expect(courier.state).toMatchObject({ waiting: 0, delivered: 2, failing: undefined });
});

it('tries a dead receiver again with growing gaps, tells the log once an hour, and goes on when it is back', async () => {
  const way = new Receiver();
  const { log, lines } = record();
  const courier = courierOf(way, undefined, log);
  way.why = 'nobody listens there';
  courier.take(now({ id: 'a' }));
  await pass(5_000 + 20_000 + 80_000);
  expect(way.tries).toBe(4);
  await pass(3_500_000);
  expect(way.tries).toBeLessThan(12);
  expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  expect(courier.state.failing).toMatchObject({ why: 'nobody listens there' });
  way.why = undefined;
  await pass(600_000);
  expect(way.told).toEqual(['raised a']);
  expect(courier.state).toMatchObject({ waiting: 0, failing: undefined });
  expect(lines.at(-1)).toMatchObject({ level: 'info', event: 'alert_way', way: 'telephone' });
});

it('leaves a receiver alone for as long as it wants', async () => {
  const way = new Receiver();
  const courier = courierOf(way);
  [way.why, way.retryAfterMs] = ['it answers 429', 120_000];
  courier.take(now());
  await pass(119_000);
  expect(way.tries).toBe(1);
  await pass(2_000);
  expect(way.tries).toBe(2);
});

it('makes one of a beginning and an end that both still wait', async () => {
  const way = new Receiver();
  const courier = courierOf(way);
  way.why = 'it answers 500';
  courier.take(now({ id: 'a' }));
  await pass(1);
  courier.take(now({ id: 'a', state: 'cleared' }));
  way.why = undefined;
  await pass(10_000);
  expect(way.told).toEqual(['cleared a']);
});

it('gives up after a day, and holds so many at most', async () => {
  const way = new Receiver();
  const courier = courierOf(way);
  way.why = 'it answers 500';
  for (let index = 0; index < 100; index += 1) courier.take(now({ id: `${index}` }));
  expect(courier.state).toMatchObject({ waiting: 64, dropped: 36 });
  await pass(86_400_000 + 600_000);
  expect(courier.state).toMatchObject({ waiting: 0, dropped: 100 });
});

it('is not told what is mild, nor that it is dead itself, where it does not want that', async () => {
  const way = new Receiver();
  const courier = courierOf(way);
  way.onlySevere = true;
  courier.take(now({ severity: 'mild' }));
  courier.take(now({ kind: 'receiver_dead', subject: 'telephone' }));
  courier.take(now({ kind: 'receiver_dead', subject: 'mail', id: 'other' }));
  await pass(0);
  expect(way.told).toEqual(['raised other']);
});

it('gives up what hangs when it is stopped, and takes it up again in the next run', async () => {
  const way = new Receiver();
  const courier = courierOf(way);
  way.hangs = true;
  courier.take(now({ id: 'a' }));
  courier.take(now({ id: 'b' }));
  await pass(1);
  await courier.stop();
  const saved = JSON.parse(JSON.stringify(courier.saved)) as SavedWay;
  await pass(3_600_000);
  expect(way.tries).toBe(1);
  way.hangs = false;
  courierOf(way, saved);
  await pass(1);
  expect(way.told).toEqual(['raised a', 'raised b']);
});
