/**
 * Random fleets and arrivals, judged by what must hold of one queue for all modems (not by how it
 * is done).
 */

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SendError } from '../../src/errors.js';
import type { OutgoingSms, SubmitControl, SubmitReceipt } from '../../src/modem/sms-modem.js';
import { FakeModem, surelyNotSent } from './support/fake-modem.js';
import { fakeTime, pass, rig } from './support/rig.js';

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);

interface Taken {
  id: string;
  modem: string;
  /** `performance.now()` milliseconds. */
  from: number;
  until: number;
}

/** A modem that takes the same time for each segment, and keeps a record. */
class SteadyModem extends FakeModem {
  readonly perSegmentMs: number;
  readonly #record: Taken[];
  readonly #fails: () => boolean;

  constructor(
    name: string,
    perSegmentMs: number,
    record: Taken[],
    fails = () => false,
    number?: string,
  ) {
    super(name, number);
    this.perSegmentMs = perSegmentMs;
    this.#record = record;
    this.#fails = fails;
  }

  override submit(sms: OutgoingSms, control: SubmitControl): Promise<SubmitReceipt> {
    const from = performance.now();
    const receipt = super.submit(sms, control);
    const handOver = this.current;
    const tookMs = this.#fails() ? 1 : sms.segments.length * this.perSegmentMs;
    const taken = {
      id: sms.segments[0]!.split(' ', 1)[0]!,
      modem: this.name,
      from,
      until: from + tookMs,
    };
    this.#record.push(taken);
    setTimeout(() => {
      if (this.#fails()) handOver.fail(surelyNotSent());
      else if (handOver.prompt()) handOver.accept();
    }, tookMs);
    return receipt;
  }
}

interface Arrival {
  id: string;
  at: number;
  deadlineAt: number;
  segments: number;
  /** Those with the same key supersede each other while they wait. */
  key: string;
  code?: string;
  answeredAt?: number;
}

const fleets = fc.record({
  /** Milliseconds for one segment, by modem. */
  speeds: fc.array(fc.constantFrom(300, 500, 1000, 1000, 2000, 4000, 7000, 14_000), {
    minLength: 1,
    maxLength: 6,
  }),
  arrivals: fc.array(
    fc.record({
      afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 })),
      deadlineMs: fc.oneof(fc.constant(25_000), fc.integer({ min: 500, max: 40_000 })),
      segments: fc.constantFrom(1, 1, 1, 2, 3),
      key: fc.nat({ max: 30 }),
    }),
    { minLength: 1, maxLength: 60 },
  ),
  perDay: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
  /** Whether each modem has sent before, so that its speed is known. */
  warm: fc.boolean(),
});

describe('one queue for all modems, over random fleets and arrivals', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  type Fleet = typeof fleets extends fc.Arbitrary<infer F> ? F : never;

  async function run({ speeds, arrivals, perDay, warm }: Fleet): Promise<string[]> {
    const record: Taken[] = [];
    const modems = speeds.map(
      (ms, i) => new SteadyModem(`m${i}`, ms, record, () => false, `+49${i}`),
    );
    const { dispatch } = rig(
      modems,
      { maxWaiting: 20 },
      perDay === undefined ? {} : { caps: { perDay } },
    );
    const stories: Arrival[] = [];
    const send = (story: Arrival, sender?: string): void => {
      stories.push(story);
      const text = `${story.id} `.padEnd(story.segments === 1 ? 20 : story.segments * 153, 'x');
      const message = {
        id: story.id,
        caller: 'c',
        recipient: '+4915112345667',
        messageType: story.key,
        text,
      };
      void dispatch
        .send(
          { ...message, ...(sender !== undefined && { sender }) },
          { deadlineAt: story.deadlineAt, callerLeft: new AbortController().signal },
        )
        .then(
          () => 'sent',
          (error: unknown) => (error instanceof SendError ? error.code : 'no SendError'),
        )
        .then((code) => Object.assign(story, { code, answeredAt: performance.now() }));
    };
    if (warm) {
      for (const [i] of modems.entries()) {
        const now = performance.now();
        send(
          { id: `w${i}`, at: now, deadlineAt: now + 60_000, segments: 1, key: `w${i}` },
          `+49${i}`,
        );
      }
      await vi.advanceTimersByTimeAsync(20_000);
    }
    for (const [i, { afterMs, deadlineMs, segments, key }] of arrivals.entries()) {
      await vi.advanceTimersByTimeAsync(afterMs);
      const now = performance.now();
      send({ id: `a${i}`, at: now, deadlineAt: now + deadlineMs, segments, key: `k${key}` });
    }
    await vi.runAllTimersAsync();
    return [
      ...judgeAnswers(stories, record),
      // What is left of a cap may fit a short message and not the long one before it.
      ...(perDay === undefined
        ? [...judgeOrder(stories, record), ...judgeWork(stories, record, modems)]
        : []),
      ...judgeCaps(record, stories, modems, perDay),
    ];
  }

  it(`work is conserved, in order, in time, within the caps (SEED=${seed})`, async () => {
    const property = fc.asyncProperty(fleets, async (fleet) => {
      expect(await run(fleet)).toEqual([]);
    });
    await fc.assert(property, { seed, numRuns: 200 });
  });

  function judgeAnswers(stories: readonly Arrival[], record: readonly Taken[]): string[] {
    return stories.flatMap(({ id, at, deadlineAt, code, answeredAt }) => {
      const taken = record.filter((each) => each.id === id);
      const faults: string[] = [];
      if (code === undefined || answeredAt! > deadlineAt)
        faults.push(`${id} was not answered in time`);
      if (taken.length > 1) faults.push(`${id} was taken ${taken.length} times`);
      if (code === 'sent' && taken[0]?.until !== answeredAt) faults.push(`${id} is not sent`);
      if (['queue_full', 'sim_cap_reached'].includes(code ?? '') && taken.length > 0)
        faults.push(`${id}: ${code}`);
      // What was let in when no modem was free is taken only where it is known to be done in time.
      const waited = taken[0] !== undefined && taken[0].from > at;
      if (waited && warmed(stories) && code === 'outcome_unknown')
        faults.push(`${id} waited, and was begun too late`);
      return faults;
    });
  }

  const warmed = (stories: readonly Arrival[]): boolean => stories[0]?.id === 'w0';

  /**
   * Of two that wait, the older is begun first, unless this modem could not have done it in time,
   * or another has it done sooner.
   */
  function judgeOrder(stories: readonly Arrival[], record: readonly Taken[]): string[] {
    return record.flatMap((taken) => {
      const own = stories.find(({ id }) => id === taken.id)!;
      const perSegmentMs = (taken.until - taken.from) / own.segments;
      const passedOver = stories.filter((other) => {
        const isOlder =
          stories.indexOf(other) < stories.indexOf(own) && !replaced(other, own, stories);
        const begun = record.find(({ id }) => id === other.id);
        const waits =
          isOlder && (begun?.from ?? Infinity) > taken.from && other.answeredAt! > taken.from;
        const doneHereAt = taken.from + 1.3 * perSegmentMs * other.segments + 50;
        return waits && doneHereAt <= other.deadlineAt && doneHereAt < (begun?.until ?? Infinity);
      });
      if (passedOver.length === 0 || !warmed(stories)) return [];
      return [`${taken.modem} began ${taken.id} before ${passedOver.map(({ id }) => id).join()}`];
    });
  }

  /** A newer one that took an older one's very place is as old as that one. */
  function replaced(other: Arrival, own: Arrival, stories: readonly Arrival[]): boolean {
    const between = stories.filter(({ key, code }) => key === own.key && code === 'superseded');
    return between.some((older) => stories.indexOf(older) < stories.indexOf(other));
  }

  /**
   * No modem that could do a waiting message in time stands idle, unless the busy ones will have
   * done all sooner.
   */
  function judgeWork(
    stories: readonly Arrival[],
    record: readonly Taken[],
    modems: readonly SteadyModem[],
  ): string[] {
    if (!warmed(stories)) return [];
    const faults: string[] = [];
    const moments = [...stories.map(({ at }) => at), ...record.map(({ until }) => until)];
    for (const moment of moments) {
      const now = moment + 1;
      const waiting = stories.filter(({ id, at, answeredAt }) => {
        const from = record.find((each) => each.id === id)?.from ?? Number.POSITIVE_INFINITY;
        return at < now && from > now && answeredAt! > now;
      });
      const busy = record.filter(({ from, until }) => from <= now && until > now);
      const idle = modems.filter(({ name }) => !busy.some(({ modem }) => modem === name));
      for (const message of waiting) {
        const able = idle.filter(
          ({ perSegmentMs }) =>
            now + 1.3 * perSegmentMs * message.segments + 50 <= message.deadlineAt,
        );
        // The busy ones take what waits, each as it becomes free.
        const free = busy.map(({ modem, until }) => {
          return { until, ms: modems.find(({ name }) => name === modem)!.perSegmentMs };
        });
        for (const { segments } of waiting) {
          const next = free.sort((a, b) => a.until - b.until)[0];
          if (next !== undefined) next.until += next.ms * segments;
        }
        const doneAt = Math.max(0, ...free.map(({ until }) => until));
        const idler = able.find(
          ({ perSegmentMs }) => now + perSegmentMs * message.segments < doneAt / 1.3,
        );
        if (idler !== undefined)
          faults.push(`at ${now} ${idler.name} stood idle while ${message.id} waited`);
      }
    }
    return faults;
  }

  function judgeCaps(
    record: readonly Taken[],
    stories: readonly Arrival[],
    modems: readonly SteadyModem[],
    perDay: number | undefined,
  ): string[] {
    if (perDay === undefined) return [];
    return modems.flatMap(({ name }) => {
      const ids = record.filter(({ modem }) => modem === name).map(({ id }) => id);
      const segments = stories
        .filter(({ id, code }) => ids.includes(id) && code === 'sent')
        .reduce((sum, each) => sum + each.segments, 0);
      return segments > perDay ? [`${name} sent ${segments} of ${perDay} segments`] : [];
    });
  }
});

describe('in a mixed fleet', () => {
  fakeTime();

  async function warm(
    gateway: ReturnType<typeof rig>,
    modems: readonly SteadyModem[],
  ): Promise<void> {
    for (const { number } of modems)
      gateway.send('warm up', { sender: number!, deadlineMs: 60_000 });
    await pass(20_000);
  }

  it('eight that were never used work as eight', async () => {
    const record: Taken[] = [];
    const modems = Array.from({ length: 8 }, (_, i) => new SteadyModem(`m${i}`, 500, record));
    const { send } = rig(modems, { maxWaiting: 1000 });
    for (let i = 0; i < 48; i += 1) send(`${i} `);
    await pass(3001);
    expect(record.filter(({ until }) => until <= 3000)).toHaveLength(48);
    expect(modems.map(({ texts }) => texts.length)).toEqual(Array<number>(8).fill(6));
  });

  it('one of 14 s does not take the last message while one of 1 s is free in a moment', async () => {
    const record: Taken[] = [];
    const [slow, fast] = [
      new SteadyModem('slow', 14_000, record, () => false, '+491'),
      new SteadyModem('fast', 1000, record, () => false, '+492'),
    ];
    const gateway = rig([slow, fast]);
    await warm(gateway, [slow, fast]);
    const callers = ['first', 'last'].map((text) => gateway.send(text));
    await pass(2000);
    expect(callers.map(({ code }) => code)).toEqual(['sent', 'sent']);
    expect(slow.texts).toEqual(['warm up']);
  });

  it('the slow one does its share as long as there is enough for all', async () => {
    const record: Taken[] = [];
    const modems = [1000, 2000, 4000].map(
      (ms, i) => new SteadyModem(`m${i}`, ms, record, () => false, `+49${i}`),
    );
    const gateway = rig(modems, { maxWaiting: 1000 });
    await warm(gateway, modems);
    const startedAt = performance.now();
    for (let i = 0; i < 80; i += 1) {
      for (let k = 0; k < 2; k += 1) gateway.send(`${i}-${k} `);
      await pass(500);
    }
    const done = record.filter(
      ({ from, until }) => from >= startedAt && until <= startedAt + 40_000,
    );
    expect(done.length / (40 + 20 + 10)).toBeGreaterThanOrEqual(0.95);
    await pass(60_000);
  });

  it('one that gives each message back at once does not get them all', async () => {
    const record: Taken[] = [];
    const broken = new SteadyModem('broken', 1000, record, () => true);
    const good = new SteadyModem('good', 1000, record, () => false, '+491');
    const gateway = rig([broken, good]);
    await warm(gateway, [good]);
    const callers = Array.from({ length: 20 }, (_, i) => gateway.send(`${i} `));
    await pass(25_000);
    expect(callers.map(({ code }) => code)).toEqual(Array<string>(20).fill('sent'));
    expect(broken.texts.length).toBeLessThanOrEqual(5);
  });
});
