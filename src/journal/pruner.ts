import type { Logger } from 'winston';
import { SettledClock } from '../clock/settled-clock.js';
import { JournalFault } from './faults.js';
import type { Keeper } from './keeper.js';
import type { Bounds } from './wire.js';
import type { Writer } from './writer.js';

/** What may stay, and for how long. */
export interface Retention {
  retentionDays: number;
  /** Milliseconds since 1970; may jump. Default `Date.now`. */
  wallClock?: () => number;
  /** False while that is known to be behind; default: never. */
  isClockSet?: () => boolean;
  /** Milliseconds before a time is believed, see {@link SettledClock}; default 45 min. */
  settleMs?: number;
  /** The most rows of messages that no modem was given. Default 50,000. */
  maxRefusals?: number;
  /** The most rows of messages that one was: about 300 MB. Default 500,000. */
  maxStarted?: number;
}

/**
 * Without it, a clock that leaps ahead would remove the whole journal at once. A box that was off
 * for weeks removes what is old within the first hours of its next run. A clock that was wrong for
 * minutes removes nothing.
 */
const settleDefaultMs = 2_700_000;
const dayMs = 86_400_000;
/** Milliseconds by which a sure clock may have been set back while rows were written. */
const aheadMs = 3_600_000;
/** The caps slide over 30 days; one more for what a clock was off by. */
const simUsesDays = 31;
/** No hold lasts or counts for so long once it is over. */
const holdsDays = 1;
/** Of what was refused before it was a message, the minutes count for a day, then the hours. */
const minutesDays = 1;
/** About 3 MB. */
const maxRefusedCounts = 50_000;
const pruneEveryMs = 3_600_000;
/** Rows removed in one go: a message that starts meanwhile waits for no more than that. */
const pruneRows = 200;

/** Removes what is too old or too much, every hour and in small goes between the messages. */
export class Pruner {
  readonly #keeper: Keeper;
  readonly #writer: Pick<Writer, 'drained'>;
  readonly #retention: Retention;
  readonly #log: Logger;
  readonly #clock: SettledClock;
  readonly #timer: NodeJS.Timeout;
  #isPruning = false;
  #isStopped = false;

  constructor(keeper: Keeper, writer: Pick<Writer, 'drained'>, retention: Retention, log: Logger) {
    this.#keeper = keeper;
    this.#writer = writer;
    this.#retention = retention;
    this.#log = log;
    this.#clock = new SettledClock(
      retention.wallClock ?? Date.now,
      retention.settleMs ?? settleDefaultMs,
    );
    this.#timer = setInterval(() => void this.prune(), pruneEveryMs);
    this.#timer.unref();
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  async prune(): Promise<void> {
    if (this.#isPruning) return;
    this.#isPruning = true;
    try {
      const bounds = this.#bounds();
      for (let isMore = true; isMore && !this.#isStopped && this.#keeper.isOpen; ) {
        const { removed, youngestCutMs } = await this.#keeper.ask('prune', { bounds });
        isMore = removed > 0;
        if (youngestCutMs !== undefined && youngestCutMs > bounds.keepSinceMs) this.#tellCut();
        await this.#writer.drained();
      }
    } catch (error) {
      if (!(error instanceof JournalFault)) throw error; // told by the keeper, which opens it again
    } finally {
      this.#isPruning = false;
    }
  }

  #tellCut(): void {
    this.#log.warn(
      `the journal has its most rows: older ones went before journal.retention_days (${this.#retention.retentionDays})`,
      { event: 'journal' },
    );
  }

  #bounds(): Bounds {
    const {
      retentionDays,
      maxRefusals = 50_000,
      maxStarted = 500_000,
      isClockSet,
    } = this.#retention;
    const nowMs = this.#clock.now();
    const isSure = nowMs !== -Infinity && isClockSet?.() !== false;
    return {
      keepSinceMs: nowMs - retentionDays * dayMs,
      keepSimUsesSinceMs: nowMs - Math.max(retentionDays, simUsesDays) * dayMs,
      keepHoldsSinceMs: nowMs - holdsDays * dayMs,
      keepMinutesSinceMs: nowMs - minutesDays * dayMs,
      latestMs: isSure ? nowMs + aheadMs : undefined,
      maxRefusals,
      maxStarted,
      maxRefusedCounts,
      limit: pruneRows,
    };
  }
}
