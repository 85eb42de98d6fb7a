import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CreditConfig } from '../../src/config/credit.js';
import { CreditKeeper } from '../../src/credit/credit.js';
import { Expression } from '../../src/words/expression.js';
import { LogRecord } from '../http/support/gateway.js';

const hour = 3_600_000;
const day = 24 * hour;

const settings = (more: Partial<CreditConfig> = {}): CreditConfig => ({
  ussd: '*100#',
  smsTo: undefined,
  smsText: undefined,
  smsFrom: undefined,
  everyHours: 24,
  expression: new Expression(String.raw`(?<amount>\d+\.\d\d)`),
  dateOrder: 'dmy',
  low: 5,
  warnDays: 14,
  keepAliveTo: undefined,
  keepAliveDays: 60,
  keepAliveText: 'alive',
  ...more,
});

/** A keeper, its carrier, and a clock that moves by hand. */
class Desk {
  nowMs = 1_700_000_000_000;
  modem = { name: 'main', sim: 'one' as string | undefined, isIdle: true };
  config: CreditConfig;
  answer: string | Error | undefined = 'Balance: 10.00 EUR';
  readonly asked: string[] = [];
  readonly sent: string[] = [];
  sending: Error | undefined;
  keeper!: CreditKeeper;
  readonly record = new LogRecord();

  constructor(config: CreditConfig) {
    this.config = config;
  }

  async open(): Promise<this> {
    this.keeper = await CreditKeeper.open({
      stateDir: folder,
      modems: () => [this.modem],
      settings: () => this.config,
      askByUssd: async (_, code) => {
        this.asked.push(code);
        if (this.answer instanceof Error) throw this.answer;
        return this.answer;
      },
      send: async (modem, to, text) => {
        if (this.sending !== undefined) throw this.sending;
        this.sent.push(`${modem} ${to} ${text}`);
        // As the queue says it.
        this.keeper.noteSent(modem);
      },
      date: () => this.nowMs,
      isClockSet: () => true,
      log: this.record.log,
    });
    return this;
  }

  /** Time passes, with a tick every quarter of an hour. */
  async pass(ms: number): Promise<void> {
    for (const until = this.nowMs + ms; this.nowMs < until; ) {
      this.nowMs += hour / 4;
      vi.advanceTimersByTime(hour / 4);
      await this.keeper.tick();
    }
  }

  async restart(): Promise<void> {
    await this.keeper.stop();
    await this.open();
  }
}

let folder = '';
const desks: Desk[] = [];
const desk = async (more: Partial<CreditConfig> = {}) => {
  const made = await new Desk(settings(more)).open();
  desks.push(made);
  return made;
};
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  folder = mkdtempSync(join(tmpdir(), 'simgate-credit-'));
});
afterEach(async () => {
  for (const { keeper } of desks.splice(0)) await keeper.stop();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

it('asks once a day, and knows the amount', async () => {
  const own = await desk();
  await own.pass(3 * day);
  expect(own.asked).toHaveLength(3);
  expect(own.keeper.of('main')).toMatchObject({ amount: 10, failures: 0 });
});

it('never asks while a message waits or is sent', async () => {
  const own = await desk();
  own.modem.isIdle = false;
  await own.pass(2 * day);
  expect(own.asked).toEqual([]);
  own.modem.isIdle = true;
  await own.keeper.tick();
  expect(own.asked).toEqual(['*100#']);
});

it('asks again soon when the question gave way to a message, which is no failure', async () => {
  const own = await desk();
  own.answer = undefined;
  await own.pass(hour);
  expect(own.asked).toHaveLength(4);
  expect(own.keeper.of('main')).toMatchObject({ failures: 0 });
  own.answer = 'Balance: 10.00 EUR';
  await own.pass(hour);
  expect(own.asked).toHaveLength(5);
  expect(own.keeper.of('main')).toMatchObject({ amount: 10, failures: 0 });
  await own.keeper.tick();
  expect(own.asked).toHaveLength(5);
});

it('asks every six hours while it is low, so that a payment is seen', async () => {
  const own = await desk();
  own.answer = 'Balance: 3.20 EUR';
  await own.pass(day);
  expect(own.asked).toHaveLength(4);
});

it('asks with growing gaps while nothing can be read, and keeps what it knew', async () => {
  const own = await desk();
  await own.pass(hour);
  own.answer = 'Service not available';
  await own.pass(2 * day);
  expect(own.asked.length).toBeLessThan(10);
  expect(own.keeper.of('main')).toMatchObject({
    amount: 10,
    why: 'the expression finds no amount in the answer',
  });
  expect(own.keeper.of('main')?.failures).toBeGreaterThan(2);
  expect(own.record.text).not.toContain('Service not available');
  own.answer = new Error('the network did not answer within 30 s');
  await own.pass(day);
  expect(own.keeper.of('main')?.why).toBe('the network did not answer within 30 s');
});

it('knows it over a restart, and asks no sooner for that', async () => {
  const own = await desk();
  await own.pass(hour);
  await own.restart();
  expect(own.keeper.of('main')).toMatchObject({ amount: 10 });
  await own.pass(hour);
  expect(own.asked).toHaveLength(1);
});

it('takes another SIM for another credit', async () => {
  const own = await desk();
  await own.pass(hour);
  own.modem.sim = 'two';
  own.answer = 'Balance: 1.00 EUR';
  await own.keeper.tick();
  expect(own.keeper.of('main')).toMatchObject({ sim: 'two', amount: 1 });
});

it('asks by SMS, and takes the answer of who was asked for it, for ten minutes', async () => {
  const own = await desk({ ussd: undefined, smsTo: '12345', smsText: 'BAL', smsFrom: 'Carrier' });
  await own.keeper.tick();
  expect(own.sent).toEqual(['main 12345 BAL']);
  own.keeper.cameIn('main', '+4915112345678', 'Balance: 99.00 EUR');
  expect(own.keeper.of('main')?.amount).toBeUndefined();
  own.keeper.cameIn('main', 'CARRIER', 'Balance: 7.00 EUR');
  expect(own.keeper.of('main')?.amount).toBe(7);
  own.keeper.cameIn('main', 'Carrier', 'Win 500.00 EUR today!');
  expect(own.keeper.of('main')?.amount).toBe(7);
});

it('takes an answer that comes after a restart, and within its time only', async () => {
  const bySms = { ussd: undefined, smsTo: '12345', smsText: 'BAL' };
  const own = await desk(bySms);
  await own.keeper.tick();
  own.nowMs += 300_000;
  await own.restart();
  own.keeper.cameIn('main', '12345', 'Balance: 7.00 EUR');
  expect(own.keeper.of('main')).toMatchObject({ amount: 7, failures: 0 });
  await own.restart();
  own.keeper.cameIn('main', '12345', 'Win 500.00 EUR today!');
  expect(own.keeper.of('main')?.amount).toBe(7);
  await own.pass(day);
  own.nowMs += 700_000;
  await own.restart();
  vi.advanceTimersByTime(1);
  own.keeper.cameIn('main', '12345', 'Balance: 9.00 EUR');
  await own.keeper.tick();
  expect(own.keeper.of('main')).toMatchObject({ amount: 7, failures: 1 });
  expect(own.sent).toHaveLength(2);
});

it('says so when no SMS comes', async () => {
  const own = await desk({ ussd: undefined, smsTo: '12345', smsText: 'BAL' });
  await own.pass(hour);
  expect(own.keeper.of('main')).toMatchObject({ why: 'no answer came within 10 minutes' });
});

it('keeps a SIM alive so many days after its last message, over restarts', async () => {
  const own = await desk({ ussd: undefined, keepAliveTo: '+4915112345678', keepAliveDays: 30 });
  await own.pass(20 * day);
  own.keeper.noteSent('main');
  await own.restart();
  await own.pass(29 * day);
  expect(own.sent).toEqual([]);
  await own.restart();
  await own.pass(2 * day);
  expect(own.sent).toEqual(['main +4915112345678 alive']);
  await own.pass(28 * day);
  expect(own.sent).toHaveLength(1);
});

it('tries again what could not keep it alive, six hours later', async () => {
  const own = await desk({ ussd: undefined, keepAliveTo: '+4915112345678', keepAliveDays: 1 });
  own.sending = new Error('no modem is ready');
  await own.pass(day + 5 * hour);
  own.sending = undefined;
  await own.pass(2 * hour);
  expect(own.sent).toHaveLength(1);
  expect(own.record.text).toContain('could not be kept alive: no modem is ready');
});

describe('a clock that was a year ahead and is put right', () => {
  const year = 365 * day;

  it('puts no question off', async () => {
    const own = await desk();
    own.nowMs += year;
    await own.keeper.tick();
    own.nowMs -= year;
    await own.restart();
    await own.pass(2 * day);
    expect(own.asked).toHaveLength(2);
  });

  it('lets no SIM lapse', async () => {
    const own = await desk({ ussd: undefined, keepAliveTo: '+4915112345678', keepAliveDays: 30 });
    own.nowMs += year;
    await own.keeper.tick();
    own.nowMs -= year;
    await own.pass(31 * day);
    expect(own.sent).toHaveLength(1);
  });

  it('ends the wait for an SMS, and begins none anew', async () => {
    const own = await desk({ ussd: undefined, smsTo: '12345', smsText: 'BAL' });
    own.nowMs += year;
    await own.keeper.tick();
    own.nowMs -= year;
    await own.pass(hour);
    expect(own.keeper.of('main')).toMatchObject({ why: 'no answer came within 10 minutes' });
  });

  it('does not take an answer for late that comes within a minute', async () => {
    const own = await desk({ ussd: undefined, smsTo: '12345', smsText: 'BAL' });
    await own.keeper.tick();
    own.nowMs += day;
    await own.keeper.tick();
    own.keeper.cameIn('main', '12345', 'Balance: 7.00 EUR');
    expect(own.keeper.of('main')).toMatchObject({ amount: 7, failures: 0 });
  });
});
