import { expect, test } from 'vitest';
import type { PinEntry, RecordEntry } from '../../src/simulator/record.js';
import { judgePins, lastCutOff, type PinFileWrite, pinAttempts } from './pin-judge.js';

const ns = (ms: number): bigint => BigInt(ms) * 1_000_000n;
const stamp = (ms: number): { at_ns: string } => ({ at_ns: ns(ms).toString() });

/** A try at this time, with all tries left unless said otherwise. */
function attempt(number: number, ms: number, more: Partial<PinEntry> = {}): RecordEntry {
  return {
    kind: 'pin',
    command: '+CPIN',
    attempt: number,
    iccid: '89490000000000000017',
    pin: '12345678',
    state: 'SIM PIN',
    tries_before: 3,
    tries_left: 3,
    outcome: 'accepted',
    ...more,
    ...stamp(ms),
  };
}

const reply = (number: number, ms: number): RecordEntry => ({
  kind: 'pin_reply',
  attempt: number,
  ...stamp(ms),
});
const refused = { outcome: 'refused', tries_left: 2 } as const;
const booted = (ms: number): RecordEntry => ({ kind: 'booted', sim: 'SIM PIN', ...stamp(ms) });
const hangUp = (ms: number): RecordEntry => ({
  kind: 'hang_up',
  power: 'lost',
  reattach_ms: 1,
  ...stamp(ms),
});
const phone = (ms: number): RecordEntry => ({
  kind: 'phone',
  did: 'enter_pin',
  tries_left: 3,
  ...stamp(ms),
});
const write = (ms: number, pin = '12345678'): PinFileWrite => ({ modem: 'sim', pin, atNs: ns(ms) });
const restart = (fromMs: number, endedMs: number) => ({
  signal: 'SIGKILL' as const,
  fromNs: ns(fromMs),
  endedNs: ns(endedMs),
  toNs: ns(endedMs + 500),
});

function verdict(
  entries: readonly RecordEntry[],
  writes: readonly PinFileWrite[] = [write(0)],
  restarts: readonly ReturnType<typeof restart>[] = [],
): string[] {
  return judgePins({ modem: 'sim', entries }, writes, restarts).map(
    ({ property, what }) => `${property} ${what}`,
  );
}

const known = (
  entries: readonly RecordEntry[],
  restarts: readonly ReturnType<typeof restart>[] = [],
): string[] =>
  pinAttempts({ modem: 'sim', entries }, [write(0)], restarts).map(({ knowledge }) => knowledge);

test('finds nothing wrong with an accepted PIN that is used again at each power-on', () => {
  const day = [1, 2, 3].flatMap((n) => [
    booted(n * 60_000),
    attempt(n, n * 60_000 + 900),
    reply(n, n * 60_000 + 950),
  ]);
  expect(verdict(day)).toEqual([]);
});

test('sees a refused PIN that is tried again, also after a phone has given the tries back', () => {
  const entries = [
    attempt(1, 100, refused),
    reply(1, 120),
    phone(5000),
    attempt(2, 60_000),
    reply(2, 60_020),
  ];
  expect(verdict(entries)).toEqual([
    'I7 sim saw attempt 2 with the same SIM and PIN file as attempt 1, which was refused',
  ]);
});

test('sees a PIN that is tried again though nobody knew what had become of it', () => {
  const entries = [attempt(1, 100), hangUp(110), attempt(2, 60_000), reply(2, 60_020)];
  expect(verdict(entries)).toEqual([
    'I7 sim saw attempt 2 with the same SIM and PIN file as attempt 1, which was unknown',
  ]);
});

test('allows a try with a file that was written anew, even with the same PIN in it', () => {
  const entries = [attempt(1, 100), hangUp(110), attempt(2, 60_000), reply(2, 60_020)];
  expect(verdict(entries, [write(0), write(50_000)])).toEqual([]);
});

test('does not take another PIN in between for a new writing of the first', () => {
  const entries = [attempt(1, 100), hangUp(110), attempt(2, 60_000), reply(2, 60_020)];
  expect(verdict(entries, [write(0), write(50_000, '87654321')])).toHaveLength(1);
});

test('allows another try when the SIM was busy and counted none', () => {
  const busy = attempt(1, 100, { outcome: 'uncounted' });
  expect(verdict([busy, reply(1, 120), attempt(2, 10_000), reply(2, 10_020)])).toEqual([]);
});

test.each([0, 1, 2])('sees a try with %i tries left', (tries) => {
  const entries = [attempt(1, 100, { tries_before: tries, tries_left: tries }), reply(1, 120)];
  expect(verdict(entries)).toEqual([`I7 sim saw attempt 1 with ${tries} tries left`]);
});

test('sees a PIN that the SIM did not want, unless a person has just handled it', () => {
  const unwanted = [attempt(1, 20_000, { state: 'READY', outcome: 'not_asked' }), reply(1, 20_020)];
  expect(verdict(unwanted)).toEqual(['I7 sim saw attempt 1, which its SIM did not want']);
  expect(verdict([phone(18_000), ...unwanted])).toEqual([]);
  expect(verdict([phone(1_000), ...unwanted])).toHaveLength(1);
});

test('sees a PIN that stood in no file', () => {
  const entries = [attempt(1, 100, { pin: '00000000', ...refused }), reply(1, 120)];
  expect(verdict(entries)).toEqual(['I7 sim saw attempt 1 with a PIN that its file never held']);
});

test('sees that an accepted PIN was not used again, when nothing came between', () => {
  const used = [attempt(1, 100), reply(1, 120)];
  const lacking = ['I7 sim was not given its PIN again, which attempt 1 had shown to be right'];
  expect(verdict([...used, booted(60_000)])).toEqual(lacking);
  expect(verdict([...used, booted(60_000), attempt(2, 104_000), reply(2, 104_020)])).toEqual([]);
  expect(verdict([...used, booted(60_000), hangUp(70_000)]), 'unplugged').toEqual([]);
  expect(verdict([...used, booted(60_000)], [write(0), write(50_000)]), 'another file').toEqual([]);
  expect(verdict([...used, booted(60_000)], [write(0)], [restart(70_000, 70_100)])).toEqual([]);
});

test('knows what the daemon can have known of a try', () => {
  expect(known([attempt(1, 100), reply(1, 120)])).toEqual(['accepted']);
  expect(known([attempt(1, 100, refused), reply(1, 120)])).toEqual(['refused']);
  expect(known([attempt(1, 100)]), 'never answered, but the SIM is ready then').toEqual([
    'doubtful',
  ]);
  expect(known([attempt(1, 100), hangUp(9_000)]), 'never answered').toEqual(['unknown']);
  expect(known([attempt(1, 100, refused)]), 'never answered').toEqual(['unknown']);
  expect(
    known([attempt(1, 100, { outcome: 'lost' }), reply(1, 120)]),
    'OK, and still locked',
  ).toEqual(['unknown']);
  expect(known([attempt(1, 100), hangUp(500), reply(1, 900)]), 'answered into nothing').toEqual([
    'unknown',
  ]);
  expect(known([attempt(1, 100, refused), reply(1, 32_000)]), 'too late').toEqual(['unknown']);
  expect(known([attempt(1, 100), reply(1, 12_000)]), 'late').toEqual(['accepted']);
  expect(known([attempt(1, 100), reply(1, 30_100)]), 'very late').toEqual(['doubtful']);
  expect(known([attempt(1, 100), reply(1, 120), hangUp(200)]), 'hung up right after').toEqual([
    'doubtful',
  ]);
  expect(known([attempt(1, 100), reply(1, 3000)], [restart(900, 1000)]), 'killed before').toEqual([
    'unknown',
  ]);
  expect(
    known([attempt(1, 100), reply(1, 120)], [restart(130, 140)]),
    'killed right after',
  ).toEqual(['doubtful']);
  expect(known([attempt(1, 100), reply(1, 120)], [restart(5000, 5100)])).toEqual(['accepted']);
});

test('notices a daemon that was cut off between its question for the tries and its try', () => {
  const asked = (ms: number): RecordEntry => ({
    kind: 'command',
    line: 'AT+CPINR="SIM PIN"',
    ...stamp(ms),
  });
  const entered: RecordEntry = { kind: 'command', line: 'AT+CPIN="12345678"', ...stamp(150) };
  const state = (ms: number): RecordEntry => ({ kind: 'command', line: 'AT+CPIN?', ...stamp(ms) });
  expect(lastCutOff([asked(100), state(2000)], ns(0))).toBe(ns(100));
  expect(lastCutOff([asked(100), hangUp(120), state(2000)], ns(0))).toBe(ns(100));
  expect(lastCutOff([asked(100), state(2000)], ns(500)), 'before a person helped').toBeUndefined();
  expect(lastCutOff([asked(100), entered, attempt(1, 150), state(2000)], ns(0))).toBeUndefined();
  expect(lastCutOff([asked(100)], ns(0)), 'still on its way').toBeUndefined();
});
