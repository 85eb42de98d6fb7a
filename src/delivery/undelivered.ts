/**
 * Whether more messages than usual do not arrive, in a country or in a block of numbers: a route
 * that is broken, or somebody who pumps codes to numbers that nobody reads.
 */

import type { CountryEnds } from '../journal/entries.js';
import type { Condition } from '../words/condition.js';

/** What became of a message; `silent`: no report came within its time. */
export type DeliveryEnd = 'delivered' | 'failed' | 'silent';

type Ends = Record<DeliveryEnd, number>;

interface Recent {
  country: string;
  isBlock: boolean;
  /** Newest last, each of {@link sliceMs}. */
  slices: { sinceMs: number; ends: Ends }[];
  /** Of the last message that did not arrive: its id says more in the log. */
  lastId: string | undefined;
  raisedSinceMs: number | undefined;
}

const windowMs = 3_600_000;
const sliceMs = 300_000;
/** Countries and blocks that are watched; the longest unheard goes first. */
const mostKeys = 2_000;
/** Messages within the window below which nothing can be said. */
const leastMessages = 10;
const leastUndelivered = 5;
/** Shares by which it must be worse than usual, and so much better to be over. */
const worseBy = 0.25;
const overBy = 0.1;
/** Standard deviations of so many draws. */
const deviations = 3;
/** Ends of a country from which on its usual share is believed. */
const enoughUsual = 20;
/** The share that fails where nothing is known. */
const guessedShare = 0.1;
/** Of the usual counts, what is kept when they grow beyond that. */
const mostUsual = 2_000;

export class UndeliveredWatch {
  readonly #date: () => number;
  readonly #usual = new Map<string, Ends>();
  readonly #recent = new Map<string, Recent>();

  readonly #sinceMs: number;

  /** @param date wall-clock milliseconds */
  constructor(date: () => number) {
    this.#date = date;
    this.#sinceMs = date();
  }

  /** Whether too little was seen since the start to say that what an earlier run told is over. */
  isUnknown(about: string): boolean {
    if (Math.abs(this.#date() - this.#sinceMs) >= windowMs) return false;
    const known = [...this.#recent].find(([key, one]) => aboutOf(key, one) === about);
    return known === undefined || this.#shares(known[1]).messages < leastMessages;
  }

  /** What earlier runs saw. */
  restore(usual: readonly CountryEnds[]): void {
    for (const { country, ...ends } of usual) this.#addUsual(country, ends);
  }

  /** A message has come to its end. */
  note(
    message: { id: string; country: string | undefined; blockHmac: string | undefined },
    end: DeliveryEnd,
  ): void {
    const { id, country = '', blockHmac } = message;
    this.#noteAt(`country ${country}`, country, false, id, end);
    if (blockHmac !== undefined) this.#noteAt(`block ${blockHmac}`, country, true, id, end);
  }

  #noteAt(key: string, country: string, isBlock: boolean, id: string, end: DeliveryEnd): void {
    const nowMs = this.#date();
    const known = this.#recent.get(key) ?? {
      country,
      isBlock,
      slices: [],
      lastId: undefined,
      raisedSinceMs: undefined,
    };
    this.#recent.delete(key);
    this.#recent.set(key, known);
    if (this.#recent.size > mostKeys) this.#recent.delete(this.#recent.keys().next().value!);
    this.#age(known, nowMs);
    let last = known.slices.at(-1);
    if (last === undefined || nowMs - last.sinceMs >= sliceMs) {
      last = { sinceMs: nowMs, ends: none() };
      known.slices.push(last);
    }
    last.ends[end] += 1;
    if (end !== 'delivered') known.lastId = id;
    this.#judge(known, nowMs);
  }

  conditions(): Condition[] {
    const nowMs = this.#date();
    for (const [key, one] of this.#recent) {
      this.#age(one, nowMs);
      this.#judge(one, nowMs);
      if (one.slices.length === 0) this.#recent.delete(key);
    }
    return [...this.#recent].flatMap(([key, one]) => this.#conditionOf(key, one));
  }

  #conditionOf(key: string, one: Recent): Condition[] {
    if (one.raisedSinceMs === undefined) return [];
    const { messages, undelivered, usual } = this.#shares(one);
    const where = one.isBlock ? `one block of numbers in ${one.country}` : one.country;
    return [
      {
        kind: 'undelivered',
        about: aboutOf(key, one),
        sentence:
          `${undelivered} of ${messages} messages to ${where} were not delivered within the last hour, ` +
          `${Math.round(usual * 100)} of 100 is usual (the last one: ${one.lastId})`,
        remedy:
          'look whom they went to with "simgate log --since 1h": numbers in a row, or many that ask once, are somebody pumping codes: ' +
          'set lower limits, or take the country out of policy.countries. Else the way to that network is broken: ask the carrier',
        sinceMs: one.raisedSinceMs,
      },
    ];
  }

  /** What leaves the window is what is usual from then on; of blocks nothing is. */
  #age(one: Recent, nowMs: number): void {
    while (one.slices.length > 0 && Math.abs(nowMs - one.slices[0]!.sinceMs) > windowMs) {
      const [old] = one.slices.splice(0, 1);
      if (!one.isBlock) this.#addUsual(one.country, old!.ends);
    }
  }

  #judge(one: Recent, nowMs: number): void {
    const { messages, undelivered, usual } = this.#shares(one);
    const share = messages === 0 ? 0 : undelivered / messages;
    if (one.raisedSinceMs !== undefined) {
      if (messages < leastUndelivered || share < usual + overBy) one.raisedSinceMs = undefined;
      return;
    }
    const expected = messages * usual;
    const spread = Math.sqrt(messages * usual * (1 - usual));
    const isWorse =
      messages >= leastMessages &&
      undelivered >= leastUndelivered &&
      share >= usual + worseBy &&
      undelivered >= expected + deviations * spread;
    if (isWorse) one.raisedSinceMs = nowMs;
  }

  /**
   * Where too little is known of a country, messages without a report say nothing: many carriers
   * send none.
   */
  #shares({ country, slices }: Recent): { messages: number; undelivered: number; usual: number } {
    const ends = slices.reduce((sum, slice) => added(sum, slice.ends), none());
    const before = this.#usual.get(country) ?? none();
    const all = before.delivered + before.failed + before.silent;
    if (all < enoughUsual) {
      const messages = ends.delivered + ends.failed;
      return { messages, undelivered: ends.failed, usual: guessedShare };
    }
    const messages = ends.delivered + ends.failed + ends.silent;
    const usual = Math.max((before.failed + before.silent) / all, 1 / all);
    return { messages, undelivered: ends.failed + ends.silent, usual };
  }

  #addUsual(country: string, ends: Ends): void {
    const sum = added(this.#usual.get(country) ?? none(), ends);
    const all = sum.delivered + sum.failed + sum.silent;
    const kept = all > mostUsual ? mostUsual / all : 1;
    this.#usual.set(country, {
      delivered: sum.delivered * kept,
      failed: sum.failed * kept,
      silent: sum.silent * kept,
    });
  }
}

/** A block by the beginning of its HMAC. */
const aboutOf = (key: string, { isBlock, country }: Recent): string =>
  isBlock ? `block:${key.slice(6, 14)}` : country;

const none = (): Ends => ({ delivered: 0, failed: 0, silent: 0 });

function added(one: Ends, other: Ends): Ends {
  return {
    delivered: one.delivered + other.delivered,
    failed: one.failed + other.failed,
    silent: one.silent + other.silent,
  };
}
