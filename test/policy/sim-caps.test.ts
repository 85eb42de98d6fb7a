import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Caps, capMonthMs, SimCaps, type SimHistory } from '../../src/policy/sim-caps.js';
import { hour, minute } from './support/policy.js';

const none: Caps = { perDay: undefined, perMonth: undefined, recipientsPerMonth: undefined };
const day = 24 * hour;

function counter(startsAt = Date.UTC(2026, 10, 2, 8)) {
  const clock = { now: startsAt };
  const caps = new SimCaps(() => clock.now);
  return {
    clock,
    caps,
    send: (recipient: string, segments = 1) => caps.take('sim', recipient, segments).keep(),
    /** As the journal knows it afterwards: by its hour. */
    sendByHour: (recipient: string, segments: number) => {
      const charge = caps.take('sim', recipient, segments);
      const at = clock.now;
      clock.now = at - (at % hour) + hour;
      charge.keep();
      clock.now = at;
    },
  };
}

interface Row {
  at: number;
  recipientHmac: string;
  segments: number;
}

/** Messages as the journal adds them up. */
function history(rows: readonly Row[]): SimHistory {
  const hours = new Map<number, number>();
  const recipients = new Map<string, number>();
  for (const { at, recipientHmac, segments } of rows) {
    const beganAt = at - (at % hour);
    hours.set(beganAt, (hours.get(beganAt) ?? 0) + segments);
    recipients.set(recipientHmac, Math.max(beganAt, recipients.get(recipientHmac) ?? 0));
  }
  return { hours, recipients };
}

describe('the caps of a SIM', () => {
  it('hold within any 24 hours and any 30 days, and let through again an hour late at most', () => {
    const sending = fc.record({
      afterMs: fc.oneof(
        fc.integer({ min: 0, max: 3 * hour }),
        fc.integer({ min: 0, max: 20 * day }),
      ),
      recipient: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      segments: fc.integer({ min: 1, max: 3 }),
      isKept: fc.boolean(),
    });
    const limits = { perDay: 5, perMonth: 12, recipientsPerMonth: 3 };
    fc.assert(
      fc.property(fc.array(sending, { maxLength: 80 }), (sendings) => {
        const { clock, caps } = counter();
        const sent: { at: number; recipient: string; segments: number }[] = [];
        const within = (ms: number) => sent.filter(({ at }) => at > clock.now - ms);
        const sum = (list: typeof sent) =>
          list.reduce((total, { segments }) => total + segments, 0);
        const wouldExceed = (slackMs: number, recipient: string, segments: number) =>
          sum(within(day + slackMs)) + segments > 5 ||
          sum(within(capMonthMs + slackMs)) + segments > 12 ||
          new Set([...within(capMonthMs).map((each) => each.recipient), recipient]).size > 3;
        for (const { afterMs, recipient, segments, isKept } of sendings) {
          clock.now += afterMs;
          const reached = caps.isReached('sim', limits, recipient, segments);
          if (wouldExceed(0, recipient, segments)) expect(reached).toBeDefined();
          if (!wouldExceed(hour, recipient, segments)) expect(reached).toBeUndefined();
          if (reached) continue;
          const charge = caps.take('sim', recipient, segments);
          if (isKept) {
            charge.keep();
            sent.push({ at: clock.now, recipient, segments });
          } else charge.giveBack();
        }
      }),
    );
  });

  it('say when the message would pass: then it does, and a millisecond before it does not', () => {
    const sending = fc.record({
      afterMs: fc.integer({ min: 0, max: 5 * hour }),
      recipient: fc.constantFrom('a', 'b', 'c', 'd'),
      segments: fc.integer({ min: 1, max: 3 }),
    });
    const limits = { perDay: 4, perMonth: 9, recipientsPerMonth: 2 };
    fc.assert(
      fc.property(fc.array(sending, { minLength: 1, maxLength: 40 }), (sendings) => {
        const { clock, caps, send } = counter();
        for (const { afterMs, recipient, segments } of sendings) {
          clock.now += afterMs;
          const reached = caps.isReached('sim', limits, recipient, segments);
          if (!reached) send(recipient, segments);
          else {
            clock.now += reached.retryAfterMs - 1;
            expect(caps.isReached('sim', limits, recipient, segments)).toBeDefined();
            clock.now += 1;
            expect(caps.isReached('sim', limits, recipient, segments)).toBeUndefined();
          }
        }
      }),
    );
  });

  it('name themselves, of several the one that lasts longest', () => {
    const { caps, send } = counter();
    send('a', 3);
    expect(caps.isReached('sim', { ...none, perDay: 3 }, 'a', 1)?.cap).toBe('per_day');
    expect(caps.isReached('sim', { ...none, perDay: 3, perMonth: 3 }, 'a', 1)?.cap).toBe(
      'per_month',
    );
    expect(caps.isReached('sim', { ...none, recipientsPerMonth: 1 }, 'b', 1)).toEqual({
      cap: 'recipients_per_month',
      retryAfterMs: capMonthMs,
    });
    expect(caps.isReached('sim', { ...none, recipientsPerMonth: 1 }, 'a', 1)).toBeUndefined();
    expect(caps.isReached('sim', none, 'b', 100)).toBeUndefined();
  });

  it('that a reload made lower last until enough recipients are forgotten', () => {
    const { clock, caps, send } = counter();
    for (const recipient of ['a', 'b', 'c']) {
      send(recipient);
      clock.now += hour;
    }
    const wait = (cap: number) =>
      caps.isReached('sim', { ...none, recipientsPerMonth: cap }, 'd', 1);
    expect(wait(1)?.retryAfterMs).toBe(capMonthMs - hour);
    expect(wait(3)?.retryAfterMs).toBe(capMonthMs - 3 * hour);
  });

  it('count for one SIM only', () => {
    const { caps, send } = counter();
    send('a', 3);
    expect(caps.isReached('other', { ...none, perDay: 1 }, 'a', 1)).toBeUndefined();
    expect(caps.used('other')).toEqual({ dayCount: 0, monthCount: 0, monthRecipients: 0 });
  });

  it('never fit a message that is longer than the cap', () => {
    expect(counter().caps.isReached('sim', { ...none, perDay: 2 }, 'a', 3)).toEqual({
      cap: 'per_day',
      retryAfterMs: day,
    });
  });

  it('count at once what is being sent, and no more what was given back', () => {
    const { clock, caps, send } = counter();
    const first = caps.take('sim', 'a', 2);
    expect(caps.used('sim')).toEqual({ dayCount: 2, monthCount: 2, monthRecipients: 1 });
    first.giveBack();
    first.keep();
    first.giveBack();
    expect(caps.used('sim')).toEqual({ dayCount: 0, monthCount: 0, monthRecipients: 0 });
    send('a');
    clock.now += 2 * hour;
    caps.take('sim', 'a', 1).giveBack();
    expect(caps.used('sim')).toEqual({ dayCount: 1, monthCount: 1, monthRecipients: 1 });
    const [one, two] = [caps.take('sim', 'b', 1), caps.take('sim', 'b', 1)];
    one.giveBack();
    expect(caps.used('sim').monthRecipients).toBe(2);
    two.giveBack();
    expect(caps.used('sim').monthRecipients).toBe(1);
  });

  it('see a recipient 30 days after the last message to them as new', () => {
    const { clock, caps, send } = counter();
    send('a');
    clock.now += 20 * day;
    send('b');
    send('a');
    clock.now += 10 * day + minute;
    expect(caps.used('sim').monthRecipients).toBe(2);
    clock.now += 20 * day;
    expect(caps.used('sim').monthRecipients).toBe(0);
  });

  it('survive a restart', () => {
    const row = fc.record({
      afterMs: fc.integer({ min: 0, max: 3 * day }),
      recipientHmac: fc.constantFrom('a', 'b', 'c', 'd'),
      segments: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 40 }), (sendings) => {
        const { clock, caps, sendByHour } = counter();
        const rows: Row[] = [];
        for (const { afterMs, recipientHmac, segments } of sendings) {
          clock.now += afterMs;
          sendByHour(recipientHmac, segments);
          rows.push({ at: clock.now, recipientHmac, segments });
        }
        clock.now += hour;
        const restarted = counter(clock.now);
        restarted.caps.restore('sim', history(rows.toReversed()));
        expect(restarted.caps.used('sim')).toEqual(caps.used('sim'));
        const limits = { perDay: 2, perMonth: 10, recipientsPerMonth: 2 };
        for (const recipient of ['a', 'e']) {
          expect(restarted.caps.isReached('sim', limits, recipient, 1)).toEqual(
            caps.isReached('sim', limits, recipient, 1),
          );
        }
      }),
    );
  });

  it('are the same when the journal is taken up late, among messages of this run', () => {
    const sending = fc.record({
      afterMs: fc.oneof(fc.integer({ min: 0, max: hour }), fc.integer({ min: 0, max: 6 * day })),
      recipientHmac: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      segments: fc.integer({ min: 1, max: 3 }),
      isKept: fc.boolean(),
      /** How many messages later its outcome comes. */
      openFor: fc.integer({ min: 0, max: 4 }),
    });
    const place = fc.nat({ max: 30 });
    fc.assert(
      fc.property(fc.array(sending, { maxLength: 30 }), place, place, (sendings, first, second) => {
        const { clock, caps, sendByHour } = counter();
        const restartAt = Math.min(first, second);
        const restoreAt = Math.max(first, second);
        const rows: Row[] = [];
        const restarted = new SimCaps(() => clock.now);
        const open: { closesAt: number; settle: () => void }[] = [];
        const settleUntil = (index: number) => {
          for (const { settle } of open.filter(({ closesAt }) => closesAt <= index)) settle();
          open.splice(0, open.length, ...open.filter(({ closesAt }) => closesAt > index));
        };
        for (const [
          index,
          { afterMs, recipientHmac, segments, isKept, openFor },
        ] of sendings.entries()) {
          clock.now += afterMs;
          if (index === restartAt) clock.now += hour;
          if (index === restoreAt) restarted.restore('sim', history(rows));
          if (index < restartAt) {
            sendByHour(recipientHmac, segments);
            rows.push({ at: clock.now, recipientHmac, segments });
            continue;
          }
          const charges = [caps, restarted].map((each) =>
            each.take('sim', recipientHmac, segments),
          );
          const settle = () => {
            for (const charge of charges) {
              if (isKept) charge.keep();
              else charge.giveBack();
            }
          };
          open.push({ closesAt: index + openFor, settle });
          settleUntil(index);
        }
        if (restartAt >= sendings.length) clock.now += hour;
        if (restoreAt >= sendings.length) restarted.restore('sim', history(rows));
        settleUntil(Number.POSITIVE_INFINITY);
        expect(restarted.used('sim')).toEqual(caps.used('sim'));
        for (const limits of [
          { perDay: 4, perMonth: undefined, recipientsPerMonth: undefined },
          { perDay: undefined, perMonth: 10, recipientsPerMonth: undefined },
          { perDay: undefined, perMonth: undefined, recipientsPerMonth: 2 },
        ])
          expect(restarted.isReached('sim', limits, 'z', 1)).toEqual(
            caps.isReached('sim', limits, 'z', 1),
          );
      }),
      { numRuns: 500 },
    );
  });

  it('take up a stamp of the future as one of now', () => {
    const { clock, caps } = counter();
    caps.restore('sim', history([{ at: clock.now + 365 * day, recipientHmac: 'a', segments: 2 }]));
    expect(caps.used('sim')).toEqual({ dayCount: 2, monthCount: 2, monthRecipients: 1 });
    clock.now += capMonthMs + hour;
    expect(caps.used('sim')).toEqual({ dayCount: 0, monthCount: 0, monthRecipients: 0 });
  });

  it('remember no more than 100,000 recipients', () => {
    const { caps, send } = counter();
    for (let index = 0; index < 100_010; index++) send(String(index));
    expect(caps.used('sim')).toEqual({
      dayCount: 100_010,
      monthCount: 100_010,
      monthRecipients: 100_000,
    });
  });
});
