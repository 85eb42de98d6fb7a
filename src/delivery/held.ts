/** Reports that wait for the message they may speak of; bounded. */

/** Milliseconds for which a result may be behind its report, and a message be restored. */
const heldForMs = 300_000;
/** The same for one whose time does not fit yet: others may show that all are off alike. */
const longForMs = 86_400_000;
const mostHeld = 1_000;

/** In the order in which they came. */
export class Held<Report extends object> {
  readonly #untilMs = new Map<Report, number>();
  readonly #long = new WeakSet<Report>();

  get size(): number {
    return this.#untilMs.size;
  }

  /** @returns the oldest one, where there is no room for more */
  add(report: Report, nowMs: number): Report | undefined {
    this.#untilMs.set(report, nowMs + (this.#long.has(report) ? longForMs : heldForMs));
    if (this.#untilMs.size <= mostHeld) return undefined;
    const [oldest] = this.#untilMs.keys();
    if (oldest !== undefined) this.#untilMs.delete(oldest);
    return oldest;
  }

  /** It will be worth waiting for longer. */
  keepLong(report: Report): void {
    this.#long.add(report);
  }

  /** Keeps those for which it is true. */
  retain(stays: (report: Report) => boolean): void {
    for (const report of this.#untilMs.keys()) if (!stays(report)) this.#untilMs.delete(report);
  }

  takeExpired(nowMs: number): Report[] {
    const expired = [...this.#untilMs].flatMap(([report, until]) =>
      until < nowMs ? [report] : [],
    );
    for (const report of expired) this.#untilMs.delete(report);
    return expired;
  }
}
