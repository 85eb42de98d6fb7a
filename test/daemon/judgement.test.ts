import { describe, expect, it } from 'vitest';
import { type JudgedDaemon, type JudgedModem, judge } from '../../src/daemon/judgement.js';
import type { ModemSnapshot } from '../../src/modem/sms-modem.js';

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
  journal: { isOk: true },
  isRestored: true,
  ...more,
});

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
  ])('%s', (_, more, obstacles) => {
    expect(graded(more)).toEqual(['down', ...obstacles]);
  });
});

describe('degraded: it is let in, and needs a look', () => {
  it.each<[string, Partial<JudgedDaemon>, string[]]>([
    ['a suspect SIM', { modems: [modem({}, { isSuspect: true })] }, ['error sim']],
    ['a journal fault', { journal: { isOk: false, fault: 'full' } }, ['warning journal']],
    ['a journal not read yet', { isRestored: false }, ['warning journal']],
    ['one of two modems', { modems: [absent, modem()] }, ['warning modem']],
    [
      'a modem at which each send fails',
      { modems: [modem({ notices: [{ kind: 'sends', sentence: 'try this' }] })] },
      ['error sends'],
    ],
  ])('%s', (_, more, obstacles) => {
    expect(graded(more)).toEqual(['degraded', ...obstacles]);
  });
});

it('a line of init that was refused is for its modem to tell', () => {
  const notices = [{ kind: 'init' as const, sentence: 'line 2 was refused' }];
  expect(graded({ modems: [modem({ notices })] })).toEqual(['ok']);
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
