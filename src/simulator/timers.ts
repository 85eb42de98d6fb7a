/** Time as the simulator sees it; injected, so that a unit test can hold it still. */
export interface Clock {
  /** Nanoseconds of CLOCK_MONOTONIC, the one clock that all processes of a machine share. */
  nowNs(): bigint;
  /**
   * Calls `run` once, not before `delayMs` (fractions allowed) have passed; 0 or less calls it at
   * once. Returns the way to cancel.
   */
  after(delayMs: number, run: () => void): Cancel;
}

export type Cancel = () => void;

const nsPerMs = 1_000_000;
/**
 * Node's timers count whole milliseconds; the last stretch is waited out in turns of the event
 * loop.
 */
const timerGrainMs = 1.5;

/** The machine's own clock. Timers fire within some tens of microseconds, as UART pacing needs. */
export const monotonicClock: Clock = {
  nowNs: () => process.hrtime.bigint(),
  after(delayMs, run) {
    if (delayMs <= 0) {
      run();
      return () => {};
    }
    const dueNs = process.hrtime.bigint() + BigInt(Math.round(delayMs * nsPerMs));
    let timer: NodeJS.Timeout | undefined;
    let turn: NodeJS.Immediate | undefined;
    const waitOut = (): void => {
      if (process.hrtime.bigint() >= dueNs) run();
      else turn = setImmediate(waitOut);
    };
    if (delayMs > timerGrainMs) timer = setTimeout(waitOut, Math.floor(delayMs - timerGrainMs));
    else turn = setImmediate(waitOut);
    return () => {
      clearTimeout(timer);
      clearImmediate(turn);
    };
  },
};

/** Timers that end together, as at a loss of power. */
export class Timers {
  readonly #clock: Clock;
  readonly #running = new Set<Cancel>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** As {@link Clock.after}. */
  after(delayMs: number, run: () => void): void {
    if (delayMs <= 0) {
      run();
      return;
    }
    const cancel = this.#clock.after(delayMs, () => {
      this.#running.delete(cancel);
      run();
    });
    this.#running.add(cancel);
  }

  cancelAll(): void {
    for (const cancel of this.#running) cancel();
    this.#running.clear();
  }
}
