import type { Logger } from 'winston';
import { NotTaken } from '../outgoing/call.js';
import { whyFailed } from '../words/system-fault.js';
import type { AlertNotice } from './notice.js';
import type { AlertWay } from './way.js';

/** How a way is, for pages and metrics. */
export interface WayState {
  name: string;
  kind: AlertWay['kind'];
  /** Notices that wait for it. */
  waiting: number;
  /** Left out since the start, for they waited too long or were too many. */
  dropped: number;
  /** Told since the start. */
  delivered: number;
  failed: number;
  /** Wall-clock milliseconds of the last one that it was told. */
  deliveredAtMs: number | undefined;
  /** Since when it cannot be told, in wall-clock milliseconds, and why; undefined while it can. */
  failing: { sinceMs: number; why: string; tries: number } | undefined;
}

/** What of it outlives a restart. */
export interface SavedWay {
  name: string;
  queue: AlertNotice[];
  deliveredAtMs?: number | undefined;
}

export interface CourierOptions {
  way: AlertWay;
  saved: SavedWay | undefined;
  /** Wall-clock milliseconds. */
  date: () => number;
  /** Something that outlives a restart has changed. Must not throw. */
  onChange: () => void;
  log: Logger;
}

/** Milliseconds between tries: each four times the last, up to the longest. */
const firstRetryMs = 5_000;
const longestRetryMs = 600_000;
/** What is older is no news any more. */
const longestWaitMs = 86_400_000;
const mostWaiting = 64;
/** Milliseconds between two lines of the log about a way that stays dead. */
const logEveryMs = 3_600_000;

/**
 * Brings one way what it is to be told, one after the other and in their order; tries again with
 * growing gaps, for a day. Nobody waits for it.
 */
export class Courier {
  readonly way: AlertWay;
  readonly #options: CourierOptions;
  readonly #queue: AlertNotice[];
  readonly #stop = new AbortController();
  #underWay: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tries = 0;
  #failing: WayState['failing'];
  #loggedAtMs = -Infinity;
  #counts = { dropped: 0, delivered: 0, failed: 0 };
  #deliveredAtMs: number | undefined;

  constructor(options: CourierOptions) {
    this.#options = options;
    this.way = options.way;
    this.#queue = [...(options.saved?.queue ?? [])];
    this.#deliveredAtMs = options.saved?.deliveredAtMs;
    this.#go();
  }

  /** Adds a notice, if the way is to be told of such. */
  take(notice: AlertNotice): void {
    const { onlySevere, name } = this.way;
    if (onlySevere && notice.severity === 'mild') return;
    // That a way is dead is for the others to tell.
    if (notice.kind === 'receiver_dead' && notice.subject === name) return;
    this.#add(notice);
    this.#options.onChange();
    this.#go();
  }

  /** What began and ended before anybody could be told is one thing to tell. */
  #add(notice: AlertNotice): void {
    const [first] = this.#queue;
    const beginning =
      notice.state === 'cleared'
        ? this.#queue.findIndex(({ id, state }) => id === notice.id && state === 'raised')
        : -1;
    const isUnderWay = this.#underWay !== undefined && this.#queue[beginning] === first;
    if (beginning >= 0 && !isUnderWay) this.#queue.splice(beginning, 1);
    this.#queue.push(notice);
    // The one that is under way stays.
    while (this.#queue.length > mostWaiting) this.#drop(1);
  }

  #drop(index: number): void {
    this.#queue.splice(index, 1);
    this.#counts.dropped += 1;
  }

  get state(): WayState {
    const { name, kind } = this.way;
    return {
      name,
      kind,
      waiting: this.#queue.length,
      ...this.#counts,
      deliveredAtMs: this.#deliveredAtMs,
      failing: this.#failing,
    };
  }

  get saved(): SavedWay {
    const { name } = this.way;
    return { name, queue: [...this.#queue], deliveredAtMs: this.#deliveredAtMs };
  }

  /** The pause is over: what was wrong may have been mended. */
  hasten(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#go();
  }

  /**
   * Gives up what is under way; what waits stays in {@link saved}. Resolves when it is known
   * whether the one that was under way was told.
   */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stop.abort();
    await this.#underWay;
  }

  /** Begins with the next one, unless one is under way or a pause lasts. */
  #go(): void {
    if (this.#underWay !== undefined || this.#timer !== undefined) return;
    if (this.#stop.signal.aborted) return;
    while (this.#isTooOld(this.#queue[0])) this.#drop(0);
    const [next] = this.#queue;
    if (next === undefined) return;
    this.#underWay = this.way.deliver(next, this.#stop.signal).then(
      () => this.#ended(next),
      (error: unknown) => this.#ended(next, error),
    );
  }

  #isTooOld(notice: AlertNotice | undefined): boolean {
    return notice !== undefined && notice.atMs + longestWaitMs < this.#options.date();
  }

  #ended(notice: AlertNotice, error?: unknown): void {
    this.#underWay = undefined;
    if (error === undefined) this.#worked(notice);
    else if (!this.#stop.signal.aborted) this.#didNotWork(error);
    this.#options.onChange();
    this.#go();
  }

  #worked(notice: AlertNotice): void {
    const index = this.#queue.indexOf(notice);
    if (index >= 0) this.#queue.splice(index, 1);
    this.#tries = 0;
    this.#counts.delivered += 1;
    this.#deliveredAtMs = this.#options.date();
    const wasFailing = this.#failing;
    this.#failing = undefined;
    if (wasFailing === undefined) return;
    this.#loggedAtMs = -Infinity;
    this.#options.log.info(`alerts reach ${this.way.name} again`, {
      event: 'alert_way',
      way: this.way.name,
    });
  }

  #didNotWork(error: unknown): void {
    // What is none of its own is a bug, and must not end the daemon for the sake of an alert.
    const why = whyFailed(error);
    const retryAfterMs = error instanceof NotTaken ? error.retryAfterMs : undefined;
    this.#counts.failed += 1;
    const pauseMs = Math.min(longestRetryMs, firstRetryMs * 4 ** this.#tries);
    this.#tries += 1;
    const { date, log } = this.#options;
    this.#failing = { sinceMs: this.#failing?.sinceMs ?? date(), why, tries: this.#tries };
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#go();
      },
      Math.min(longestRetryMs, Math.max(pauseMs, retryAfterMs ?? 0)),
    );
    this.#timer.unref();
    const now = performance.now();
    if (now - this.#loggedAtMs < logEveryMs) return;
    this.#loggedAtMs = now;
    log.warn(`an alert does not reach ${this.way.name}: ${why}. It is tried again, for a day`, {
      event: 'alert_way',
      way: this.way.name,
      ...(error instanceof NotTaken ? {} : { error }),
    });
  }
}
