/** How long one segment takes at one modem, learned from its recent sends. */

/** What is assumed before anything was measured, and what an old measurement drifts back to. */
const startMs = 4_000;
/** A measurement counts for no less and no more than this, so that a fluke neither opens nor shuts the door. */
const leastMs = 50;
const mostMs = 15_000;
/** After this long a measurement has moved half its way back to {@link startMs}: one slow hour is forgotten. */
const halfLifeMs = 600_000;
/** How many measurements are kept. */
const kept = 16;
/** The nearest-rank quantile that is believed: high, for a refused caller can try another box, a late one cannot. */
const quantile = 0.8;

interface Measurement {
  msPerSegment: number;
  /** `performance.now()` milliseconds. */
  at: number;
}

/** A bounded, ageing memory of send times; one per modem. */
export class SegmentTime {
  readonly #measured: Measurement[] = [];

  /**
   * Takes in one message that the modem worked on from hand-over to outcome.
   * @param tookMs milliseconds for all its segments
   * @param segments 1–255
   */
  record(tookMs: number, segments: number): void {
    const msPerSegment = Math.min(Math.max(tookMs / segments, leastMs), mostMs);
    this.#measured.push({ msPerSegment, at: performance.now() });
    if (this.#measured.length > kept) this.#measured.shift();
  }

  /** Milliseconds that the next segment will probably take; 50–15,000. */
  expectedMs(): number {
    const now = performance.now();
    const aged = this.#measured
      .map(({ msPerSegment, at }) => startMs + (msPerSegment - startMs) * 0.5 ** ((now - at) / halfLifeMs))
      .sort((a, b) => a - b);
    return aged[Math.ceil(quantile * aged.length) - 1] ?? startMs;
  }
}
