import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Idempotency } from '../../src/dispatch/idempotency.js';
import type { Message, SendControl, SendResult } from '../../src/dispatch/message.js';
import { longestKeptMs } from '../../src/dispatch/request-keys.js';
import { SendError, type SendErrorCode, type SendErrorOptions } from '../../src/errors.js';
import type { HmacDomain } from '../../src/journal/hmac-key.js';

const hmac = (domain: HmacDomain, text: string) =>
  createHmac('sha256', 'k').update(`${domain}\0${text}`).digest('hex').slice(0, 32);

const sample: Message = {
  id: 'first',
  caller: 'urn:Auth0',
  recipient: '+4915112345678',
  text: 'Your code is 123456',
  idempotencyKey: 'key-1',
};

/** One try, whose end the test decides. */
class Try {
  readonly control: SendControl;
  readonly order: number;
  readonly promise: Promise<SendResult>;
  settle!: { resolve: (result: SendResult) => void; reject: (error: unknown) => void };
  constructor(control: SendControl, order: number) {
    this.control = control;
    this.order = order;
    this.promise = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
  }

  accept(): void {
    this.settle.resolve({
      id: 'first',
      segments: 1,
      modem: 'main',
      references: [7],
      waitedMs: 0,
      tookMs: 9,
    });
  }

  fail(code: SendErrorCode, options?: SendErrorOptions): void {
    this.settle.reject(new SendError(code, options));
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp() {
  let orders = 0;
  const tries: Try[] = [];
  const blind = { is: false };
  const idempotency = new Idempotency({
    hmac,
    now: () => Date.now(),
    nextOrder: () => (orders += 1),
    isBlind: () => blind.is,
  });
  const request = (changes: Partial<Message> = {}, deadlineMs = 25_000) => {
    const caller = new AbortController();
    const key = idempotency.identify({ ...sample, ...changes })!;
    const control = { deadlineAt: performance.now() + deadlineMs, callerLeft: caller.signal };
    const answer = idempotency.send(key, control, (shared, order) => {
      const attempt = new Try(shared, order);
      tries.push(attempt);
      // As the queue does: who is not wanted any more is not started.
      shared.callerLeft.addEventListener('abort', () => attempt.fail('deadline_unreachable'));
      return {
        id: sample.id,
        answer: attempt.promise,
        promise: () => Promise.resolve(false),
        withdraw: () => false,
      };
    }) as Promise<SendResult>; // a patient caller is promised nothing
    answer.catch(() => undefined); // looked at below
    return { answer, key, hangUp: () => caller.abort() };
  };
  return { idempotency, tries, request, blind };
}

const code = (expected: SendErrorCode) => expect.objectContaining({ code: expected });
const settled = () => vi.advanceTimersByTimeAsync(0);

describe('a repeat with the same key', () => {
  it('joins while the first is in flight: both get its answer, one is sent', async () => {
    const { request, tries } = setUp();
    const [first, second] = [request(), request({ id: 'second' })];
    await settled();
    tries[0]!.accept();
    expect(await first.answer).toMatchObject({ id: 'first', references: [7] });
    expect((await first.answer).isReplay).toBeUndefined();
    expect(await second.answer).toMatchObject({ id: 'first', references: [7], isReplay: true });
    expect(tries).toHaveLength(1);
  });

  it.each([
    ['outcome_unknown', 'unknown'],
    ['partly_submitted', 'partly'],
    ['internal', 'unknown'],
    ['superseded', 'no'],
  ] as const)('is told again that it ended as %s, and not tried again', async (name, submitted) => {
    const { request, tries } = setUp();
    const first = request();
    tries[0]!.fail(name, { submitted });
    await expect(first.answer).rejects.toEqual(code(name));
    await expect(request().answer).rejects.toEqual(code(name));
    expect(tries).toHaveLength(1);
  });

  it.each(['no_modem_ready', 'network_refused', 'rate_limited', 'deadline_unreachable'] as const)(
    'is tried again after %s, in the order of its first sight',
    async (name) => {
      const { request, tries } = setUp();
      const first = request();
      tries[0]!.fail(name);
      await expect(first.answer).rejects.toEqual(code(name));
      request({ idempotencyKey: 'another' });
      const again = request();
      await settled();
      tries[2]!.accept();
      expect(await again.answer).toMatchObject({ id: 'first' });
      expect(tries.map(({ order }) => order)).toEqual([1, 2, 1]);
    },
  );

  it('reads what a late result has made of a 504, even if that came with the answer', async () => {
    const { idempotency, request, tries } = setUp();
    const first = request();
    tries[0]!.fail('outcome_unknown', { submitted: 'unknown' });
    const result = {
      id: 'first',
      segments: 1,
      modem: 'main',
      references: [9],
      waitedMs: 0,
      tookMs: 40_000,
    };
    idempotency.late(first.key, { result });
    await expect(first.answer).rejects.toEqual(code('outcome_unknown'));
    expect(await request().answer).toEqual({ ...result, isReplay: true });
    expect(tries).toHaveLength(1);
  });

  it('is tried again when the late result says that nothing was sent', async () => {
    const { idempotency, request, tries } = setUp();
    const first = request();
    tries[0]!.fail('outcome_unknown', { submitted: 'unknown' });
    await expect(first.answer).rejects.toEqual(code('outcome_unknown'));
    idempotency.late(first.key, { error: new SendError('network_refused') });
    request();
    await settled();
    expect(tries).toHaveLength(2);
  });

  it.each([
    ['recipient', { recipient: '+4915112345679' }],
    ['text', { text: 'Your code is 654321' }],
    ['sender', { sender: 'Acme' }],
    ['type', { messageType: 'otp_verify' }],
  ])('and another %s is refused, in flight and afterwards', async (_, changes) => {
    const { request, tries } = setUp();
    const first = request();
    await expect(request(changes).answer).rejects.toEqual(code('idempotency_key_reused'));
    tries[0]!.accept();
    await first.answer;
    await expect(request(changes).answer).rejects.toEqual(code('idempotency_key_reused'));
    expect(tries).toHaveLength(1);
  });

  it('of another caller is another key', async () => {
    const { request, tries } = setUp();
    request();
    request({ caller: 'urn:other', text: 'something else' });
    await settled();
    expect(tries).toHaveLength(2);
  });

  it('is not forgotten because the wall clock leaps forward', async () => {
    const { request, tries } = setUp();
    const first = request();
    tries[0]!.accept();
    await first.answer;
    vi.setSystemTime(Date.now() + 3 * longestKeptMs);
    expect((await request().answer).isReplay).toBe(true);
  });

  it('is a new request after 24 hours', async () => {
    const { request, tries } = setUp();
    const first = request();
    tries[0]!.accept();
    await first.answer;
    await vi.advanceTimersByTimeAsync(longestKeptMs - 1);
    expect((await request().answer).isReplay).toBe(true);
    await vi.advanceTimersByTimeAsync(1);
    request({ text: 'Your code is 654321' });
    await settled();
    expect(tries).toHaveLength(2);
  });
});

describe('a joined message', () => {
  it('keeps its first deadline, and answers 504 to who cannot wait as long', async () => {
    const { request, tries } = setUp();
    const first = request({}, 20_000);
    const hasty = request({}, 5_000);
    expect(tries[0]!.control.deadlineAt).toBe(performance.now() + 20_000);
    await vi.advanceTimersByTimeAsync(5_000);
    await expect(hasty.answer).rejects.toMatchObject({
      code: 'outcome_unknown',
      submitted: 'unknown',
    });
    tries[0]!.accept();
    expect((await first.answer).id).toBe('first');
  });

  it('dies when the first has left and the others were answered at their own deadlines', async () => {
    const { request, tries } = setUp();
    const first = request({}, 25_000);
    const hasty = request({}, 1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    await expect(hasty.answer).rejects.toEqual(code('outcome_unknown'));
    expect(tries[0]!.control.callerLeft.aborted).toBe(false);
    first.hangUp();
    hasty.hangUp();
    expect(tries[0]!.control.callerLeft.aborted).toBe(true);
  });

  it('dies only when all its callers have left', async () => {
    const { request, tries } = setUp();
    const [first, second] = [request(), request()];
    first.hangUp();
    await settled();
    expect(tries[0]!.control.callerLeft.aborted).toBe(false);
    second.hangUp();
    await expect(second.answer).rejects.toEqual(code('deadline_unreachable'));
    expect(tries[0]!.control.callerLeft.aborted).toBe(true);
  });

  it('that died is begun anew by one that came as it did', async () => {
    const { request, tries } = setUp();
    const first = request();
    first.hangUp();
    const second = request();
    await settled();
    expect(tries).toHaveLength(2);
    tries[1]!.accept();
    expect((await second.answer).id).toBe('first');
  });
});

describe('what an earlier run knew', () => {
  it('is not guessed at: while the journal cannot be read, only keys of this run are served', async () => {
    const { idempotency, request, tries, blind } = setUp();
    request({ idempotencyKey: 'own' });
    blind.is = true;
    await expect(request({ idempotencyKey: 'earlier' }).answer).rejects.toEqual(
      code('deadline_unreachable'),
    );
    const repeat = request({ idempotencyKey: 'own' });
    tries[0]!.accept();
    expect((await repeat.answer).isReplay).toBe(true);
    expect(tries).toHaveLength(1);
    const identified = idempotency.identify({ ...sample, idempotencyKey: 'earlier' })!;
    const result = {
      id: 'earlier',
      segments: 1,
      modem: 'main',
      references: [3],
      waitedMs: 0,
      tookMs: 5,
    };
    idempotency.restore([{ ...identified, at: Date.now() - 1_000, outcome: { result } }]);
    expect(await request({ idempotencyKey: 'earlier' }).answer).toEqual({
      ...result,
      isReplay: true,
    });
    blind.is = false;
    request({ idempotencyKey: 'new' });
    expect(tries).toHaveLength(2);
  });

  it('gives way to what this run knows of a key, but not to that it was not sent', async () => {
    const { idempotency, request, tries } = setUp();
    const identify = (key: string) => idempotency.identify({ ...sample, idempotencyKey: key })!;
    for (const key of ['sent', 'running', 'unsent']) request({ idempotencyKey: key });
    tries[0]!.accept();
    tries[2]!.fail('no_modem_ready');
    await settled();
    const result = {
      id: 'earlier',
      segments: 1,
      modem: 'main',
      references: [3],
      waitedMs: 0,
      tookMs: 5,
    };
    const at = Date.now() - 1_000;
    idempotency.restore(
      ['sent', 'running', 'unsent'].map((key) => ({ ...identify(key), at, outcome: { result } })),
    );
    expect((await request({ idempotencyKey: 'sent' }).answer).id).toBe('first');
    expect((await request({ idempotencyKey: 'unsent' }).answer).id).toBe('earlier');
    const joined = request({ idempotencyKey: 'running' });
    tries[1]!.accept();
    expect((await joined.answer).id).toBe('first');
    expect(tries).toHaveLength(3);
  });

  it('keeps the order of a key that this run has seen, when neither has sent it', async () => {
    const { idempotency, request, tries } = setUp();
    request();
    tries[0]!.fail('no_modem_ready');
    await settled();
    const error = new SendError('no_modem_ready');
    idempotency.restore([
      { ...idempotency.identify(sample)!, at: Date.now() - 1_000, outcome: { error } },
    ]);
    request();
    expect(tries[1]!.order).toBe(tries[0]!.order);
  });

  it('is told again, or tried again, or refused as reused', async () => {
    const { idempotency, request, tries } = setUp();
    const identify = (key: string) => idempotency.identify({ ...sample, idempotencyKey: key })!;
    const result = {
      id: 'earlier',
      segments: 1,
      modem: 'main',
      references: [3],
      waitedMs: 0,
      tookMs: 5,
    };
    const at = Date.now() - 1_000;
    idempotency.restore([
      { ...identify('sent'), at, outcome: { result } },
      {
        ...identify('open'),
        at,
        outcome: { error: new SendError('outcome_unknown', { submitted: 'unknown' }) },
      },
      { ...identify('unsent'), at, outcome: { error: new SendError('no_modem_ready') } },
    ]);
    expect(await request({ idempotencyKey: 'sent' }).answer).toEqual({ ...result, isReplay: true });
    await expect(request({ idempotencyKey: 'open' }).answer).rejects.toEqual(
      code('outcome_unknown'),
    );
    await expect(request({ idempotencyKey: 'sent', text: 'x' }).answer).rejects.toEqual(
      code('idempotency_key_reused'),
    );
    request({ idempotencyKey: 'unsent' });
    await settled();
    expect(tries.map(({ order }) => order)).toEqual([0]);
  });
});

it('forgets no key that was sent because of many that were not (I5)', async () => {
  const { request, tries } = setUp();
  const first = request();
  tries[0]!.accept();
  await first.answer;
  const answers: Promise<unknown>[] = [];
  for (let i = 0; i < 10_100; i += 1) {
    const other = request({ idempotencyKey: `refused-${i}` });
    tries.at(-1)!.fail('rate_limited');
    answers.push(other.answer.catch((error: unknown) => error));
    await answers.at(-1);
  }
  // At once: each by itself, they took most of this test's time.
  expect(await Promise.all(answers)).toEqual(answers.map(() => code('rate_limited')));
  expect((await request().answer).isReplay).toBe(true);
});
