/**
 * When the storages of an opened modem are looked at: soon after news of them, and slowly without
 * any. Messages go first; a look that they have kept waiting gets a bounded share of the line.
 */

import { simMs } from './dialogue.js';
import type { SweepEnd, SweepLeave } from './storage.js';

export interface SweeperHost {
  /** Whether no message is under way: what is asked now delays none by more than a command. */
  isIdle(): boolean;
  /** Whether the result of an earlier message may still come, whose `OK` could answer for ours. */
  expectsLateResult(): boolean;
  /** Whether the modem is the one that it was, and takes commands. */
  isThere(): boolean;
  /**
   * See `Storage.sweep`; undefined when the modem was silent to it. Rejects with `AtTimeout` or
   * `AtLinkLost` when it is lost.
   */
  sweep(leave: SweepLeave, news: boolean): Promise<SweepEnd | undefined>;
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
 * SIM says nothing. A look at empty storages is one short command for each.
 */
const slowLookMs = 120_000;
/** The same for a modem that was found not to tell of what it stores. */
const untoldLookMs = 30_000;
/**
 * The same after a command met silence, which costs the messages ten seconds each time: in the
 * first look, for a line can get lost once, and in each that follows.
 */
const muteLookMs = { first: 30_000, next: 600_000 } as const;
/** Milliseconds for the network to hand over what it held, and for what nobody tells of. */
const refillMs = 10_000;
/** Milliseconds to the next look when replies did not fit their questions; doubles each time. */
const firstUnsureMs = 5_000;
const longestUnsureMs = 60_000;

/** Milliseconds that a look waits for a line that is never idle, or for a late result. */
const patienceMs = 10_000;
/**
 * Commands after which a look between two messages begins no further slot: what it takes to choose
 * a storage and find one message in it. It takes one.
 */
const shareCommands = 6;
/**
 * The same in a storage that is nearly full, in milliseconds, and while it has found none. What
 * comes next would find no room; so long a message waits rather.
 */
const shareMs = 1_000;
const searchMs = 2_000;
/** Milliseconds for a command of such a look: silence to it keeps a message waiting. */
const shareTimeoutMs = 3_000;
/** A look between messages is followed by so many times its own time without one: a fifth. */
const restsPerShare = 4;

/** One for each opened modem. */
export class Sweeper {
  readonly #host: SweeperHost;
  #timer: NodeJS.Timeout | undefined;
  /** `performance.now()` milliseconds. */
  #dueAt = Number.POSITIVE_INFINITY;
  #hasNews = false;
  #isLooking = false;
  #isStopped = false;
  /** `performance.now()` since when a look is due and has not come to its end. */
  #waitsSince: number | undefined;
  /** What the last look waited for did not come: the next does not wait for it again. */
  #isImpatient = false;
  /** `performance.now()` before which no message is held up for another look. */
  #restsUntil = 0;
  #unsureMs = firstUnsureMs;
  /** The last look met silence. */
  #wasMute = false;
  /** Something was found that nobody had told of. */
  #isUntold = false;

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

  /**
   * Between two messages: takes a look's share of the line, where one has waited for long: for one
   * stored message, or two seconds where there is hardly room for more, and the slot begun then.
   * Else resolves at once. Rejects as `SweeperHost.sweep`.
   */
  async takeShare(): Promise<void> {
    const now = performance.now();
    if (!this.#isOverdue(now) || this.#isLooking || now < this.#restsUntil) return;
    this.#isImpatient = true;
    // This is the look that was put off until the line is idle: the next is due as it ends.
    clearTimeout(this.#timer);
    this.#dueAt = Number.POSITIVE_INFINITY;
    await this.#look({
      mayLook: ({ asked, taken, isNearlyFull }) => {
        if (!this.#host.isThere()) return false;
        if (!isNearlyFull) return taken === 0 && asked < shareCommands;
        return performance.now() - now < (taken > 0 ? shareMs : searchMs);
      },
      mayDelete: () => this.#host.isThere(),
      timeoutMs: shareTimeoutMs,
    });
    const end = performance.now();
    this.#restsUntil = end + restsPerShare * (end - now);
  }

  #isOverdue(now: number): boolean {
    if (this.#waitsSince === undefined) return false;
    return this.#isImpatient || now - this.#waitsSince >= patienceMs;
  }

  #lookWithin(ms: number): void {
    const dueAt = performance.now() + ms;
    if (this.#isStopped || dueAt >= this.#dueAt) return;
    this.#dueAt = dueAt;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#due(), ms);
  }

  #due(): void {
    this.#dueAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    this.#waitsSince ??= now;
    const isLate = this.#host.expectsLateResult();
    const mayLook = this.#host.isIdle() && (!isLate || this.#isOverdue(now));
    if (this.#isLooking || !mayLook) return this.#lookWithin(newsDelayMs);
    const isIdle = () => this.#host.isIdle();
    this.#isImpatient = isLate;
    this.#host.run(() => this.#look({ mayLook: isIdle, mayDelete: isIdle, timeoutMs: simMs }));
  }

  async #look(leave: SweepLeave): Promise<void> {
    const news = this.#hasNews;
    this.#hasNews = false;
    this.#isLooking = true;
    let end: SweepEnd | undefined;
    try {
      end = await this.#host.sweep(leave, news);
    } finally {
      this.#isLooking = false;
      if (end !== 'done' && end !== 'emptied') this.#hasNews ||= news;
      if (end !== 'interrupted') this.#waitsSince = undefined;
      this.#isUntold ||= end === 'emptied' && !news && !this.#hasNews;
      this.#lookWithin(this.#nextLookMs(end));
    }
  }

  #nextLookMs(end: SweepEnd | undefined): number {
    const { first, next } = muteLookMs;
    const muteMs = this.#wasMute ? next : first;
    this.#wasMute = end === undefined;
    const unsureMs = this.#unsureMs;
    this.#unsureMs = end === 'unsure' ? Math.min(longestUnsureMs, unsureMs * 2) : firstUnsureMs;
    switch (end) {
      case 'done':
        return this.#isUntold ? untoldLookMs : slowLookMs;
      case 'emptied':
        return refillMs;
      case 'interrupted':
        return newsDelayMs;
      case 'unsure':
        return unsureMs;
      case undefined:
        return muteMs;
    }
  }
}
