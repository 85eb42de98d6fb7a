import { describe, expect, it } from 'vitest';
import { desk, hour, minute, off, second } from './support/policy.js';

describe('a lock-out', () => {
  const table = {
    ...off,
    per_recipient: '2 in 1 min',
    lock_out_first_s: 120,
    lock_out_longest_s: 600,
  };

  it('doubles each time a code was sent and another was asked for, up to the longest', () => {
    const { clock, send, refusal, begun } = desk(table);
    send();
    send();
    const waits = [2, 4, 8, 10, 10].map((minutes) => {
      const { retryAfterMs, detail } = refusal();
      expect(detail).toMatch(/^lock_out: /);
      expect(retryAfterMs).toBe(minutes * minute);
      clock.now += minutes * minute;
      send();
      return retryAfterMs;
    });
    expect(begun.map(({ strikes }) => strikes)).toEqual(waits.map((__, index) => index + 1));
  });

  it('does not grow by requests that are refused while it lasts', () => {
    const { clock, send, refusal, begun } = desk(table);
    send();
    send();
    const end = clock.now + 2 * minute;
    for (; clock.now < end; clock.now += second)
      expect(refusal().retryAfterMs).toBe(end - clock.now);
    expect(begun).toHaveLength(1);
    send();
    expect(refusal().retryAfterMs).toBe(4 * minute);
  });

  it('lasts until the window has room', () => {
    const { send, refusal } = desk({ ...off, per_recipient: '2 in 10 min', lock_out_first_s: 60 });
    send();
    send();
    expect(refusal().retryAfterMs).toBe(10 * minute);
  });

  it('does not grow while a longer window of the operator is full', () => {
    const { clock, send, refusal, begun } = desk({ ...table, per_recipient: '2 in 2 h' });
    send();
    send();
    const full = clock.now + 2 * hour;
    for (; clock.now < full; clock.now += minute)
      expect(refusal().retryAfterMs).toBe(full - clock.now);
    expect(begun.map(({ strikes }) => strikes).every((strikes) => strikes === 1)).toBe(true);
  });

  it('is not for messages of which nothing is known yet: a person is not punished for a gateway out of order', () => {
    const { admit, refusal, send, begun } = desk(table);
    const waiting = [admit({}), admit({})];
    expect(refusal().detail).toMatch(/^per_recipient: /);
    for (const reservation of waiting) reservation.giveBack();
    expect(begun).toEqual([]);
    send();
  });

  it('counts from the message that it follows: who waited as long in peace is served at once', () => {
    const { clock, send, refusal, begun } = desk({ countries: ['DE'] });
    const start = clock.now;
    for (let count = 0; count < 5; count++) {
      clock.now = start + count * 20 * second;
      send();
    }
    clock.now = start + 100 * second;
    expect(refusal().retryAfterMs).toBe(10 * minute - 100 * second);
    clock.now = start + 10 * minute;
    send();
    // Logins of a working day, each less than an hour after the last: none of them is refused.
    for (const minutes of [50, 52, 107, 161]) {
      clock.now = start + minutes * minute;
      send();
    }
    expect(begun).toHaveLength(1);
  });

  it('is shorter by what was waited since the message', () => {
    const { clock, send, refusal } = desk(table);
    send();
    send();
    clock.now += refusal().retryAfterMs ?? 0;
    send();
    clock.now += 3 * minute;
    expect(refusal().retryAfterMs).toBe(minute);
    clock.now += minute - 1;
    expect(refusal().retryAfterMs).toBe(1);
    clock.now += 1;
    send();
    clock.now += 2 * minute;
    expect(refusal()).toMatchObject({ retryAfterMs: 6 * minute });
  });

  it('leaves one message at a time afterwards', () => {
    const { clock, admit, send, refusal, begun } = desk(table);
    send();
    send();
    clock.now += refusal().retryAfterMs ?? 0;
    const first = admit({});
    expect(refusal()).toMatchObject({ retryAfterMs: 2 * minute });
    expect(begun).toHaveLength(1);
    first.giveBack();
    send();
  });

  it('is forgotten an hour after it ended', () => {
    const { clock, send, refusal } = desk(table);
    send();
    send();
    clock.now += (refusal().retryAfterMs ?? 0) + hour;
    send();
    send();
    expect(refusal().retryAfterMs).toBe(2 * minute);
  });

  it('is that of one recipient', () => {
    const { send, refusal } = desk(table);
    send();
    send();
    refusal();
    send({ recipient: '+4915112345679' });
  });

  it('can be off', () => {
    const { send, refusal, begun } = desk({ ...table, lock_out_first_s: 0 });
    send();
    send();
    expect(refusal().detail).toMatch(/^per_recipient: /);
    expect(begun).toEqual([]);
  });
});

describe('a cool-down', () => {
  const table = { ...off, cool_down_recipient_s: 300, cool_down_block_s: 60 };

  it('keeps the recipient from a modem after one stalled, and the block after a second stall, for less', () => {
    const { clock, send, refusal } = desk(table);
    const reservation = send();
    reservation.stalled();
    reservation.stalled();
    expect(refusal().retryAfterMs).toBe(5 * minute);
    expect(refusal().detail).toMatch(/^cool_down_recipient: /);
    send({ recipient: '+4915112349999' }).stalled();
    const beside = { recipient: '+4915112341111' };
    expect(refusal(beside)).toMatchObject({ code: 'rate_limited', retryAfterMs: minute });
    expect(refusal(beside).detail).toMatch(/^cool_down_block: /);
    send({ recipient: '+4915112359999' });
    clock.now += minute;
    send(beside);
    clock.now += 4 * minute;
    send();
  });

  it('grows with each stall, to 15 minutes at most', () => {
    const { clock, send, refusal } = desk(table);
    for (const minutes of [5, 10, 15, 15]) {
      send().stalled();
      expect(refusal().retryAfterMs).toBe(minutes * minute);
      clock.now += minutes * minute;
    }
  });

  it('can be off', () => {
    const { send, begun } = desk(off);
    send().stalled();
    send();
    expect(begun).toEqual([]);
  });
});
