import type { Reservation } from '../policy/request.js';

/**
 * A place within the limits, which a waiting message shares with the newer one that takes its place: of the two at most one is sent, so it
 * counts once. Each holder calls `keep` or `giveBack`, once.
 */
export class SharedReservation {
  readonly #reservation: Reservation;
  #holders = 1;

  constructor(reservation: Reservation) {
    this.#reservation = reservation;
  }

  /** For one holder more. */
  share(): this {
    this.#holders += 1;
    return this;
  }

  keep(): void {
    this.#reservation.keep();
  }

  giveBack(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#reservation.giveBack();
  }

  stalled(): void {
    this.#reservation.stalled();
  }
}
