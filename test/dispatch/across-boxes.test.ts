import { describe, expect, it } from 'vitest';
import type { Message, Outcome } from '../../src/dispatch/message.js';
import type {
  Begin,
  Claim,
  ClaimMode,
  SharedMessage,
  SharedTruth,
} from '../../src/dispatch/shared-truth.js';
import { SendError } from '../../src/errors.js';
import { FakeModem } from './support/fake-modem.js';
import { fakeTime, pass, rig } from './support/rig.js';

/** What other boxes say, as the test lets them; each answer takes a millisecond. */
class OtherBoxes implements SharedTruth {
  readonly claims: { id: string; mode: ClaimMode }[] = [];
  readonly begun: string[] = [];
  readonly told: { id: string; said: string; hasBegun: boolean }[] = [];
  claimed: (message: SharedMessage, mode: ClaimMode) => Claim = () => ({
    kind: 'granted',
    isWhole: true,
  });
  mayBegin: (message: SharedMessage) => Begin = () => 'granted';
  known: Claim = { kind: 'elsewhere' };

  async claim(message: SharedMessage, mode: ClaimMode): Promise<Claim> {
    this.claims.push({ id: message.id, mode });
    await tick();
    if (mode === 'look') {
      const claim = this.claimed(message, mode);
      return claim.kind === 'granted' ? { kind: 'none' } : claim;
    }
    return this.claimed(message, mode);
  }

  async begin(message: SharedMessage): Promise<Begin> {
    this.begun.push(message.id);
    await tick();
    return this.mayBegin(message);
  }

  async lookUp(): Promise<Claim> {
    await tick();
    return this.known;
  }

  ended({ id }: SharedMessage, outcome: Outcome, hasBegun: boolean): void {
    this.told.push({ id, said: wordOf(outcome), hasBegun });
  }

  late({ id }: SharedMessage, truth: Outcome): void {
    this.told.push({ id, said: `late ${wordOf(truth)}`, hasBegun: true });
  }
}

/** As the rig's, where the prompt is kept until other boxes have answered. */
async function finish(...modems: readonly FakeModem[]): Promise<void> {
  await pass(1);
  for (let busy = modems; busy.length > 0; busy = modems.filter(({ isBusy }) => isBusy)) {
    for (const modem of busy.filter(({ isBusy }) => isBusy)) modem.current.accept();
    await pass(1);
  }
}

const tick = () => new Promise<void>((resolve) => setTimeout(resolve, 1));
const wordOf = (outcome: Outcome): string => ('result' in outcome ? 'sent' : outcome.error.code);

const sentElsewhere: Outcome = {
  result: { id: 'other', segments: 1, modem: 'theirs', references: [9], waitedMs: 1, tookMs: 2 },
};
const unknownElsewhere: Outcome = {
  error: new SendError('outcome_unknown', { submitted: 'unknown' }),
};

function setUp(modemCount = 1, rules: Parameters<typeof rig>[2] = {}) {
  const modems = Array.from({ length: modemCount }, (_, index) => new FakeModem(`m${index + 1}`));
  const others = new OtherBoxes();
  return { modems, others, ...rig(modems, {}, { ...rules, shared: others }) };
}

describe('a message among several boxes', () => {
  fakeTime();

  it('that a modem takes at once is claimed once', async () => {
    const { modems, others, send } = setUp();
    const message = send('code');
    expect(modems[0]!.texts).toEqual([]);
    await pass(1);
    await finish(...modems);
    expect(message.code).toBe('sent');
    expect(others.claims).toEqual([{ id: 'id-1', mode: 'start' }]);
    expect(others.begun).toEqual([]);
    expect(others.told).toEqual([{ id: 'id-1', said: 'sent', hasBegun: true }]);
  });

  it('that is not sent from here may have been from another box, whose policy is another', async () => {
    const { modems, others, send } = setUp(1, { policy: { countries: ['AT'] } });
    others.claimed = () => ({ kind: 'known', outcome: sentElsewhere });
    const repeat = send('code', { idempotencyKey: 'key' });
    await pass(1);
    expect(repeat.result).toMatchObject({ id: 'other', isReplay: true });
    others.claimed = () => ({ kind: 'none' });
    const first = send('code', { idempotencyKey: 'another' });
    const withoutKey = send('code');
    await pass(1);
    expect([first.code, withoutKey.code]).toEqual(Array(2).fill('recipient_not_allowed'));
    expect(others.claims.map(({ mode }) => mode)).toEqual(['look', 'look']);
    expect(modems[0]!.texts).toEqual([]);
  });

  it('that had to wait is claimed again, and no Ctrl-Z is written before that is answered', async () => {
    const { modems, others, send } = setUp();
    send('first');
    await pass(1);
    send('second');
    await pass(1);
    modems[0]!.current.accept();
    await pass();
    const { current } = modems[0]!;
    expect([current.text, current.isNoted]).toEqual(['second', false]);
    await pass(1);
    expect(current.isNoted).toBe(true);
    await finish(...modems);
    expect(others.claims.map(({ mode }) => mode)).toEqual(['start', 'wait']);
    expect(others.begun).toEqual(['id-2']);
  });

  it('that a newer one at another box made void while it waited is never started', async () => {
    const { modems, others, send } = setUp();
    send('first');
    await pass(1);
    const older = send('older');
    others.mayBegin = () => 'superseded';
    await pass(1);
    modems[0]!.current.accept();
    await pass(1);
    expect(older.code).toBe('superseded');
    expect(modems[0]!.current.prompt()).toBe(false);
    await pass();
    // Told as begun, it would be the newest for the engine, and the newer one void.
    expect(others.told.at(-1)).toEqual({ id: 'id-2', said: 'superseded', hasBegun: false });
  });

  it('that another box has begun meanwhile is unknown here, and not started', async () => {
    const { modems, others, send } = setUp();
    send('first');
    await pass(1);
    const doubled = send('doubled', { idempotencyKey: 'k' });
    others.mayBegin = () => 'elsewhere';
    await pass(1);
    modems[0]!.current.accept();
    await pass(1);
    expect(doubled.code).toBe('outcome_unknown');
    expect(modems[0]!.current.prompt()).toBe(false);
    await pass();
    // What this box says of it must not stand for the other's.
    expect(others.told.at(-1)).toMatchObject({ said: 'deadline_unreachable', hasBegun: false });
  });

  it('with a key that another box knows is told what became of it there', async () => {
    const { modems, others, send } = setUp();
    others.claimed = () => ({ kind: 'known', outcome: sentElsewhere });
    const repeat = send('code', { idempotencyKey: 'k' });
    await pass(1);
    expect(repeat.result).toMatchObject({ id: 'other', isReplay: true, modem: 'theirs' });
    expect(modems[0]!.texts).toEqual([]);
    // It is final: nobody need be asked again.
    const again = send('code', { recipient: '+4915100000001', idempotencyKey: 'k' });
    await pass(1);
    expect(again.result).toMatchObject({ id: 'other' });
    expect(others.claims).toHaveLength(1);
    expect(others.told).toEqual([]);
  });

  it('whose outcome is unknown at another box is asked for again, and never sent by own books', async () => {
    const { modems, others, send } = setUp();
    const same = { recipient: '+4915100000001', idempotencyKey: 'k' };
    others.claimed = () => ({ kind: 'known', outcome: unknownElsewhere });
    const first = send('code', same);
    await pass(1);
    others.claimed = () => ({ kind: 'away' });
    const whileAway = send('code', same);
    await pass(1);
    others.claimed = () => ({ kind: 'granted', isWhole: true });
    const whenEmptied = send('code', same);
    await pass(1);
    others.claimed = () => ({ kind: 'known', outcome: sentElsewhere });
    const last = send('code', same);
    await pass(1);
    expect([first, whileAway, whenEmptied, last].map(({ code }) => code)).toEqual([
      'outcome_unknown',
      'outcome_unknown',
      'outcome_unknown',
      'sent',
    ]);
    expect(modems[0]!.texts).toEqual([]);
  });

  it('that another box has under way is waited for', async () => {
    const { others, send } = setUp();
    others.claimed = () => ({ kind: 'elsewhere' });
    const joined = send('code', { idempotencyKey: 'k' });
    await pass(2_000);
    expect(joined.isAnswered).toBe(false);
    others.known = { kind: 'known', outcome: sentElsewhere };
    others.claimed = () => ({ kind: 'known', outcome: sentElsewhere });
    await pass(300);
    expect(joined.result).toMatchObject({ id: 'other' });
  });

  it('that another box has under way beyond its own deadline is unknown', async () => {
    const { others, send, modems } = setUp();
    others.claimed = () => ({ kind: 'elsewhere' });
    const joined = send('code', { idempotencyKey: 'k', deadlineMs: 3_000 });
    await pass(3_300);
    expect(joined.code).toBe('outcome_unknown');
    expect(joined.answeredAt! - joined.deadlineAt).toBeLessThanOrEqual(1);
    expect(modems[0]!.texts).toEqual([]);
  });

  it('that another box has given up unsent is sent here', async () => {
    const { others, send, modems } = setUp();
    others.claimed = () => ({ kind: 'elsewhere' });
    const joined = send('code', { idempotencyKey: 'k' });
    await pass(500);
    others.known = { kind: 'none' };
    others.claimed = () => ({ kind: 'granted', isWhole: true });
    await pass(300);
    await finish(...modems);
    expect(joined.code).toBe('sent');
    expect(modems[0]!.texts).toEqual(['code']);
  });

  it('is sent by the own books while the engine is away, and told nevertheless', async () => {
    const { modems, others, send } = setUp(1, { policy: { total: '1 in 1 h' } });
    others.claimed = () => ({ kind: 'away' });
    const [first, second] = [send('first'), send('second')];
    await pass(1);
    await finish(...modems);
    expect([first.code, second.code]).toEqual(['sent', 'rate_limited']);
    expect(others.told.map(({ said }) => said).sort()).toEqual(['rate_limited', 'sent']);
  });

  it('is judged by the engine alone while that answers, and by both until all is told', async () => {
    const { modems, others, send } = setUp(1, { policy: { total: '1 in 1 h' } });
    const [first, second] = [send('first'), send('second')];
    await pass(1);
    await finish(...modems);
    others.claimed = () => ({ kind: 'granted', isWhole: false });
    const third = send('third');
    await pass(1);
    await finish(...modems);
    expect([first, second, third].map(({ code }) => code)).toEqual([
      'sent',
      'sent',
      'rate_limited',
    ]);
  });

  it('that has no place here is not claimed, and a known key is told nevertheless', async () => {
    const { modems, others, send } = setUp();
    modems[0]!.enter('registering', 'no network');
    const [keyless, keyed] = [send('one'), send('two', { idempotencyKey: 'k' })];
    await pass(1);
    expect([keyless.code, keyed.code]).toEqual(['no_modem_ready', 'no_modem_ready']);
    expect(others.claims).toEqual([{ id: 'id-2', mode: 'look' }]);
    others.claimed = () => ({ kind: 'known', outcome: sentElsewhere });
    const known = send('three', { idempotencyKey: 'known' });
    await pass(1);
    expect(known.result).toMatchObject({ id: 'other' });
  });

  it('keeps its place while others have their word: what was let in is sent', async () => {
    const { modems, others, send } = setUp();
    const all = Array.from({ length: 30 }, (_, index) => send(`code ${index}`));
    const claimed = others.claims.length;
    expect(claimed).toBeLessThan(10);
    await pass(1);
    await finish(...modems);
    await pass(60);
    await finish(...modems);
    expect(all.filter(({ code }) => code === 'sent')).toHaveLength(claimed);
    expect(all.filter(({ code }) => code === 'deadline_unreachable')).toHaveLength(30 - claimed);
  });

  it('that is the operator’s own, to a short number of the carrier’s, is no other box’s business', async () => {
    const { modems, others, send } = setUp();
    const message = send('BAL', { recipient: '12345', isOwn: true, isAlert: true });
    await pass();
    await finish(...modems);
    expect(message.code).toBe('sent');
    expect(modems[0]!.texts).toEqual(['BAL']);
    expect([others.claims, others.told]).toEqual([[], []]);
  });

  it('whose caller leaves while it is claimed is not started, and given back', async () => {
    const { modems, others, send } = setUp();
    const message = send('code');
    message.hangUp();
    await pass(1);
    expect(modems[0]!.texts).toEqual([]);
    expect(others.told).toEqual([{ id: 'id-1', said: 'deadline_unreachable', hasBegun: false }]);
  });

  it('is told late what became of it, as the journal is', async () => {
    const { modems, others, send } = setUp();
    const message = send('code', { deadlineMs: 3_000 });
    await pass(1);
    modems[0]!.current.prompt();
    await pass(3_000);
    expect(message.code).toBe('outcome_unknown');
    modems[0]!.current.accept();
    await pass();
    expect(others.told.map(({ said }) => said)).toEqual(['outcome_unknown', 'late sent']);
  });
});

describe('what became of a request, for who may send nothing new', () => {
  fakeTime();

  /** Asked of a box with its own books empty, by one that knows only what `claimed` says. */
  async function recalled(claimed: Claim, own: Partial<Message> = { idempotencyKey: 'key' }) {
    const { modems, others, dispatch, written } = setUp();
    others.claimed = () => claimed;
    const message = { id: 'id-1', caller: 'auth0', recipient: '+4915112345678', text: 'code' };
    const control = {
      deadlineAt: performance.now() + 25_000,
      callerLeft: new AbortController().signal,
    };
    const end = dispatch.recall({ ...message, ...own }, control).catch((error: unknown) => error);
    await pass(5);
    const modes = others.claims.map(({ mode }) => mode);
    return { end: await end, modes, texts: modems[0]!.texts, told: others.told, written };
  }
  const nothingDone = { texts: [], told: [], written: [] };

  it('is another box’s word, of what was sent and of what nobody knows', async () => {
    expect(await recalled({ kind: 'known', outcome: sentElsewhere })).toEqual({
      end: expect.objectContaining({ id: 'other', references: [9], isReplay: true }),
      modes: ['look'],
      ...nothingDone,
    });
    expect(await recalled({ kind: 'known', outcome: unknownElsewhere })).toEqual({
      end: expect.objectContaining({ code: 'outcome_unknown', submitted: 'unknown' }),
      modes: ['look'],
      ...nothingDone,
    });
  });

  it('is not known yet while another box has it under way', async () => {
    expect(await recalled({ kind: 'elsewhere' })).toEqual({
      end: expect.objectContaining({ code: 'outcome_unknown', submitted: 'unknown' }),
      modes: ['look'],
      ...nothingDone,
    });
  });

  it.each([
    ['nobody knows it', { kind: 'none' }],
    ['the engine is away', { kind: 'away' }],
    ['its key was another request’s', { kind: 'key_reused' }],
    ['a newer one has made it void', { kind: 'superseded' }],
  ] as const)('is nothing where %s', async (_why, claim) => {
    expect(await recalled(claim)).toEqual({ end: undefined, modes: ['look'], ...nothingDone });
  });

  it('is asked of nobody where it has no key and is not known to repeat', async () => {
    expect(await recalled({ kind: 'known', outcome: sentElsewhere }, {})).toEqual({
      end: undefined,
      modes: [],
      ...nothingDone,
    });
  });
});
