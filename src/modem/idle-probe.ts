import type { BringUp } from './bring-up.js';
import type { LifeChange } from './life.js';

/** Milliseconds between two probes, however often something asks for one. */
const leastGapMs = 2_000;

/**
 * When a modem that is ready is to be probed, and that probe. It goes on while messages come and
 * go: its commands take turns with theirs, and what it finds counts when the message is over. The
 * time survives the messages: steady traffic must not keep a modem from ever being asked whether it
 * is still registered.
 */
export class IdleProbe {
  #dueAt = Number.NEGATIVE_INFINITY;
  #probedAt = Number.NEGATIVE_INFINITY;
  #isSimSuspect = false;
  #probe: { found?: LifeChange } | undefined;

  /** Milliseconds until the next probe; 0 when it is due. */
  get dueInMs(): number {
    return Math.max(0, this.#dueAt - performance.now());
  }

  /** True from the beginning of a probe until {@link forget}, or its end, if it found all well. */
  get isUnderWay(): boolean {
    return this.#probe !== undefined;
  }

  /** Something was heard that may mean another SIM, and no probe has looked at it since. */
  get isSimSuspect(): boolean {
    return this.#isSimSuspect;
  }

  /** What the last probe found wrong. */
  get found(): LifeChange | undefined {
    return this.#probe?.found;
  }

  /**
   * Probes now. `isIdle` is asked between the commands. Resolves with false when it was forgotten
   * meanwhile; rejects as {@link BringUp.probeIdle} does, unless it was forgotten.
   */
  async run(bringUp: BringUp, isIdle: () => boolean): Promise<boolean> {
    const probe: { found?: LifeChange } = {};
    this.#probe = probe;
    try {
      const step = await bringUp.probeIdle(this.#isSimSuspect, isIdle);
      if (probe !== this.#probe) return false;
      if ('event' in step) probe.found = step;
      else this.scheduleIn(step.againAfterMs);
      return true;
    } catch (error) {
      if (probe !== this.#probe) return false;
      throw error;
    }
  }

  /** All is well, and the next probe is due in `ms`. */
  scheduleIn(ms: number): void {
    this.#probe = undefined;
    this.#probedAt = performance.now();
    this.#dueAt = this.#probedAt + ms;
    this.#isSimSuspect = false;
  }

  /** The modem is gone, or begins anew: whatever is under way says nothing any more. */
  forget(): void {
    this.#probe = undefined;
  }

  /** Something may have changed. */
  suspect(): void {
    this.#isSimSuspect = true;
    this.#dueAt = Math.min(this.#dueAt, this.#probedAt + leastGapMs);
  }
}
