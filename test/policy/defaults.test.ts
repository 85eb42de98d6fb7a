import { describe, expect, it } from 'vitest';
import { SendError } from '../../src/errors.js';
import { desk, hour, minute, second } from './support/policy.js';

/** The 40 numbers +49301234500 to …39. */
const staff = Array.from(
  { length: 40 },
  (_, index) => `+493012345${String(index).padStart(2, '0')}`,
);
const office = '198.51.100.7';

describe('the defaults', () => {
  it('refuse nobody of an office of 40 with one address and consecutive numbers who log in within 5 minutes', () => {
    const { clock, send, begun } = desk({ countries: ['DE'] });
    const start = clock.now;
    const codes = staff.flatMap((recipient, index) => {
      const first = Math.floor((index * 4 * minute) / staff.length);
      // Every second one asks for another code, some of them for a third.
      const again = index % 2 === 0 ? [first + 30 * second] : [];
      const third = index % 8 === 0 ? [first + 60 * second] : [];
      return [first, ...again, ...third].map((afterMs) => ({ afterMs, recipient }));
    });
    codes.sort((a, b) => a.afterMs - b.afterMs);
    expect(codes).toHaveLength(65);
    expect(codes.at(-1)?.afterMs).toBeLessThanOrEqual(5 * minute);
    for (const { afterMs, recipient } of codes) {
      clock.now = start + afterMs;
      send({ recipient, clientIp: office });
    }
    expect(begun).toEqual([]);
  });

  it('let the same office in again at noon and in the evening', () => {
    const { clock, send } = desk({ countries: ['DE'] });
    const morning = clock.now;
    for (const afterMs of [0, 4 * hour, 8 * hour]) {
      for (const [index, recipient] of staff.entries()) {
        clock.now = morning + afterMs + index * 7 * second;
        send({ recipient, clientIp: office });
      }
    }
  });

  it('let 500 people with consecutive numbers and one address in within an hour, and again after lunch', () => {
    const { clock, send } = desk({ countries: ['DE'] });
    const morning = clock.now;
    for (const afterMs of [0, 5 * hour]) {
      for (let index = 0; index < 500; index++) {
        clock.now = morning + afterMs + index * 7 * second;
        send({ recipient: `+49301234${String(index).padStart(4, '0')}`, clientIp: office });
      }
    }
  });

  it.each([
    ['adjacent numbers from one address', 1, 1, 600, 'per_block'],
    ['adjacent numbers from many addresses', 1, 50, 600, 'per_block'],
    ['numbers all over the country from one address', 50, 1, 600, 'per_client_ip'],
    ['numbers all over the country from many addresses', 50, 50, 1000, 'per_country'],
  ])(
    'bound an hour, a day and a night of pumping to %s',
    (_, blocks, addresses, inOneHour, limit) => {
      const { clock, send, nearlyFull } = desk({ countries: ['DE'] });
      const start = clock.now;
      const sentAt: number[] = [];
      const reasons = new Map<string, number>();
      let warnedAfter: number | undefined;
      for (let count = 0; clock.now < start + 24 * hour; count++) {
        clock.now += 3 * second;
        const block = String(10 + (count % blocks));
        const recipient = `+49151${block}1${String(1000 + (Math.floor(count / blocks) % 9000))}`;
        try {
          send({ recipient, clientIp: `203.0.113.${count % addresses}` });
          sentAt.push(clock.now - start);
          if (nearlyFull.some(({ limit: { windowMs } }) => windowMs === 24 * hour))
            warnedAfter ??= sentAt.length;
        } catch (error) {
          if (!(error instanceof SendError) || error.code !== 'rate_limited') throw error;
          const reason = error.detail?.split(':')[0] ?? '';
          if (clock.now <= start + hour) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
          // Nobody is shut out by his neighbours for more than an hour; the day's bound is for all.
          if (reason !== 'per_country') expect(error.retryAfterMs).toBeLessThanOrEqual(hour);
        }
      }
      expect(sentAt.filter((at) => at <= hour)).toHaveLength(inOneHour);
      expect(sentAt).toHaveLength(4000);
      expect(warnedAfter).toBe(3200);
      expect([...reasons].sort((a, b) => b[1] - a[1])[0]?.[0]).toBe(limit);
    },
  );

  it('never keep a person waiting for more than 15 minutes, however many codes are asked for in their name', () => {
    const { clock, send } = desk({ countries: ['DE'] });
    const start = clock.now;
    const sentAt: number[] = [];
    while (clock.now < start + 6 * hour) {
      try {
        send();
        sentAt.push(clock.now);
      } catch (error) {
        if (!(error instanceof SendError)) throw error;
        expect(error.retryAfterMs).toBeLessThanOrEqual(15 * minute);
      }
      clock.now += 5 * second;
    }
    const gaps = sentAt.slice(1).map((at, index) => at - sentAt[index]!);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(15 * minute + 5 * second);
    // Five at once, five more while the pauses grow, then one in 15 minutes.
    expect(sentAt.length).toBeGreaterThan(24);
    expect(sentAt.length).toBeLessThan(34);
  });
});
