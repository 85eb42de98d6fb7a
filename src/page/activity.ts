import type { SendErrorCode } from '../errors.js';
import type { AnswerFigures } from '../metrics/listener.js';
import type { Accepted } from './shown-state.js';

/** When a caller was here; wall-clock milliseconds. */
export interface CallerActivity {
  /** Its last request that proved to be its own. */
  seenMs?: number | undefined;
  acceptedMs?: number | undefined;
  refused?: { atMs: number; code: SendErrorCode } | undefined;
}

/**
 * Who was here last, as far as this run knows. It is told after each answer and keeps one record
 * for each caller and modem of the configuration.
 */
export class Activity {
  readonly #now: () => number;
  readonly #callers = new Map<string, CallerActivity>();
  readonly #modems = new Map<string, Accepted>();
  #last: Accepted | undefined;

  /** `now`: wall-clock milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  answered(answer: AnswerFigures): void {
    const { caller, code, suspected } = answer;
    const atMs = this.#now();
    const name = caller ?? suspected;
    if (name !== undefined) {
      const known = this.#callers.get(name) ?? {};
      if (caller !== undefined) known.seenMs = atMs;
      if (code === undefined) known.acceptedMs = atMs;
      else if (code !== 'promised') known.refused = { atMs, code };
      this.#callers.set(name, known);
    }
    if (answer.code === undefined && answer.isReplay !== true)
      this.#last = { atMs, tookMs: answer.tookMs };
  }

  submitted(modem: string, tookMs: number): void {
    this.#modems.set(modem, { atMs: this.#now(), tookMs });
  }

  /** What the journal knows of before; what this run has seen is newer. */
  recall(caller: string, activity: CallerActivity): void {
    this.#callers.set(caller, { ...activity, ...this.#callers.get(caller) });
  }

  recallAccepted(modem: string, accepted: Accepted): void {
    if (!this.#modems.has(modem)) this.#modems.set(modem, accepted);
    if (this.#last === undefined || this.#last.atMs < accepted.atMs) this.#last = accepted;
  }

  ofCaller(name: string): CallerActivity {
    return this.#callers.get(name) ?? {};
  }

  ofModem(name: string): Accepted | undefined {
    return this.#modems.get(name);
  }

  get lastAccepted(): Accepted | undefined {
    return this.#last;
  }
}
