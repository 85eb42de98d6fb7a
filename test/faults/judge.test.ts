import { expect, test } from 'vitest';
import { encodeTextSubmit } from '../../src/simulator/encode.js';
import type { RecordEntry } from '../../src/simulator/record.js';
import { textUserData } from '../../src/simulator/text-mode.js';
import type { Outcome, Reading, Story } from './caller.js';
import { judge } from './judge.js';
import type { CallerName, PlannedMessage } from './plan.js';

const message: PlannedMessage = {
  number: 7,
  caller: 'auth0',
  recipient: '+491512345678',
  marker: 'zqx0007',
  text: '#zqx0007# is your code',
  segments: 1,
  messageType: undefined,
  pauseMs: 0,
  waitS: undefined,
  leaveAfterMs: undefined,
  fault: undefined,
};

/** A TPDU with this text to this number, made without the product's encoder. */
function tpduOf(text: string, recipient = message.recipient): string {
  const lengthAndData = textUserData(text, 0)!;
  const tpdu = encodeTextSubmit({
    firstOctet: 0x11,
    recipient,
    pid: 0,
    dcs: 0,
    vp: 0,
    lengthAndData,
  });
  return Buffer.from(tpdu).toString('hex').toUpperCase();
}

const ms = (at: number): string => String(BigInt(at) * 1_000_000n);

function accepted(at: number, tpdu = tpduOf(message.text), more: object = {}): RecordEntry {
  const entry = { kind: 'accepted', seq: 1, submit: 1, mr: 42, tpdu, at_ns: ms(at), ...more };
  return { recipient: message.recipient, text: message.text, ...entry } as RecordEntry;
}

function ctrlZ(at: number): RecordEntry {
  return { kind: 'ctrl_z', submit: 1, data: `00${tpduOf(message.text)}`, at_ns: ms(at) };
}

function answer(at: number, status: number, body: Record<string, unknown>): Outcome {
  return { kind: 'answered', atNs: BigInt(ms(at)), status, body, retryAfterMs: 0 };
}

const success = { segments: 1, references: [42] };

/** What the judge says of one message that was sent at 1000 ms with a deadline of 2000 ms. */
function verdict(outcome: Outcome, entries: readonly RecordEntry[], restarts = [[0, 0]]): string[] {
  const story: Story = { message, sentNs: BigInt(ms(1000)), deadlineMs: 2000, outcome };
  const windows = restarts.map(([from = 0, to = 0]) => ({
    signal: 'SIGKILL' as const,
    fromNs: BigInt(ms(from)),
    endedNs: BigInt(ms(from)),
    toNs: BigInt(ms(to)),
  }));
  return judge([story], [{ modem: 'sim', entries }], windows).map(
    ({ property, what }) => `${property} ${what}`,
  );
}

test('finds nothing wrong with what was accepted, then answered 200', () => {
  expect(verdict(answer(1200, 200, success), [ctrlZ(1050), accepted(1100)])).toEqual([]);
});

test('finds nothing wrong with what was refused and never accepted', () => {
  const refused = { code: 'no_modem_ready', submitted: 'no' };
  expect(verdict(answer(1200, 503, refused), [])).toEqual([]);
});

test('sees a 200 for what the network never had, or had only later (I1)', () => {
  expect(verdict(answer(1200, 200, success), [ctrlZ(1050)])).toEqual([
    'I1 was answered 200, but of 1 segments the network had 0',
  ]);
  expect(verdict(answer(1200, 200, success), [accepted(1201)])).toEqual([
    'I1 was answered 200, but of 1 segments the network had 0',
  ]);
});

test('sees another text, a wrong count and a foreign reference behind a 200 (I1)', () => {
  const cut = accepted(1100, tpduOf('#zqx0007# is your'), { text: '#zqx0007# is your' });
  expect(verdict(answer(1200, 200, success), [cut])).toEqual([
    'I1 was answered 200, but another text was accepted: #zqx0007# is your',
  ]);
  expect(verdict(answer(1200, 200, { ...success, segments: 2 }), [accepted(1100)])).toEqual([
    'I1 was answered 2 segments',
  ]);
  expect(verdict(answer(1200, 200, { ...success, references: [41] }), [accepted(1100)])).toEqual([
    'I1 was answered references [41], but segment 1 has 42',
  ]);
});

test('sees that "not submitted" was submitted, even much later (I2)', () => {
  const refused = { code: 'deadline_unreachable', submitted: 'no' };
  expect(verdict(answer(1200, 503, refused), [accepted(9000)])).toEqual([
    'I2 was answered 503 deadline_unreachable, submitted: no, but of 1 segments the network had 1',
  ]);
});

test('sees that "partly" was the whole (I2)', () => {
  const partly = { code: 'partly_submitted', submitted: 'partly' };
  expect(verdict(answer(1200, 502, partly), [accepted(1100)])).toHaveLength(1);
});

test('sees an answer that the contract does not know', () => {
  expect(verdict(answer(1200, 503, { code: 'no_modem_ready', submitted: 'unknown' }), [])).toEqual([
    'contract was answered 503 no_modem_ready, submitted: unknown',
  ]);
  expect(verdict(answer(1200, 500, { code: 'internal', submitted: 'unknown' }), [])).toHaveLength(
    1,
  );
  expect(verdict(answer(1200, 409, { code: 'superseded', submitted: 'no' }), [])).toEqual([
    'contract was superseded, but by no other message',
  ]);
});

test('sees a message that was started after its answer, its caller or its deadline (I3)', () => {
  const unknown = answer(1200, 504, { code: 'outcome_unknown', submitted: 'unknown' });
  expect(verdict(unknown, [ctrlZ(1449)]), 'a Ctrl-Z may be on its way').toEqual([]);
  expect(verdict(unknown, [ctrlZ(1451)])).toEqual(['I3 was started 251 ms after it was answered']);
  const left: Outcome = { kind: 'left', atNs: BigInt(ms(1100)) };
  expect(verdict(left, [ctrlZ(1400)])).toEqual(['I3 was started 300 ms after it was left']);
  const late = answer(3100, 504, { code: 'outcome_unknown', submitted: 'unknown' });
  expect(verdict(late, [ctrlZ(3300)])).toEqual(['I3 was started 300 ms after its deadline']);
});

test('sees a segment that was accepted twice, and one that nobody sent (I4)', () => {
  expect(verdict(answer(1200, 200, success), [accepted(1100), accepted(1150)])).toEqual([
    'I4 segment 1 was accepted more than once',
  ]);
  const foreign = accepted(1100, tpduOf('no marker'), { text: 'no marker' });
  expect(verdict(answer(1200, 503, { code: 'queue_full', submitted: 'no' }), [foreign])).toEqual([
    'I4 sim submitted what nobody sent: entry 1 to +491512345678',
  ]);
});

test('sees a message that went to somebody else (I4)', () => {
  const other = '+491587654321';
  const entry = accepted(1100, tpduOf(message.text, other), { recipient: other });
  expect(verdict(answer(1200, 200, success), [entry])).toEqual([`I4 went to ${other}`]);
});

test('knows a message again whose head the simulator spoilt, and excuses its number only then', () => {
  const spoilt = tpduOf(message.text).replace(/^11/, '15').replace('1915', '1905');
  const entry = accepted(1100, spoilt, { recipient: '+491502345678', faults: ['garble-rx'] });
  expect(verdict(answer(1200, 200, success), [entry])).toEqual([]);
});

test('sees an answer that was late or never came, and a connection that broke for no reason (I5)', () => {
  const late = answer(4001, 504, { code: 'outcome_unknown', submitted: 'unknown' });
  expect(verdict(late, [])).toEqual(['I5 was answered after 3001 ms, its deadline is 2000 ms']);
  expect(verdict({ kind: 'unanswered', atNs: BigInt(ms(18_000)) }, [])).toEqual([
    'I5 was never answered',
  ]);
  const broken: Outcome = { kind: 'broken', atNs: BigInt(ms(1100)), error: 'reset' };
  expect(verdict(broken, [])).toEqual(['I5 lost its connection without a restart: reset']);
  expect(verdict(broken, [], [[1090, 1500]])).toEqual([]);
});

/** A request of the same message, at 1000 ms unless it says otherwise. */
interface Asked {
  caller?: CallerName;
  sentMs?: number;
  lateMs?: number;
  reading?: Reading;
  outcome: Outcome;
}

/** What the judge says of several requests for the same text to the same number. */
function verdictOf(
  asked: readonly Asked[],
  entries: readonly RecordEntry[],
  killedMs?: number,
): string[] {
  const stories = asked.map(({ caller = 'static', sentMs = 1000, ...rest }): Story => {
    return {
      message: { ...message, caller },
      sentNs: BigInt(ms(sentMs)),
      deadlineMs: 500,
      ...rest,
    };
  });
  const restarts =
    killedMs === undefined
      ? []
      : [killedMs].map((at) => ({
          signal: 'SIGKILL' as const,
          fromNs: BigInt(ms(at)),
          endedNs: BigInt(ms(at)),
          toNs: BigInt(ms(at + 100)),
        }));
  return judge(stories, [{ modem: 'sim', entries }], restarts).map(
    ({ property, what }) => `${property} ${what}`,
  );
}

const promised = { caller: 'hasty', lateMs: 5000, outcome: answer(1500, 202, {}) } as const;
const sent: Reading = { state: 'sent', references: [42] };
const failed: Reading = { state: 'failed', submitted: 'no' };

test('finds nothing wrong with what was promised, then sent, and with what was then given up', () => {
  const taken = [ctrlZ(4000), accepted(4100)];
  expect(verdictOf([{ ...promised, reading: sent }], taken)).toEqual([]);
  expect(verdictOf([{ ...promised, reading: { state: 'unknown' } }], taken)).toEqual([]);
  expect(verdictOf([{ ...promised, reading: failed }], [])).toEqual([]);
});

test('sees a promise to a caller that never gets one', () => {
  expect(verdictOf([{ outcome: answer(1500, 202, {}) }], [])).toEqual([
    'contract was answered 202 undefined, submitted: undefined',
  ]);
});

test('sees what was promised started after its late deadline, or by another daemon (I3)', () => {
  const late = verdictOf([{ ...promised, reading: sent }], [ctrlZ(6300), accepted(6400)]);
  expect(late).toEqual(['I3 was started 300 ms after its deadline']);
  const afterKill = verdictOf([promised], [ctrlZ(2300), accepted(2400)], 2000);
  expect(afterKill).toEqual(['I3 was started 300 ms after its daemon had ended']);
});

test('holds a hasty caller that was refused or left early to its answer (I3)', () => {
  const refused = {
    ...promised,
    outcome: answer(1500, 503, { code: 'queue_full', submitted: 'no' }),
  };
  expect(verdictOf([refused], [ctrlZ(1800)])).toEqual(['I3 was started 300 ms after its deadline']);
  const left = (at: number): Asked => {
    return { ...promised, outcome: { kind: 'left', atNs: BigInt(ms(at)) } };
  };
  expect(verdictOf([left(1100)], [ctrlZ(1400)])).toEqual([
    'I3 was started 300 ms after it was left',
  ]);
  expect(verdictOf([left(1490)], [ctrlZ(4000)]), 'it may have been promised').toEqual([]);
});

test('sees a reading that the record contradicts', () => {
  const taken = [ctrlZ(1400), accepted(1450)];
  const read = (reading: Reading, entries: readonly RecordEntry[]) =>
    verdictOf([{ ...promised, reading }], entries);
  expect(read(sent, [])).toEqual(['I1 reads sent, but of 1 segments the network had 0']);
  expect(read(failed, taken)).toEqual([
    'I2 reads failed, submitted: no, but of 1 segments the network had 1',
  ]);
  expect(read({ state: 'failed', submitted: 'partly' }, [])).toHaveLength(1);
  expect(read({ state: 'waiting' }, [])).toEqual(['contract still reads waiting at the end']);
  expect(read({ state: 'none' }, [])).toEqual(['contract cannot be read at the end']);
  const success = { ...promised, outcome: answer(1490, 200, { segments: 1, references: [42] }) };
  expect(verdictOf([{ ...success, reading: failed }], taken)).toEqual([
    'I1 was answered 200, and reads failed',
  ]);
});

test('what was sent in part just before its answer was not sent for who joined it (I2)', () => {
  const long = { ...message, segments: 2 };
  const partly = answer(1200, 502, { code: 'partly_submitted', submitted: 'partly' });
  const times = { sentNs: BigInt(ms(1000)), deadlineMs: 2000, outcome: partly };
  const entries = [ctrlZ(1070), accepted(1190)];
  const both = [times, { ...times, sentNs: BigInt(ms(1050)) }];
  const stories = both.map((each): Story => ({ ...each, message: long }));
  expect(judge(stories, [{ modem: 'sim', entries }], [])).toEqual([]);
});

test('a repeat may be sent where the first was not, and never where it was (I2, I4)', () => {
  const no = answer(1200, 503, { code: 'no_modem_ready', submitted: 'no' });
  const repeat = { sentMs: 2000, outcome: answer(2300, 200, success) };
  const later = [ctrlZ(2100), accepted(2200)];
  expect(verdictOf([{ outcome: no }, repeat], later)).toEqual([]);
  expect(verdictOf([{ outcome: no }, repeat], [ctrlZ(1100), accepted(1150), ...later])).toEqual([
    'I4 segment 1 was accepted more than once',
    'I2 was answered 503 no_modem_ready, submitted: no, but of 1 segments the network had 1',
  ]);
});

test('the same text by two callers is two messages', () => {
  const yes = (caller: CallerName): Asked => ({ caller, outcome: answer(1400, 200, success) });
  const no = (caller: CallerName): Asked => {
    return { caller, outcome: answer(1400, 503, { code: 'no_modem_ready', submitted: 'no' }) };
  };
  const once = [ctrlZ(1100), accepted(1150)];
  const twice = [...once, ctrlZ(1200), accepted(1250)];
  expect(verdictOf([yes('static'), yes('hasty')], twice)).toEqual([]);
  expect(verdictOf([yes('static'), yes('hasty')], once)).toEqual([
    'I4 was sent, as 2 callers were told, but the network had it 1 times',
  ]);
  expect(verdictOf([yes('static'), no('hasty')], twice)).toEqual([
    'I4 segment 1 was accepted 2 times, and 1 of 2 callers may have had it',
  ]);
  expect(verdictOf([no('static'), no('hasty')], once)).toEqual([
    'I4 segment 1 was accepted 1 times, and 0 of 2 callers may have had it',
  ]);
});

test('knows a segment again behind the address of an SMSC', () => {
  const entry = { ...ctrlZ(1300), data: `0791947101670000${tpduOf(message.text)}` } as RecordEntry;
  const left: Outcome = { kind: 'left', atNs: BigInt(ms(1000)) };
  expect(verdict(left, [entry])).toEqual(['I3 was started 300 ms after it was left']);
});
