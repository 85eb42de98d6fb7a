/**
 * When the storages of an opened modem are looked at: soon after news of them, and slowly without
 * any.
 */

import type { SweepEnd } from './storage.js';

export interface SweeperHost {
  /**
   * Whether the modem may be asked now: not while a message is under way, nor while a late result
   * may come, whose `OK` would answer for ours.
   */
  isFree(): boolean;
  /** See `Storage.sweep`; undefined when the modem was silent to it. Rejects when it is lost. */
  sweep(news: boolean): Promise<SweepEnd | undefined>;
  /** Carries out what may find the modem lost. */
  run(work: () => Promise<void>): void;
}

/**
 * Milliseconds between the news that something was stored and the look at it: whatever else comes
 * meanwhile is fetched with it.
 */
const newsDelayMs = 1_000;
/**
 * Milliseconds between looks without news: modems say `+CMTI` on another of their ports, and a full
 * SIM says nothing. Also after a command of a look met silence, which costs the messages ten
 * seconds each time.
 */
const slowLookMs = 600_000;
/** Milliseconds for the network to hand over what it held for a storage that was full. */
const refillMs = 10_000;
/** Milliseconds before the next look when replies did not fit their questions. */
const unsureMs = 60_000;

const nextLookMs: Readonly<Record<SweepEnd, number>> = {
  done: slowLookMs,
  emptied: refillMs,
  interrupted: newsDelayMs,
  unsure: unsureMs,
};

/** One for each opened modem. */
export class Sweeper {
  readonly #host: SweeperHost;
  #timer: NodeJS.Timeout | undefined;
  /** `performance.now()` milliseconds. */
  #dueAt = Number.POSITIVE_INFINITY;
  #hasNews = false;
  #isStopped = false;

  constructor(host: SweeperHost) {
    this.#host = host;
    this.#lookWithin(slowLookMs);
  }

  /**
   * Something lies in a storage: it is fetched between messages, however long the modem is busy or
   * stalled.
   */
  soon(): void {
    this.#hasNews = true;
    this.#lookWithin(newsDelayMs);
  }

  /** For good. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #lookWithin(ms: number): void {
    const dueAt = performance.now() + ms;
    if (this.#isStopped || dueAt >= this.#dueAt) return;
    this.#dueAt = dueAt;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#dueAt = Number.POSITIVE_INFINITY;
      if (this.#host.isFree()) this.#host.run(() => this.#look());
      else this.#lookWithin(newsDelayMs);
    }, ms);
  }

  async #look(): Promise<void> {
    const news = this.#hasNews;
    this.#hasNews = false;
    let end: SweepEnd | undefined;
    try {
      end = await this.#host.sweep(news);
    } finally {
      if (end !== 'done' && end !== 'emptied') this.#hasNews ||= news;
      this.#lookWithin(end === undefined ? slowLookMs : nextLookMs[end]);
    }
  }
}
