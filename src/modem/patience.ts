/**
 * How often a modem is asked again for what it did not give: for each a gap that grows, so that
 * nothing is asked for ever at one pace.
 */

/**
 * So many times in a row a command may meet silence before it is left alone: a line can get lost
 * once.
 */
const silencesBeforeMute = 2;
/**
 * Milliseconds in which it is not written then; doubles each time, up to the longest. What decides
 * whether the modem is ready is asked sooner.
 */
const firstMuteMs = 20_000;
export const longestMuteMs = 3_600_000;
export const longestNeededMuteMs = 300_000;

/** Commands that a modem was silent to while it answered `AT`. */
export class Mutes {
  /**
   * `performance.now()` milliseconds until which each is left alone, and how often in a row it met
   * silence.
   */
  readonly #mutes = new Map<string, { until: number; silences: number }>();

  isMute(command: string): boolean {
    return performance.now() < (this.#mutes.get(command)?.until ?? 0);
  }

  wasSilent(command: string, longestMs: number): void {
    const silences = (this.#mutes.get(command)?.silences ?? 0) + 1;
    const doublings = silences - silencesBeforeMute;
    const ms = doublings < 0 ? 0 : Math.min(firstMuteMs * 2 ** doublings, longestMs);
    this.#mutes.set(command, { until: performance.now() + ms, silences });
  }

  spoke(command: string): void {
    this.#mutes.delete(command);
  }

  /** All may be asked again. */
  forget(): void {
    this.#mutes.clear();
  }

  /** Those that it was silent to when they were last asked. */
  get commands(): string[] {
    return [...this.#mutes.keys()];
  }
}

/** Milliseconds after a `+CNMI` that was refused; doubles each time. */
const firstIndicationGapMs = 2_000;
/** 2 s doubling: the last of so many tries comes 17 minutes after the first. */
const mostIndicationTries = 10;

/** Whether `+CNMI` is in force, and when it is tried next. */
export class Indications {
  #isSet = false;
  #tries = 0;
  #dueAt = Number.NEGATIVE_INFINITY;

  /** Milliseconds, 0 when it is due; undefined when there is nothing to do any more. */
  dueInMs(): number | undefined {
    if (this.#isSet || this.#tries >= mostIndicationTries) return undefined;
    // Whole: a timer would cut a fraction off, and wake before it is due.
    return Math.ceil(Math.max(0, this.#dueAt - performance.now()));
  }

  tried(isSet: boolean): void {
    this.#isSet = isSet;
    this.#dueAt = performance.now() + firstIndicationGapMs * 2 ** this.#tries;
    this.#tries += 1;
  }

  /** The next try is due, and worth as much as the first. */
  hasten(): void {
    this.#tries = 0;
    this.#dueAt = Number.NEGATIVE_INFINITY;
  }
}
