import type { FinalError } from '../at/lines.js';
import type { BringUp, Happening } from './bring-up.js';
import { codeOf } from './verdict.js';

/** What an error says about the modem that gave it, beside its message. */
type Suspicion =
  /** Its SIM does not serve now. */
  | 'sim'
  /** It is in no network now. */
  | 'network'
  /**
   * It may be the recipient's own fault; of three different ones in a row it is not likely to be.
   */
  | 'if_repeated';

/**
 * 27.005 3.2.5: 310–318 are the SIM's, 331 is no network service; 30, 38 and 500 are also said of a
 * telephone that is switched off.
 */
const suspicions: readonly (readonly [kind: 'CMS' | 'CME', from: number, to: number, Suspicion])[] =
  [
    ['CMS', 310, 318, 'sim'],
    ['CMS', 331, 331, 'network'],
    ['CMS', 30, 30, 'if_repeated'],
    ['CMS', 38, 38, 'if_repeated'],
    ['CMS', 500, 500, 'if_repeated'],
    // 27.007 9.2.1.
    ['CME', 10, 15, 'sim'],
    ['CME', 30, 30, 'network'],
  ];
/**
 * So many recipients in a row have to meet such an error: nobody may have our modem looked at, let
 * alone reset, by being switched off.
 */
const recipientsBeforeLook = 3;
/** Milliseconds between two looks, however often something asks for one. */
const leastGapMs = 2_000;

/**
 * When a modem that is ready is to be looked at, and that look. It goes on while messages come and
 * go: its commands take turns with theirs, and what it finds counts when the message is over. The
 * time survives the messages: steady traffic must not keep a modem from ever being asked whether it
 * is still registered.
 */
export class Lookout {
  #dueAt = Number.NEGATIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #isSimSuspect = false;
  readonly #failedRecipients = new Set<string>();
  #look: { found?: Happening } | undefined;

  /** Milliseconds until the next look; 0 when it is due. */
  get dueInMs(): number {
    return Math.max(0, this.#dueAt - performance.now());
  }

  /** True from the beginning of a look until {@link forget}, or its end, if it found all well. */
  get isUnderWay(): boolean {
    return this.#look !== undefined;
  }

  /** What the last look found wrong. */
  get found(): Happening | undefined {
    return this.#look?.found;
  }

  /**
   * Looks now. `isIdle` is asked between the commands. Resolves with false when it was forgotten
   * meanwhile; rejects as {@link BringUp.probeIdle} does, unless it was forgotten.
   */
  async look(bringUp: BringUp, isIdle: () => boolean): Promise<boolean> {
    const look: { found?: Happening } = {};
    this.#look = look;
    try {
      const step = await bringUp.probeIdle(this.#isSimSuspect, isIdle);
      if (look !== this.#look) return false;
      if ('event' in step) look.found = step;
      else this.begin(step.againAfterMs);
      return true;
    } catch (error) {
      if (look !== this.#look) return false;
      throw error;
    }
  }

  /** All is well, and the next look is due in `ms`. */
  begin(ms: number): void {
    this.#look = undefined;
    this.#lookedAt = performance.now();
    this.#dueAt = this.#lookedAt + ms;
    this.#isSimSuspect = false;
  }

  /** The modem is gone, or begins anew: whatever is under way says nothing any more. */
  forget(): void {
    this.#look = undefined;
  }

  /** Something may have changed. */
  suspect(): void {
    this.#isSimSuspect = true;
    this.#dueAt = Math.min(this.#dueAt, this.#lookedAt + leastGapMs);
  }

  /** The network took a message. */
  sent(): void {
    this.#failedRecipients.clear();
  }

  /**
   * A message to `recipient` ended in `error`: what to look at before the next one, if anything.
   */
  refused(error: FinalError, recipient: string): 'sim' | 'network' | undefined {
    const code = codeOf(error);
    const found = suspicions.find(
      ([kind, from, to]) => kind === error.kind && code !== undefined && code >= from && code <= to,
    )?.[3];
    if (found !== 'if_repeated') return found;
    this.#failedRecipients.add(recipient);
    if (this.#failedRecipients.size >= recipientsBeforeLook) {
      this.#failedRecipients.clear();
      this.suspect();
    }
    return undefined;
  }
}
