/**
 * How the limits stand that many share: by what all boxes have sent, where there are others and the
 * shared engine answers; else by what this one has.
 */

import type { FullLimit, NearlyFullLimit } from '../policy/full-limits.js';
import type { Policy } from '../policy/policy.js';
import type { SharedUse } from '../policy/shared-uses.js';
import type { UseOfAll } from '../shared/judged.js';
import type { Truth } from '../shared/truth.js';

/** The fullest limits, and whose messages are counted. */
export interface LimitsStanding {
  uses: readonly SharedUse[];
  /** `this box alone`: there are others, and the engine does not say what they have sent. */
  of: 'this box' | 'all boxes' | 'this box alone';
}

/** Milliseconds between two questions to the engine, and while somebody looks at the answers. */
const askEveryMs = 5_000;
const lookEveryMs = 1_000;
/** Milliseconds for which an answer is believed. */
const goodMs = 15_000;

interface Answer {
  uses: readonly UseOfAll[];
  /** `performance.now()`. */
  at: number;
}

export class SharedLimits {
  readonly #policy: Pick<Policy, 'sharedUses' | 'full' | 'nearlyFull'>;
  readonly #truth: Pick<Truth, 'uses'> | undefined;
  readonly #timer: NodeJS.Timeout | undefined;
  #answer: Answer | undefined;
  #asking: Promise<void> | undefined;

  /** @param truth undefined where this box is alone */
  constructor(
    policy: Pick<Policy, 'sharedUses' | 'full' | 'nearlyFull'>,
    truth: Pick<Truth, 'uses'> | undefined,
  ) {
    this.#policy = policy;
    this.#truth = truth;
    if (truth === undefined) return;
    this.#timer = setInterval(() => void this.#ask(), askEveryMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** As it was known last; who looks on is shown news a second later. */
  standing(): LimitsStanding {
    if (this.#truth === undefined) return { uses: this.#policy.sharedUses(), of: 'this box' };
    if (performance.now() - (this.#answer?.at ?? 0) >= lookEveryMs) void this.#ask();
    return this.#known();
  }

  /** As it is now; settles within the engine's budget, and never rejects. */
  async fresh(): Promise<LimitsStanding> {
    await this.#ask();
    return this.standing();
  }

  /** Whether what is told of limits is all that there is to tell. */
  get isWhole(): boolean {
    return this.#truth === undefined || this.#current() !== undefined;
  }

  /** The limits by which everybody, a whole country or a caller is refused now. */
  full(): FullLimit[] {
    const ofAll = (this.#current()?.uses ?? []).flatMap(({ name, key, limit, leftMs }) => {
      const freeInMs = leftMs - this.#ageMs();
      if (!isSharedByMany(name) || freeInMs <= 0) return [];
      return [{ name, limit, ...(key !== undefined && { of: key }), freeInMs }];
    });
    return [...this.#policy.full(), ...ofAll];
  }

  /** Those of them that are 80 % full or more. */
  nearlyFull(): NearlyFullLimit[] {
    const ofAll = (this.#current()?.uses ?? []).flatMap(({ name, key, limit, isNearlyFull }) => {
      if (!isSharedByMany(name) || !isNearlyFull) return [];
      return [{ name, limit, ...(key !== undefined && { of: key }) }];
    });
    const all = [...this.#policy.nearlyFull(), ...ofAll];
    const byName = new Map(all.map((one) => [JSON.stringify([one.name, one.of, one.limit]), one]));
    return [...byName.values()];
  }

  #known(): LimitsStanding {
    const answer = this.#current();
    if (answer === undefined) return { uses: this.#policy.sharedUses(), of: 'this box alone' };
    return { uses: answer.uses, of: 'all boxes' };
  }

  #current(): Answer | undefined {
    return this.#ageMs() < goodMs ? this.#answer : undefined;
  }

  #ageMs(): number {
    return performance.now() - (this.#answer?.at ?? Number.NEGATIVE_INFINITY);
  }

  /** One question at a time. */
  #ask(): Promise<void> {
    if (this.#truth === undefined) return Promise.resolve();
    this.#asking ??= this.#truth.uses().then((uses) => {
      this.#asking = undefined;
      this.#answer = uses && { uses, at: performance.now() };
    });
    return this.#asking;
  }
}

const isSharedByMany = (name: SharedUse['name']): name is NearlyFullLimit['name'] =>
  name === 'total' || name === 'per_country' || name === 'per_caller';
