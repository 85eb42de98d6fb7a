import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SendError } from '../../src/errors.js';
import type { PolicyRequest, PolicyRow, Reservation } from '../../src/policy/request.js';
import { desk, hmac, hour, minute, off, policyConfig } from './support/policy.js';

describe('a limit', () => {
  it('of 5 lets exactly 5 of 200 requests at once in', async () => {
    const { admit } = desk({ ...off, per_recipient: '5 in 10 min' });
    const outcomes = await Promise.allSettled(Array.from({ length: 200 }, async () => admit({})));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(
      refused.every(({ reason }) => reason instanceof SendError && reason.code === 'rate_limited'),
    ).toBe(true);
  });

  const someone: PolicyRequest = {
    caller: 'a',
    recipient: '+4915112345678',
    clientIp: '192.0.2.1',
  };
  it.each<[string, Partial<PolicyRequest>, Partial<PolicyRequest>]>([
    ['per_recipient', { caller: 'b', clientIp: '192.0.2.2' }, { recipient: '+4915112345679' }],
    [
      'per_block',
      { recipient: '+4915112340000', clientIp: '192.0.2.2' },
      { recipient: '+4915112355678' },
    ],
    ['per_client_ip', { recipient: '+436641234567', caller: 'b' }, { clientIp: '192.0.2.2' }],
    ['per_country', { recipient: '+493012345001', caller: 'b' }, { recipient: '+436641234567' }],
    ['per_caller', { recipient: '+436641234567', clientIp: '192.0.2.2' }, { caller: 'b' }],
  ])('%s counts what it is about and nothing else', (name, same, other) => {
    const { clock, send, refusal } = desk({ ...off, [name]: '2 in 10 min' });
    send(someone);
    clock.now += minute;
    send({ ...someone, ...same });
    clock.now += minute;
    const error = refusal({ ...someone, ...same });
    expect(error).toMatchObject({
      code: 'rate_limited',
      submitted: 'no',
      retryAfterMs: 8 * minute,
    });
    expect(error.detail).toBe(
      `${name}: the limit of 2 in 10 min (policy.${name}) is reached; there is room in 8 min`,
    );
    send({ ...someone, ...other });
    clock.now += 8 * minute;
    send(someone);
  });

  it('total counts all', () => {
    const { send, refusal } = desk({ ...off, total: '2 in 10 min' });
    send(someone);
    send({ caller: 'b', recipient: '+436641234567' });
    expect(refusal({ caller: 'c', recipient: '+12125551234' }).detail).toMatch(/^total: /);
  });

  it('per client counts nobody whose address is not known', () => {
    const { send } = desk({ ...off, per_client_ip: '1 in 10 min' });
    for (const clientIp of ['unknown', 'unknown', '']) send({ clientIp });
    send();
    send();
  });

  it('of several names the one that lasts longest', () => {
    const { send, refusal } = desk({
      ...off,
      per_block: '1 in 1 min',
      total: ['1 in 10 min', '1 in 30 s'],
    });
    send();
    expect(refusal()).toMatchObject({ retryAfterMs: 10 * minute });
    expect(refusal().detail).toMatch(/^total: the limit of 1 in 10 min/);
  });

  it('is not used up by what was given back, and is by what was kept', () => {
    const { admit, send, refusal } = desk({ ...off, per_recipient: '1 in 10 min' });
    const first = admit({});
    expect(refusal().code).toBe('rate_limited');
    first.giveBack();
    first.keep();
    first.giveBack();
    const second = send();
    second.giveBack();
    expect(refusal().code).toBe('rate_limited');
  });

  it('that a reload brings in counts the messages that were, and one that it takes away holds nobody', () => {
    const { policy, send, refusal } = desk(off);
    send();
    policy.replaceConfig(policyConfig({ ...off, per_recipient: '1 in 2 h' }));
    expect(refusal().detail).toContain('1 in 2 h');
    policy.replaceConfig(policyConfig(off));
    send();
  });

  it('is told with the HMACs that the journal keeps', () => {
    const { policy } = desk(off);
    expect(
      policy.subjectOf({ recipient: '+4915112345678', clientIp: '2001:db8::9' }),
    ).toMatchObject({
      country: 'DE',
      recipientHmac: hmac('recipient', '+4915112345678'),
      blockHmac: hmac('block', '+491511234'),
      ipHmac: hmac('client_ip', '2001:db8:0:0::/64'),
    });
    expect(policy.subjectOf({ recipient: '+881612345678' }).ipHmac).toBeUndefined();
  });

  it('refuses what cannot be remembered', () => {
    const { clock, send, refusal } = desk({ ...off, per_recipient: '5 in 10 min' }, 2);
    send({ recipient: '+4915112340001' });
    clock.now += minute;
    send({ recipient: '+4915112340002' });
    const error = refusal({ recipient: '+4915112340003' });
    expect(error).toMatchObject({ code: 'rate_limited', retryAfterMs: 9 * minute });
    expect(error.detail).toMatch(/^memory: /);
    clock.now += 9 * minute;
    send({ recipient: '+4915112340003' });
  });
});

describe('a restart', () => {
  it('forgets nothing: whatever happened before, every request has the same answer as without it', () => {
    const step = fc.record({
      afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20 * minute })),
      recipient: fc.constantFrom('+4915112345678', '+4915112345679', '+436641234567'),
      clientIp: fc.constantFrom('192.0.2.1', '192.0.2.2'),
      outcome: fc.constantFrom(
        'keep' as const,
        'keep' as const,
        'giveBack' as const,
        'stalled' as const,
      ),
      restarts: fc.boolean(),
    });
    const table = {
      countries: ['*'],
      per_recipient: '2 in 5 min',
      per_block: '4 in 30 min',
      total: '9 in 3 h',
    };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const [steady, restarted] = [desk(table), { current: desk(table) }];
        const rows: PolicyRow[] = [];
        for (const { afterMs, outcome, restarts, ...request } of steps) {
          steady.clock.now += afterMs;
          const { now } = steady.clock;
          if (restarts) {
            const holds = [...restarted.current.begun];
            restarted.current = desk(table);
            restarted.current.clock.now = now;
            // The journal need not be in order.
            restarted.current.policy.restore(rows.toReversed(), holds);
            restarted.current.begun.push(...holds);
          }
          restarted.current.clock.now = now;
          const answers = [steady, restarted.current].map(({ admit }) =>
            attempt(() => admit(request)),
          );
          const [a, b] = answers;
          expect(b?.refused).toEqual(a?.refused);
          for (const reservation of answers.flatMap(({ passed }) => passed ?? [])) {
            if (outcome === 'giveBack') reservation.giveBack();
            else reservation.keep();
            if (outcome === 'stalled') reservation.stalled();
          }
          if (b?.passed && outcome !== 'giveBack') {
            const { recipientHmac, blockHmac, country, ipHmac } = steady.policy.subjectOf({
              caller: 'urn:Auth0',
              ...request,
            });
            rows.push({ at: now, caller: 'urn:Auth0', recipientHmac, blockHmac, country, ipHmac });
          }
        }
      }),
    );
  });

  function attempt(act: () => Reservation): { passed?: Reservation; refused?: unknown } {
    try {
      return { passed: act() };
    } catch (error) {
      if (!(error instanceof SendError)) throw error;
      return { refused: [error.code, error.detail, error.retryAfterMs] };
    }
  }

  it('with rows of a clock that had run ahead holds nobody longer than a window', () => {
    const { clock, policy, refusal, send } = desk({ ...off, per_recipient: '1 in 10 min' });
    const recipientHmac = hmac('recipient', '+4915112345678');
    const row = { caller: 'urn:Auth0', recipientHmac, blockHmac: 'b' };
    const hold = {
      kind: 'lock_out' as const,
      key: recipientHmac,
      strikes: 1,
      until: clock.now + 48 * hour,
    };
    policy.restore([{ ...row, at: clock.now + 24 * hour }], [hold]);
    expect(refusal().retryAfterMs).toBe(15 * minute);
    clock.now += 15 * minute;
    send();
  });

  it('that come late count beside what this run has sent', () => {
    const { clock, policy, refusal, send } = desk({ ...off, per_recipient: '3 in 10 min' });
    const recipientHmac = hmac('recipient', '+4915112345678');
    const row = { caller: 'urn:Auth0', recipientHmac, blockHmac: 'b' };
    send();
    clock.now += minute;
    policy.restore(
      [4, 5].map((minutes) => ({ ...row, at: clock.now - minutes * minute })),
      [],
    );
    expect(refusal().retryAfterMs).toBe(5 * minute);
    clock.now += 5 * minute;
    send();
    expect(refusal().retryAfterMs).toBe(minute);
  });

  it('takes up neither what is a day old nor holds that are forgotten', () => {
    const { clock, policy, send } = desk({ ...off, per_recipient: '1 in 24 h' });
    const recipientHmac = hmac('recipient', '+4915112345678');
    policy.restore(
      [{ at: clock.now - 24 * hour, caller: 'urn:Auth0', recipientHmac, blockHmac: 'b' }],
      [{ kind: 'lock_out', key: recipientHmac, strikes: 4, until: clock.now - hour }],
    );
    expect(policy.holds()).toEqual([]);
    send();
  });
});

describe('an explanation', () => {
  it('says what admit would do, and changes nothing', () => {
    const table = { countries: ['DE'], per_recipient: '2 in 1 min' };
    const act = fc.record({
      afterMs: fc.integer({ min: 0, max: 3 * minute }),
      recipient: fc.constantFrom('+4915112345678', '+4915112345679', '+436641234567'),
      stalls: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
        const { clock, policy, admit } = desk(table);
        for (const { afterMs, recipient, stalls } of acts) {
          clock.now += afterMs;
          const request = { recipient, caller: 'urn:Auth0', clientIp: '192.0.2.1' };
          const before = policy.explain(request);
          expect(policy.explain(request)).toEqual(before);
          try {
            const reservation = admit(request);
            reservation.keep();
            if (stalls) reservation.stalled();
            expect(before.refusal).toBeUndefined();
          } catch (error) {
            if (!(error instanceof SendError)) throw error;
            expect(before.refusal).toMatchObject({
              code: error.code,
              retryAfterMs: error.retryAfterMs,
            });
            expect(error.detail).toBe(`${before.refusal?.reason}: ${before.refusal?.detail}`);
          }
        }
      }),
    );
  });

  it('leaves out what it cannot count by', () => {
    const { policy, send } = desk({
      ...off,
      per_recipient: '5 in 10 min',
      per_client_ip: '1 in 1 h',
      total: '9 in 1 h',
    });
    send({ clientIp: '192.0.2.1' });
    const { fills, notLookedAt } = policy.explain({ recipient: '+4915112345678' });
    expect(fills.map(({ name, used, freeInMs }) => [name, used, freeInMs])).toEqual([
      ['per_recipient', 1, 0],
      ['total', 1, 0],
    ]);
    expect(notLookedAt).toEqual(['per_block', 'per_client_ip', 'per_country', 'per_caller']);
  });
});
