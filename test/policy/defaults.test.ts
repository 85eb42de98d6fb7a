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
