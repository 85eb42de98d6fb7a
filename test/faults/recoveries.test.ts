import { expect, test } from 'vitest';
import type { RecordEntry } from '../../src/simulator/record.js';
import { findRecoveries, type PhaseChange } from './recoveries.js';

const ns = (ms: number): bigint => BigInt(ms) * 1_000_000n;
type Bare<Entry> = Entry extends RecordEntry ? Omit<Entry, 'at_ns'> : never;
const at = (ms: number, entry: Bare<RecordEntry>): RecordEntry =>
  ({ ...entry, at_ns: ns(ms).toString() }) as RecordEntry;
const phases = (...changes: [number, string][]): PhaseChange[] =>
  changes.map(([ms, phase]) => ({ modem: 'sim', phase, atNs: ns(ms) }));

const hangUp = at(1000, { kind: 'hang_up', power: 'lost', reattach_ms: 400 });
const back = [
  at(1400, { kind: 'attached', tty: '/dev/pts/9' }),
  at(1400, { kind: 'boot' }),
  at(1700, { kind: 'booted', sim: 'READY' }),
];
const lostAndReady = phases([1003, 'lost'], [1004, 'absent'], [1600, 'opening'], [2200, 'ready']);

test('tells how long a modem was away, and how long after it could work again it was ready', () => {
  expect(
    findRecoveries(lostAndReady, [{ modem: 'sim', entries: [hangUp, ...back] }], [], []),
  ).toEqual([{ modem: 'sim', kind: 'hangup', outMs: 1197, sinceBackMs: 500 }]);
});

test('names the fault that was to unplug it, but none that is long past', () => {
  const fault = (ms: number): RecordEntry =>
    at(ms, { kind: 'fault', fault: 'hangup-during-pdu:400@4%', submit: 3 });
  const kinds = (ms: number): string[] =>
    findRecoveries(
      lostAndReady,
      [{ modem: 'sim', entries: [fault(ms), hangUp, ...back] }],
      [],
      [],
    ).map(({ kind }) => kind);
  expect(kinds(900)).toEqual(['hangup-during-pdu']);
  const later = findRecoveries(
    phases([6003, 'lost'], [7200, 'ready']),
    [
      {
        modem: 'sim',
        entries: [fault(900), at(6000, { kind: 'hang_up', power: 'kept', reattach_ms: 1 })],
      },
    ],
    [],
    [],
  );
  expect(later.map(({ kind }) => kind)).toEqual(['hangup']);
});

test('counts from the registration, the new daemon, or a person', () => {
  const registration = [
    at(1000, { kind: 'registration', state: 'denied' }),
    at(1800, { kind: 'registration', state: 'home' }),
  ];
  const [denied] = findRecoveries(lostAndReady, [{ modem: 'sim', entries: registration }], [], []);
  expect(denied).toMatchObject({ kind: 'registration', sinceBackMs: 400 });

  const restart = {
    signal: 'SIGKILL' as const,
    fromNs: ns(1000),
    endedNs: ns(1010),
    toNs: ns(1900),
  };
  const [killed] = findRecoveries(lostAndReady, [{ modem: 'sim', entries: [] }], [restart], []);
  expect(killed).toMatchObject({ kind: 'SIGKILL', sinceBackMs: 300 });

  const writes = [0, 2000].map((ms) => ({ modem: 'sim', pin: '12345678', atNs: ns(ms) }));
  const [helped] = findRecoveries(
    lostAndReady,
    [{ modem: 'sim', entries: [hangUp, ...back] }],
    [],
    writes,
  );
  expect(helped).toMatchObject({ kind: "a person's help", sinceBackMs: 200 });
});

test('takes the way from the start for one, and a modem that never came back for none', () => {
  const changes = phases([0, 'absent'], [100, 'opening'], [900, 'ready'], [1003, 'lost']);
  expect(findRecoveries(changes, [{ modem: 'sim', entries: [] }], [], [])).toEqual([
    { modem: 'sim', kind: 'start', outMs: 900, sinceBackMs: undefined },
  ]);
});

test('names a PIN that went wrong on the way back, not what made the SIM ask for it', () => {
  const fault = at(1800, { kind: 'fault', fault: 'pin-late:500' });
  const [recovery] = findRecoveries(
    lostAndReady,
    [{ modem: 'sim', entries: [hangUp, ...back, fault] }],
    [],
    [],
  );
  expect(recovery).toMatchObject({ kind: 'pin-late', sinceBackMs: 500 });
});
