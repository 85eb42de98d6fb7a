/** Brings whole texts to the receiver, one at a time, for as long as it takes. */

import { NotTaken } from '../outgoing/call.js';
import type { WholeText } from './long-texts.js';
import { callSigned } from './signed-call.js';

export interface DelivererOptions {
  /** As configured now; undefined: nothing is delivered. */
  receiver: () => { url: string; secretFile: string } | undefined;
  /** For how long a text is kept, in milliseconds from its coming in. */
  keepMs: () => number;
  /** Wall-clock milliseconds. */
  date: () => number;
  /** `performance.now()`, by which texts grow old: a wall clock may leap by years. */
  now: () => number;
  /** The receiver has it. Must not reject. */
  onTaken: (text: WholeText) => Promise<void>;
  /** It was kept for as long as it may be. Must not reject. */
  onGivenUp: (text: WholeText) => Promise<void>;
  /** A try failed, or the receiver is back. */
  onFailed: (why: string, failures: number) => void;
  onBack: (failures: number) => void;
}

interface Waiting {
  text: WholeText;
  /** As `now` has it. */
  since: number;
  /** Milliseconds of its age by then. */
  ageMs: number;
  tries: number;
  /** `performance.now()` before which it is not tried. */
  dueAt: number;
}

/** Milliseconds for which one of an earlier run is tried at the least, however old it is. */
const leastTriedMs = 3_600_000;
const firstPauseMs = 5_000;
const longestPauseMs = 600_000;

/** Milliseconds before the next try after so many; a fifth is left to chance. */
const pauseMs = (tries: number): number =>
  Math.min(longestPauseMs, firstPauseMs * 2 ** (tries - 1)) * (0.9 + 0.2 * Math.random());

export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #waiting: Waiting[] = [];
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #underWay: Waiting | undefined;
  /** In a row, of a receiver that is away, and until when nothing is tried. */
  #failures = 0;
  #pausedUntil = 0;
  lastWhy: string | undefined;
  /** `performance.now()` since when the receiver takes nothing. */
  failingSince: number | undefined;

  constructor(options: DelivererOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Wall-clock milliseconds at which the oldest that waits came in; now, where none does. */
  get oldestMs(): number {
    return Math.min(
      this.#options.date(),
      ...this.#waiting.map(({ text: { receivedAtMs } }) => receivedAtMs),
    );
  }

  /** Those that were kept for as long as they may are given up, even where nobody wants any. */
  giveUpOld(): void {
    const [now, keepMs] = [this.#options.now(), this.#options.keepMs()];
    const old = this.#waiting.filter((waiting) => {
      const heldMs = now - waiting.since;
      const isOld = heldMs + waiting.ageMs > keepMs && heldMs > Math.min(leastTriedMs, keepMs);
      return isOld && waiting !== this.#underWay;
    });
    for (const waiting of old) {
      this.#remove(waiting);
      void this.#options.onGivenUp(waiting.text);
    }
  }

  /** @param ageMs milliseconds since it came in, where an earlier run left it */
  add(text: WholeText, ageMs = 0): void {
    this.#waiting.push({ text, since: this.#options.now(), ageMs, tries: 0, dueAt: 0 });
    this.#go();
  }

  /** Another receiver, perhaps: it is tried at once. */
  hasten(): void {
    this.#pausedUntil = 0;
    for (const waiting of this.#waiting) waiting.dueAt = 0;
    this.#go();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stopped.abort();
    await this.#running;
  }

  #go(): void {
    if (this.#running !== undefined || this.#stopped.signal.aborted) return;
    clearTimeout(this.#timer);
    const [next] = this.#waiting.toSorted((a, b) => a.dueAt - b.dueAt);
    if (next === undefined || this.#options.receiver() === undefined) return;
    const waitMs = Math.max(next.dueAt, this.#pausedUntil) - performance.now();
    if (waitMs > 0) {
      this.#timer = setTimeout(() => this.#go(), waitMs);
      return;
    }
    this.#underWay = next;
    this.#running = this.#deliver(next).finally(() => {
      this.#underWay = undefined;
      this.#running = undefined;
      this.#go();
    });
  }

  async #deliver(waiting: Waiting): Promise<void> {
    const { text } = waiting;
    const receiver = this.#options.receiver();
    if (receiver === undefined) return;
    const nowMs = this.#options.date();
    const { url, secretFile } = receiver;
    const { signal } = this.#stopped;
    const body = JSON.stringify(bodyOf(text));
    try {
      await callSigned({ url, secretFile, id: text.id, body, nowMs, signal });
    } catch (error) {
      if (!(error instanceof NotTaken)) throw error;
      if (!signal.aborted) this.#failed(waiting, error);
      return;
    }
    this.#remove(waiting);
    if (this.failingSince !== undefined) this.#options.onBack(this.#failures);
    this.#failures = 0;
    this.failingSince = undefined;
    this.lastWhy = undefined;
    await this.#options.onTaken(text);
  }

  #failed(waiting: Waiting, error: NotTaken): void {
    const now = performance.now();
    waiting.tries += 1;
    this.#failures += 1;
    this.failingSince ??= now;
    this.lastWhy = error.message;
    const own = error.retryAfterMs ?? pauseMs(waiting.tries);
    waiting.dueAt = now + own;
    // One that is away would take the next one no better; one that refuses this may take others.
    if (error.isAway) this.#pausedUntil = now + (error.retryAfterMs ?? pauseMs(this.#failures));
    this.#options.onFailed(error.message, this.#failures);
  }

  #remove(waiting: Waiting): void {
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
  }
}

function bodyOf({ from, text, receivedAtMs, modem, sentAt, missing }: WholeText): object {
  return {
    from,
    text: text ?? null,
    received_at: new Date(receivedAtMs).toISOString(),
    modem,
    sent_at: sentAt,
    ...(missing.length > 0 && { missing_parts: missing }),
  };
}
