import type { AtSession } from '../at/session.js';
import { LinkLost, type OpenLink } from '../serial/link.js';
import { backoffMs } from './life.js';
import type { Locator } from './locator.js';
import type { ModemTuning } from './modem.js';
import { type OpenedModem, openModem } from './opening.js';

/** There is no tty of the modem, or none that can be talked to. */
export class ModemMissing extends Error {
  override readonly name = 'ModemMissing';
}

/** So many times a tty that is not there is looked for once a second. */
const quickAbsences = 600;
/** {@link backoffMs}' failures for a second, and for four. */
const quickly = 1;
const slowly = 3;

/** Opens one modem, over and over, and says how long to leave it alone in between. */
export class ModemFinder {
  readonly #locator: Locator;
  /** In a row: openings after which it was not ready, and those for which there was no tty. */
  #failures = 0;
  #absences = 0;

  constructor(locator: Locator) {
    this.#locator = locator;
  }

  /**
   * Milliseconds before the next try. A tty that is not there is looked for once a second, later
   * once in four; one that is there but fails is left alone for longer each time.
   */
  pauseMs(): number {
    if (this.#absences > 0) return backoffMs(this.#absences < quickAbsences ? quickly : slowly);
    return backoffMs(this.#failures++);
  }

  /** It is ready, or begins anew by itself: the next try comes at once. */
  forget(): void {
    this.#failures = 0;
  }

  /**
   * Rejects with {@link ModemMissing} when there is no tty of it that can be talked to, unless that
   * is only because another program has it.
   */
  async find(
    tuning: ModemTuning,
    openSession: (openLink: OpenLink) => Promise<AtSession>,
  ): Promise<OpenedModem> {
    this.#absences += 1;
    let isOthers = false;
    try {
      const opened = await openModem(this.#locator, tuning, (openLink) =>
        openSession(openLink).catch((error: unknown) => {
          isOthers ||= error instanceof LinkLost && error.isOthers;
          throw error;
        }),
      );
      this.#absences = 0;
      return opened;
    } catch (error) {
      if (isOthers || !(error instanceof LinkLost) || error.isOthers) throw error;
      throw new ModemMissing(error.message, { cause: error });
    }
  }
}
