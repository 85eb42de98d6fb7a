import { describe, expect, it } from 'vitest';
import { explanationJson, explanationText } from '../../src/policy/explain-text.js';
import { Policy } from '../../src/policy/policy.js';
import { overAllBoxes, type TermLook } from '../../src/policy/terms.js';
import { durationText, limitText } from '../../src/policy/wording.js';
import { desk, hmac, minute, policyConfig } from './support/policy.js';

it('an explanation is told to people line by line', () => {
  const { clock, policy, send, refusal } = desk({ countries: ['DE'] });
  for (let count = 0; count < 5; count++) send({ clientIp: '192.0.2.1' });
  clock.now += minute;
  refusal({ clientIp: '192.0.2.1' });
  const recipient = '+4915112345678';
  const json = explanationJson(recipient, policy.explain({ recipient, clientIp: '192.0.2.1' }));
  expect(explanationText(json)).toBe(`\
+49…78: refused, rate_limited (lock_out): too many messages went to this recipient (policy.per_recipient, policy.lock_out_first_s); there is room in 9 min
  number  DE (Germany), mobile
  limits  per_recipient  5 of 5 in 10 min; room in 9 min
          per_block      5 of 200 in 10 min
          per_block      5 of 600 in 1 h
          per_client_ip  5 of 200 in 10 min
          per_client_ip  5 of 600 in 1 h
          per_country    5 of 1000 in 1 h
          per_country    5 of 4000 in 24 h
          total          5 of 1200 in 1 h
          total          5 of 5000 in 24 h
          per_caller     off, or nothing to count by
  holds   lock-out of the recipient, the 1st in a row; over in 9 min
`);
});

it('an explanation as JSON has snake_case keys, whole milliseconds and a masked number', () => {
  const { clock, policy, send, refusal } = desk({
    countries: ['DE'],
    per_recipient: '1 in 5 min',
    total: 'off',
    cool_down_recipient_s: 300,
  });
  send().stalled();
  clock.now += 0.5;
  refusal();
  const recipient = '+4915112345678';
  const json = explanationJson(recipient, policy.explain({ recipient }));
  expect(json).toMatchObject({
    recipient: '+49…78',
    is_allowed: false,
    code: 'rate_limited',
    reason: 'cool_down_recipient',
    retry_after_ms: 5 * minute,
    countries: ['DE'],
    number_type: 'mobile',
    limits_not_looked_at: ['per_client_ip', 'per_caller', 'total'],
    holds: [{ kind: 'cool_down_recipient', strikes: 1, free_in_ms: 5 * minute }],
  });
  expect(json.limits[0]).toEqual({
    name: 'per_recipient',
    count: 1,
    window_ms: 5 * minute,
    used: 1,
    free_in_ms: 5 * minute,
    is_nearly_full: false,
  });
  expect(JSON.stringify(json)).not.toContain('1511234');
});

it('a number that passes, is of no country and in no known range is told so', () => {
  const { policy } = desk({ countries: ['*'] });
  const text = (recipient: string) =>
    explanationText(explanationJson(recipient, policy.explain({ recipient, caller: 'urn:Auth0' })));
  expect(text('+882123456789')).toContain(
    'a message would be let in\n  number  of no country, type not known\n',
  );
  expect(text('+75551234567')).toContain('RU (Russia) or KZ (Kazakhstan), type not known');
  expect(text('+882123456789')).toContain('  holds   none\n');
});

it.each([
  [1, '1 s'],
  [999, '1 s'],
  [45_000, '45 s'],
  [60_000, '1 min'],
  [61_000, '61 s'],
  [361_000, '7 min'],
  [3_600_000, '1 h'],
  [3_600_001, '61 min'],
  [5_400_000, '90 min'],
  [86_400_000, '24 h'],
  [86_000_000, '24 h'],
])('%i ms are told as %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

it.each([
  [{ count: 5, windowMs: 600_000 }, '5 in 10 min'],
  [{ count: 1, windowMs: 90_000 }, '1 in 90 s'],
  [{ count: 20, windowMs: 86_400_000 }, '20 in 24 h'],
])('the limit %j is written as %s', (limit, text) => {
  expect(limitText(limit)).toBe(text);
});

describe('where boxes share limits', () => {
  const policy = new Policy({
    config: policyConfig({ countries: ['DE'] }),
    hmac,
    now: () => 0,
    isShared: true,
  });
  const recipient = '+4915112345678';
  const own = policy.explain({ recipient });

  it('and their engine does not answer, it is said that only this box is counted', () => {
    const json = explanationJson(recipient, own);
    expect(json).toMatchObject({ own_box_only: true });
    expect(explanationText(json)).toMatch(
      /\n {2}boxes {3}only what this box has sent is counted here, for the shared engine does not answer/,
    );
  });

  it('what all have sent counts, and what stands in the way there', () => {
    const limit = { count: 5, windowMs: 10 * minute };
    const look: TermLook = {
      obstacles: [{ kind: 'hold', hold: 'lock_out', strikes: 1, leftMs: minute }],
      uses: [{ name: 'per_recipient', limit, used: 5, leftMs: 2 * minute }],
      holds: [{ kind: 'lock_out', strikes: 1, leftMs: minute }],
    };
    const json = explanationJson(recipient, overAllBoxes(own, look));
    expect(json).toMatchObject({
      own_box_only: false,
      is_allowed: false,
      reason: 'lock_out',
      retry_after_ms: minute,
      limits: [{ name: 'per_recipient', used: 5, free_in_ms: 2 * minute, is_nearly_full: false }],
      holds: [{ kind: 'lock_out', free_in_ms: minute }],
    });
    expect(explanationText(json)).toMatch(/\n {2}boxes {3}what all boxes have sent is counted/);
  });

  it('what is refused for good is so whatever they say', () => {
    const foreign = policy.explain({ recipient: '+33612345678' });
    const json = explanationJson(
      '+33612345678',
      overAllBoxes(foreign, { obstacles: [], uses: [], holds: [] }),
    );
    expect(json).toMatchObject({ is_allowed: false, code: 'recipient_not_allowed' });
  });
});
