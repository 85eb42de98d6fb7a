/**
 * How long one segment takes at one modem, learned from its recent sends, and when a message would
 * be done.
 */

/** What is assumed before anything was measured anywhere. */
const startMs = 4_000;
/**
 * A measurement counts for no less and no more than this, so that a fluke neither opens nor shuts
 * the door.
 */
const leastMs = 50;
const mostMs = 15_000;
/**
 * After this long a measurement has moved half its way to what is typical: one slow hour is
 * forgotten.
 */
const halfLifeMs = 600_000;
/** How many measurements are kept. */
const kept = 16;
/**
 * The nearest-rank quantile that is believed: high, for a refused caller can try another box, a
 * late one cannot.
 */
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

  /**
   * Milliseconds that the next segment will probably take, 50–15,000; undefined while nothing was
   * measured.
   * @param typicalMs what old measurements drift to: as at the fellows, else the start value
   */
  measuredMs(typicalMs = startMs): number | undefined {
    const now = performance.now();
    if (this.#measured.length === 0) return undefined;
    const aged = this.#measured
      .map(
        ({ msPerSegment, at }) =>
          typicalMs + (msPerSegment - typicalMs) * 0.5 ** ((now - at) / halfLifeMs),
      )
      .sort((a, b) => a - b);
    return aged[Math.ceil(quantile * aged.length) - 1];
  }
}

/**
 * Milliseconds that a segment will take at each modem: as measured there, else as at its fellows
 * (their median), else 4 s.
 */
export function expectedMs(times: readonly SegmentTime[]): number[] {
  const [only] = times;
  if (times.length === 1 && only !== undefined) return [only.measuredMs() ?? startMs];
  const measured = times.map((time) => time.measuredMs());
  return times.map((time, index) => {
    const fellows = measured.filter((ms, other) => other !== index && ms !== undefined) as number[];
    const typicalMs = fellows.sort((a, b) => a - b)[(fellows.length - 1) >> 1] ?? startMs;
    return time.measuredMs(typicalMs) ?? typicalMs;
  });
}

/** A modem as it is when the forecast begins. */
export interface ForecastModem {
  name: string;
  /** Milliseconds until it is free. */
  freeInMs: number;
  perSegmentMs: number;
  /** Segments that this forecast has given it. */
  given: number;
}

/** What waits, as far as the forecast must know. */
export interface ForecastMessage {
  segments: number;
  /** Whether the modem of that name may take it at all. */
  mayGoTo(modem: string): boolean;
}

/**
 * Plays the queue's rule over `waiting`, in its order: each message goes to the modem that is free
 * first. Changes `modems`.
 */
export function forecast(
  modems: readonly ForecastModem[],
  waiting: Iterable<ForecastMessage>,
): void {
  for (const message of waiting) {
    let first: ForecastModem | undefined;
    for (const modem of modems) {
      if (!message.mayGoTo(modem.name)) continue;
      if (first === undefined || modem.freeInMs < first.freeInMs) first = modem;
    }
    if (first === undefined) continue;
    first.freeInMs += message.segments * first.perSegmentMs;
    first.given += message.segments;
  }
}
