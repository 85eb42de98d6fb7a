import { expect, it } from 'vitest';
import {
  fromConditions,
  type LookedAt,
  lookAt,
  type WatchedSim,
} from '../../src/daemon/alert-look.js';
import type { Finding } from '../../src/doctor/finding.js';

const noCaps = { perDay: undefined, perMonth: undefined, recipientsPerMonth: undefined };

const modem = (name = 'main', more: Partial<WatchedSim> = {}): WatchedSim => ({
  snapshot: { name, phase: 'ready', sim: 'ready' },
  caps: noCaps,
  used: { dayCount: 0, monthCount: 0, monthRecipients: 0 },
  hasTried: true,
  ...more,
});
const away = (name: string) =>
  modem(name, { snapshot: { name, phase: 'absent', sim: undefined }, hasTried: false });
const obstacle = (check: string, about?: string): Finding => ({
  check,
  level: 'error',
  what: `${check} is wrong`,
  remedy: `mend ${check}`,
  ...(about !== undefined && { about }),
});

function daemon(more: Partial<LookedAt> = {}, ...obstacles: Finding[]): LookedAt {
  return {
    health: { grade: obstacles.length === 0 ? 'ok' : 'degraded', obstacles },
    isStopping: false,
    modems: [modem()],
    isRestored: true,
    areLimitsKnown: true,
    nearlyFull: [],
    unknownOutcomes: 0,
    mostUnknownOutcomes: 5,
    untried: undefined,
    deadWays: [],
    isWayUnknown: () => false,
    inbound: { spooled: 0, most: 500, delivered: 0 },
    isArrivalUnknown: () => false,
    others: [],
    ...more,
  };
}

const seen = (looked: LookedAt) =>
  lookAt(looked).holding.map(({ kind, subject }) => `${kind} ${subject}`.trim());

it('sees nothing where nothing is', () => {
  expect(seen(daemon())).toEqual([]);
});

const locked = modem('main', { snapshot: { name: 'main', phase: 'unlocking', sim: 'pin' } });

it.each<[string, LookedAt, string[]]>([
  ['no modem', daemon({ modems: [away('main')] }, obstacle('modem', 'main')), ['no_modem_ready']],
  [
    'neither of two',
    daemon(
      { modems: [away('a'), away('b')] },
      obstacle('modem', 'a'),
      obstacle('registration', 'b'),
    ),
    ['no_modem_ready'],
  ],
  [
    'one of two away',
    daemon({ modems: [modem('a'), away('b')] }, obstacle('modem', 'b')),
    ['modem_away b'],
  ],
  ['a modem whose loop is broken', daemon({}, obstacle('modem', 'main')), ['no_modem_ready']],
  [
    'a SIM that wants its PIN',
    daemon({ modems: [locked] }, obstacle('sim', 'main')),
    ['no_modem_ready', 'pin_wanted main'],
  ],
  ['a suspect SIM', daemon({}, obstacle('sim', 'main')), ['sim_suspect main']],
  ['a full cap', daemon({}, obstacle('sim_cap', 'main')), ['full the cap of main']],
  ['a full limit', daemon({}, obstacle('limit', 'DE')), ['full a limit for DE']],
  ['a full waiting list', daemon({}, obstacle('queue')), ['full the waiting list']],
  ['a clock', daemon({}, obstacle('clock')), ['clock_unset']],
  ['a journal', daemon({}, obstacle('journal')), ['journal_fault']],
  ['a disk', daemon({}, obstacle('disk')), ['journal_fault']],
  ['an engine', daemon({}, obstacle('engine')), ['engine_away']],
  ['a box of the same name', daemon({}, obstacle('shared')), ['engine_away twin']],
  ['what is new', daemon({}, obstacle('smsc', 'main')), ['other smsc of main']],
  ['what is only for us', daemon({}, obstacle('alerts', 'mail'), obstacle('daemon')), []],
  [
    'a cap of which 80 % is used',
    daemon({
      modems: [
        modem('main', {
          caps: { ...noCaps, perDay: 10 },
          used: { dayCount: 8, monthCount: 8, monthRecipients: 8 },
        }),
      ],
    }),
    ['nearly_full per_day of main'],
  ],
  [
    'a limit of which 80 % is used',
    daemon({
      nearlyFull: [{ name: 'per_country', limit: { count: 10, windowMs: 60_000 }, of: 'DE' }],
    }),
    ['nearly_full policy.per_country for DE'],
  ],
  [
    "the alerts' own budget of SMS of which 80 % is used",
    daemon({
      nearlyFull: [
        { name: 'per_caller', limit: { count: 5, windowMs: 86_400_000 }, of: 'simgate alerts' },
      ],
    }),
    ['nearly_full alerts.sms.per_day'],
  ],
  ['as many unknown outcomes as may be', daemon({ unknownOutcomes: 5 }), []],
  ['more of them', daemon({ unknownOutcomes: 6 }), ['unknown_outcomes']],
  ['a new version that has failed twice', daemon({ untried: { version: '2', failures: 2 } }), []],
  [
    'a new version that does not send',
    daemon({ untried: { version: '2', failures: 3 } }),
    ['upgrade_does_not_send 2'],
  ],
  ['a dead way', daemon({ deadWays: [{ name: 'mail', why: 'it hangs' }] }), ['receiver_dead mail']],
])('%s', (_, looked, kinds) => {
  expect(seen(looked)).toEqual(kinds);
  for (const { what, remedy } of lookAt(looked).holding) {
    expect(what.length).toBeGreaterThan(0);
    expect(remedy.length).toBeGreaterThan(0);
  }
});

it('says with what doctor says, and what is to be done', () => {
  expect(lookAt(daemon({}, obstacle('clock'))).holding).toEqual([
    { kind: 'clock_unset', subject: '', what: 'clock is wrong', remedy: 'mend clock' },
  ]);
});

it.each<[Parameters<ReturnType<typeof lookAt>['isUnknown']>[0], string, LookedAt, boolean]>([
  ['no_modem_ready', '', daemon({ isStopping: true }), true],
  ['no_modem_ready', '', daemon(), false],
  // It was away, and now the other one is, too.
  ['modem_away', 'b', daemon({ modems: [away('a'), away('b')] }), true],
  ['pin_wanted', 'main', daemon({ modems: [away('main')] }), true],
  // After a restart nobody knows, until a message was sent.
  ['sim_suspect', 'main', daemon({ modems: [modem('main', { hasTried: false })] }), true],
  ['sim_suspect', 'main', daemon(), false],
  ['nearly_full', 'per_day of main', daemon({ isRestored: false }), true],
  // The shared engine is away: what other boxes have sent is not known, what a SIM has sent is.
  ['nearly_full', 'policy.total', daemon({ areLimitsKnown: false }), true],
  ['nearly_full', 'per_day of main', daemon({ areLimitsKnown: false }), false],
  ['full', 'a limit for DE', daemon({ areLimitsKnown: false }), true],
  ['full', 'the waiting list', daemon({ areLimitsKnown: false }), false],
  ['unknown_outcomes', '', daemon({ unknownOutcomes: undefined }), true],
  ['undelivered', 'DE', daemon({ isArrivalUnknown: (about) => about === 'DE' }), true],
  ['undelivered', 'AT', daemon({ isArrivalUnknown: (about) => about === 'DE' }), false],
  ['receiver_dead', 'mail', daemon({ isWayUnknown: (name) => name === 'mail' }), true],
  ['inbound_full', '', daemon({ inbound: { spooled: 500, most: 500, delivered: 0 } }), true],
  ['inbound_full', '', daemon({ inbound: { spooled: 499, most: 500, delivered: 0 } }), false],
  ['inbound_receiver', '', daemon({ inbound: { spooled: 1, most: 500, delivered: 0 } }), true],
  ['inbound_receiver', '', daemon({ inbound: { spooled: 1, most: 500, delivered: 1 } }), false],
  ['inbound_receiver', '', daemon({ inbound: { spooled: 0, most: 500, delivered: 0 } }), false],
])('whether %s %s is so: %#', (kind, subject, looked, isUnknown) => {
  expect(lookAt(looked).isUnknown(kind, subject)).toBe(isUnknown);
});

it('tells what other rooms have found by themselves', () => {
  const found = {
    kind: 'undelivered' as const,
    about: 'DE',
    sentence: 'codes to DE do not arrive',
    remedy: 'ask the carrier',
    sinceMs: 0,
  };
  expect(seen(daemon({ others: fromConditions([found]) }))).toEqual(['undelivered DE']);
});
