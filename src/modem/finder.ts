import type { AtSession } from '../at/session.js';
import { LinkLost, type OpenLink } from '../serial/link.js';
import type { ToldObstacle } from '../words/way-out.js';
import { answersAsModem } from './diagnostics.js';
import type { ClaimedTty, Locator } from './locator.js';
import { Modem, type ModemTuning } from './modem.js';

/** There is no tty of the modem, or none that can be talked to. */
export class ModemMissing extends Error {
  override readonly name = 'ModemMissing';
  /** The way out that the message ends with. */
  readonly remedy: string | undefined;

  constructor(cause: LinkLost) {
    super(cause.message, { cause });
    this.remedy = cause.remedy;
  }
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
  async find(tuning: ModemTuning, openSession: OpenSession): Promise<OpenedModem> {
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
      throw new ModemMissing(error);
    }
  }
}

/**
 * Milliseconds before the next try after `failures` in a row: 0.5 s doubling to 8 s, with jitter so
 * that several modems do not move in step.
 */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  return Math.min(500 * 2 ** failures, 8_000) * (0.75 + random() / 4);
}

/** A modem that was found and opened; its stick is claimed until `claimed` is released. */
export interface OpenedModem {
  claimed: ClaimedTty;
  session: AtSession;
  modem: Modem;
}

type OpenSession = (openLink: OpenLink) => Promise<AtSession>;

/** `AT` tries, a second each, on one of several candidates. */
const proofAttempts = 2;

/**
 * Opens the first of the locator's ttys that can be opened and, where there are several, a certain
 * modem is wanted, or it need not be a modem at all, proves to be the one. When none does, but one
 * is surely a modem, that one is opened although it is silent: what is done about a silent modem,
 * up to a reset, can help it. Rejects with a `LinkLost` that says what stood in the way, of the
 * last one if there were several.
 */
export async function openModem(
  locator: Locator,
  tuning: ModemTuning,
  openSession: OpenSession,
): Promise<OpenedModem> {
  const candidates = await locator.candidates();
  let obstacle: ToldObstacle = {
    sentence: `${locator.device}: another modem entry uses this stick`,
  };
  let silent: (() => ClaimedTty | undefined) | undefined;
  /** The ttys are there, and nothing says that a modem of ours hangs on any. */
  let isUnproven = candidates.length > 0;
  for (const claim of candidates) {
    const claimed = claim();
    if (!claimed) continue;
    if (!claimed.needsProof || claimed.hasProven) isUnproven = false;
    const opened = await open(claimed, tuning, openSession).catch(async (error: unknown) => {
      obstacle = await locator.explain(claimed.tty, error);
      return undefined;
    });
    const refusal = opened && (await disproof(opened, locator, candidates.length));
    if (opened && refusal === undefined) return opened;
    if (refusal !== undefined) {
      obstacle = { sentence: `${claimed.tty} ${refusal.why}` };
      if (refusal.isSilent && isSurelyModem(claimed, locator)) silent ??= claim;
    }
    await opened?.session.close();
    claimed.release();
  }
  const claimed = silent?.();
  if (!claimed) {
    const { unusable } = locator;
    const { sentence, remedy } = obstacle;
    const message = unusable === undefined ? sentence : `${unusable}; and ${sentence}`;
    throw new LinkLost(message, { isOthers: isUnproven, remedy });
  }
  return open(claimed, tuning, openSession).catch(async (error: unknown) => {
    claimed.release();
    const { sentence, remedy } = await locator.explain(claimed.tty, error);
    throw new LinkLost(sentence, { remedy });
  });
}

/** By its ids, or because it answered as one before; where a certain one is wanted, as that one. */
const isSurelyModem = (claimed: ClaimedTty, { isWanted }: Locator): boolean =>
  claimed.hasProven || (!claimed.needsProof && isWanted === undefined);

async function open(
  claimed: ClaimedTty,
  tuning: ModemTuning,
  openSession: OpenSession,
): Promise<OpenedModem> {
  const session = await openSession(claimed.openLink);
  return { claimed, session, modem: new Modem(session, tuning) };
}

/** Why this tty is not the one; undefined when it is. */
async function disproof(
  { session, modem, claimed }: OpenedModem,
  { isWanted }: Locator,
  candidates: number,
): Promise<{ why: string; isSilent: boolean } | undefined> {
  if (candidates === 1 && !isWanted && (!claimed.needsProof || claimed.hasProven)) return undefined;
  try {
    await session.synchronise(proofAttempts, { mayBeMute: true });
    if (isWanted && !isWanted(await modem.imei()))
      return { why: 'belongs to a modem with another IMEI', isSilent: false };
    if (claimed.needsProof && !claimed.hasProven && !(await answersAsModem(modem)))
      return {
        why: `answers AT, but not as a modem that sends SMS. ${nameIt(claimed)}`,
        isSilent: false,
      };
    claimed.noteProven();
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? `does not answer AT: ${error.message}` : String(error);
    return {
      why: claimed.needsProof && !claimed.hasProven ? `${why}. ${nameIt(claimed)}` : why,
      isSilent: true,
    };
  }
}

const nameIt = ({ tty }: ClaimedTty) =>
  `If a modem hangs on it, name it: device = ${JSON.stringify(tty)}, with its baud`;
