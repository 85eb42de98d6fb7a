import { describe, expect, it } from 'vitest';
import type { JudgedPolicy } from '../../src/daemon/judge-limits.js';
import { type JudgedDaemon, type JudgedModem, judge } from '../../src/daemon/judgement.js';
import type { ModemSnapshot } from '../../src/modem/sms-modem.js';
import type { FullLimit } from '../../src/policy/full-limits.js';
import type { Condition } from '../../src/words/condition.js';

const noCaps = { perDay: undefined, perMonth: undefined, recipientsPerMonth: undefined };
const snapshot: ModemSnapshot = {
  name: 'main',
  phase: 'ready',
  phaseSince: 0,
  reason: undefined,
  device: '/dev/ttyUSB2',
  manufacturer: undefined,
  model: undefined,
  operator: undefined,
  iccid: undefined,
  sim: 'ready',
  registration: 'home',
  signalDbm: undefined,
};

function modem(of: Partial<ModemSnapshot> = {}, more: Partial<JudgedModem> = {}): JudgedModem {
  return {
    snapshot: { ...snapshot, ...of },
    isSuspect: false,
    wedgedBy: undefined,
    caps: noCaps,
    used: { dayCount: 0, monthCount: 0, monthRecipients: 0 },
    ...more,
  };
}

const daemon = (more: Partial<JudgedDaemon> = {}): JudgedDaemon => ({
  isStopping: false,
  clockDoubt: undefined,
  modems: [modem()],
  waiting: 0,
  maxWaiting: 50,
  longestDeadlineMs: 25_000,
  policy: policy([]),
  disk: { isFull: false },
  stateDir: '/var/lib/simgate',
  journal: { isOk: true },
  isRestored: true,
  ...more,
});

const inbound = (kind: Condition['kind']): Condition => ({
  kind,
  about: '',
  sentence: 'SMS wait',
  remedy: 'look at them',
  sinceMs: 0,
});

/** Of a gateway with two callers and two countries. */
const policy = (full: FullLimit[]): JudgedPolicy => ({
  full,
  callers: ['auth0', 'shop'],
  countries: ['DE', 'AT'],
  nowMs: Date.UTC(2026, 10, 30, 12),
});
const limit = { count: 5, windowMs: 600_000 };
const total: FullLimit = { name: 'total', limit, freeInMs: 90_000 };
const ofCaller = (of: string): FullLimit => ({ ...total, name: 'per_caller', of });
const toCountry = (of: string): FullLimit => ({ ...total, name: 'per_country', of });

const graded = (more: Partial<JudgedDaemon>) => {
  const { grade, obstacles } = judge(daemon(more));
  return [grade, ...obstacles.map(({ check, level }) => `${level} ${check}`)];
};

it('finds nothing in the way where nothing is', () => {
  expect(judge(daemon())).toEqual({ grade: 'ok', obstacles: [] });
  expect(graded({ modems: [modem({ phase: 'sending' })] })).toEqual(['ok']);
});

const clockDoubt = { what: 'it is behind', remedy: 'set it' };
const absent = modem({ phase: 'absent', reason: 'no modem is plugged in', name: 'other' });

describe('down: a request would be refused before the first Ctrl-Z', () => {
  it.each<[string, Partial<JudgedDaemon>, string[]]>([
    ['a clock that is not set', { clockDoubt }, ['error clock']],
    ['a daemon that stops', { isStopping: true }, ['error daemon']],
    ['no modem', { modems: [absent] }, ['error modem']],
    ['a wait for the network', { modems: [modem({ phase: 'stalled' })] }, ['error modem']],
    [
      'a SIM that is blocked',
      { modems: [modem({ phase: 'unlocking', sim: 'puk' })] },
      ['error sim'],
    ],
    [
      'a SIM that the network denies',
      { modems: [modem({ phase: 'registering', registration: 'denied' })] },
      ['error registration'],
    ],
    [
      'a SIM that has sent all it may',
      {
        modems: [
          modem(
            {},
            {
              caps: { ...noCaps, perDay: 5 },
              used: { dayCount: 5, monthCount: 5, monthRecipients: 1 },
            },
          ),
        ],
      },
      ['error sim_cap'],
    ],
    ['a broken loop', { modems: [modem({}, { wedgedBy: 'a step' })] }, ['error modem']],
    ['a full queue', { waiting: 50 }, ['error queue']],
    ['a queue that takes too long', { waiting: 7, loginDoneInMs: 26_000 }, ['error queue']],
    ['the total', { policy: policy([total]) }, ['error limit']],
    [
      'the limit of each caller',
      { policy: policy([ofCaller('auth0'), ofCaller('shop')]) },
      ['error limit', 'error limit'],
    ],
    [
      'the limit of each country',
      { policy: policy([toCountry('DE'), toCountry('AT')]) },
      ['error limit', 'error limit'],
    ],
    [
      'more messages than can be remembered',
      { policy: policy([{ name: 'memory', freeInMs: 1 }]) },
      ['error limit'],
    ],
  ])('%s', (_, more, obstacles) => {
    expect(graded(more)).toEqual(['down', ...obstacles]);
  });
});

describe('degraded: it is let in, and needs a look', () => {
  it.each<[string, Partial<JudgedDaemon>, string[]]>([
    ['a suspect SIM', { modems: [modem({}, { isSuspect: true })] }, ['error sim']],
    ['a journal fault', { journal: { isOk: false, fault: 'full' } }, ['warning journal']],
    ['a journal not read yet', { isRestored: false }, ['warning journal']],
    ['a log that is lost', { log: { lines: 3, why: 'full' } }, ['warning log']],
    ['a full disk', { disk: { isFull: true } }, ['warning disk']],
    ['SMS that it does not delete', { modems: [modem({ undeletable: 2 })] }, ['warning storage']],
    ['a spool that is full', { inbound: [inbound('inbound_full')] }, ['warning inbound']],
    ['a spool left behind', { inbound: [inbound('inbound_left')] }, ['warning inbound']],
    ['the limit of one caller', { policy: policy([ofCaller('shop')]) }, ['warning limit']],
    ['the limit of one country', { policy: policy([toCountry('DE')]) }, ['warning limit']],
    ['one of two modems', { modems: [absent, modem()] }, ['warning modem']],
    [
      'a modem at which each send fails',
      { modems: [modem({ notices: [{ kind: 'sends', sentence: 'try this' }] })] },
      ['error sends'],
    ],
    [
      'a modem that gets nothing through, and nobody knows why',
      { modems: [modem({}, { failing: { messages: 3, miss: { why: 'x', isSlow: false } } })] },
      ['error sends'],
    ],
    [
      'the same where the cause is known: only that',
      {
        modems: [
          modem(
            {},
            { failing: { messages: 3, miss: { why: 'x', isSlow: true } }, isSuspect: true },
          ),
        ],
      },
      ['error sim'],
    ],
  ])('%s', (_, more, obstacles) => {
    expect(graded(more)).toEqual(['degraded', ...obstacles]);
  });
});

it('what the carrier writes is in the way of nothing', () => {
  expect(graded({ inbound: [inbound('carrier_message')] })).toEqual(['ok']);
});

it('a line of init that was refused is for its modem to tell', () => {
  const notices = [{ kind: 'init' as const, sentence: 'line 2 was refused' }];
  expect(graded({ modems: [modem({ notices })] })).toEqual(['ok']);
});

it('tells the longest window of a full limit, whose it is, and until when', () => {
  const longer = { ...ofCaller('shop'), limit: { count: 9, windowMs: 86_400_000 } };
  const all = policy([ofCaller('shop'), { ...longer, freeInMs: 3_600_000 }]);
  const { obstacles } = judge(daemon({ policy: all }));
  expect(obstacles).toEqual([
    expect.objectContaining({
      check: 'limit',
      about: 'shop',
      what: 'policy.per_caller (9 in 24 h) is reached: each of caller shop is answered 429 rate_limited until 13:00 UTC',
    }),
  ]);
});

it('what the terminal has sent is no caller whose codes are refused', () => {
  expect(graded({ policy: policy([ofCaller('simgate send')]) })).toEqual(['ok']);
});

it('tells of each modem whose finding it is', () => {
  const { obstacles } = judge(daemon({ modems: [absent, modem({}, { isSuspect: true })] }));
  expect(obstacles.map(({ check, about }) => [check, about])).toEqual([
    ['modem', 'other'],
    ['sim', 'main'],
  ]);
});

it('what refuses stands before what impairs, and each has a remedy', () => {
  const { obstacles } = judge(daemon({ clockDoubt, modems: [absent], journal: { isOk: false } }));
  expect(obstacles.map(({ check }) => check)).toEqual(['clock', 'modem', 'journal']);
  for (const { remedy } of obstacles) expect(remedy).toMatch(/\S/);
});

it('names what each phase lacks, and a way out of it', () => {
  for (const phase of ['absent', 'opening', 'probing', 'lost', 'stalled', 'stopped'] as const) {
    const [first] = judge(daemon({ modems: [modem({ phase, reason: 'that is why' })] })).obstacles;
    expect(first?.what).toBe(`modem main is ${phase}: that is why`);
    expect(first?.remedy).toMatch(/\S/);
  }
});
