import { describe, expect, it } from 'vitest';
import { SendError } from '../../src/errors.js';
import { desk, hour, second } from './support/policy.js';

/** Days of an attack, request by request. */
describe('the defaults', () => {
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
});
