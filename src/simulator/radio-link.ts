import type { Clock } from './clock.js';

/**
 * How long the network keeps the link open for another message; 3GPP TS 27.005 3.5.6 says 1 to 5
 * seconds.
 */
const heldNs = 5_000_000_000n;

/**
 * The radio link for SMS: set up for a submit, dropped behind it, or held a while when `+CMMS` says
 * so.
 */
export class RadioLink {
  readonly #clock: Clock;
  #heldUntilNs = 0n;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isUp(): boolean {
    return this.#clock.nowNs() < this.#heldUntilNs;
  }

  /** A submit is over. */
  hold(): void {
    this.#heldUntilNs = this.#clock.nowNs() + heldNs;
  }

  drop(): void {
    this.#heldUntilNs = 0n;
  }
}
