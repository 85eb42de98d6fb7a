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

/** A modem that was found and opened; its stick is claimed until it is {@link closeOpened}. */
export interface OpenedModem {
  claimed: ClaimedTty;
  session: AtSession;
  modem: Modem;
}

/** Closes it, and then gives its stick back: nobody may open a tty of it before. */
export async function closeOpened({ claimed, session }: OpenedModem): Promise<void> {
  await session.close();
  claimed.release();
}

type OpenSession = (openLink: OpenLink) => Promise<AtSession>;

/** Why a tty is not the one. */
interface Refusal extends ToldObstacle {
  /** It is open, and nothing answers: it may be the one all the same. */
  isSilent: boolean;
}

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
  const open = (claimed: ClaimedTty, isJudged: boolean) =>
    openClaimed(claimed, locator, async () => {
      const session = await openSession(claimed.openLink);
      const opened = { claimed, session, modem: new Modem(session, tuning) };
      const isOnlyOne = candidates.length === 1 && !locator.isWanted && !needsProof(claimed);
      const refusal = isJudged && !isOnlyOne ? await disproof(opened, locator) : undefined;
      if (refusal === undefined) return opened;
      await session.close();
      return refusal;
    });
  for (const claim of candidates) {
    const claimed = claim();
    if (!claimed) continue;
    if (!needsProof(claimed)) isUnproven = false;
    const opened = await open(claimed, true);
    if ('modem' in opened) return opened;
    obstacle = opened;
    if (opened.isSilent && isSurelyModem(claimed, locator)) silent ??= claim;
  }
  const claimed = silent?.();
  if (!claimed) {
    const { unusable } = locator;
    const { sentence, remedy } = obstacle;
    const message = unusable === undefined ? sentence : `${unusable}; and ${sentence}`;
    throw new LinkLost(message, { isOthers: isUnproven, remedy });
  }
  const opened = await open(claimed, false);
  if ('modem' in opened) return opened;
  throw new LinkLost(opened.sentence, { remedy: opened.remedy });
}

/** What `work` makes of a claimed tty, or what is in its way; then its stick is given back. */
async function openClaimed(
  claimed: ClaimedTty,
  locator: Locator,
  work: () => Promise<OpenedModem | Refusal>,
): Promise<OpenedModem | Refusal> {
  let isKept = false;
  try {
    const opened = await work();
    isKept = 'modem' in opened;
    return opened;
  } catch (error) {
    return { ...(await locator.explain(claimed.tty, error)), isSilent: false };
  } finally {
    if (!isKept) claimed.release();
  }
}

/** It need not be a modem, and has not shown to be one. */
const needsProof = (claimed: ClaimedTty): boolean => claimed.needsProof && !claimed.hasProven;

/** By its ids, or because it answered as one before; where a certain one is wanted, as that one. */
const isSurelyModem = (claimed: ClaimedTty, { isWanted }: Locator): boolean =>
  claimed.hasProven || (!claimed.needsProof && isWanted === undefined);

/** Why this tty is not the one; undefined when it is. */
async function disproof(
  { session, modem, claimed }: OpenedModem,
  { isWanted }: Locator,
): Promise<Refusal | undefined> {
  const { tty } = claimed;
  try {
    await session.synchronise(proofAttempts, { mayBeMute: true });
    if (isWanted && !isWanted(await modem.imei()))
      return { sentence: `${tty} belongs to a modem with another IMEI`, isSilent: false };
    if (needsProof(claimed) && !(await answersAsModem(modem)))
      return {
        sentence: `${tty} answers AT, but not as a modem that sends SMS. ${nameIt(claimed)}`,
        isSilent: false,
      };
    claimed.noteProven();
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? `does not answer AT: ${error.message}` : String(error);
    const sentence = `${tty} ${why}`;
    return {
      sentence: needsProof(claimed) ? `${sentence}. ${nameIt(claimed)}` : sentence,
      isSilent: true,
    };
  }
}

const nameIt = ({ tty }: ClaimedTty) =>
  `If a modem hangs on it, name it: device = ${JSON.stringify(tty)}, with its baud`;
