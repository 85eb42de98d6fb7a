import type { AtSession } from '../at/session.js';
import { LinkLost, type OpenLink } from '../serial/link.js';
import { answersAsModem } from './diagnostics.js';
import type { Locator, Place } from './locator.js';
import { Modem, type ModemTuning } from './modem.js';

/** A modem that was found and opened; its stick is claimed until `place` is released. */
export interface OpenedModem {
  place: Place;
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
  const places = await locator.places();
  let obstacle = `${locator.device}: another modem entry uses this stick`;
  let silent: (() => Place | undefined) | undefined;
  /** The ttys are there, and nothing says that a modem of ours hangs on any. */
  let isUnproven = places.length > 0;
  for (const claim of places) {
    const place = claim();
    if (!place) continue;
    if (!place.needsProof || place.hasProven) isUnproven = false;
    const opened = await open(place, tuning, openSession).catch(async (error: unknown) => {
      obstacle = await locator.explain(place.tty, error);
      return undefined;
    });
    const refusal = opened && (await disproof(opened, locator, places.length));
    if (opened && refusal === undefined) return opened;
    if (refusal !== undefined) {
      obstacle = `${place.tty} ${refusal.why}`;
      if (refusal.isSilent && isSurelyModem(place, locator)) silent ??= claim;
    }
    await opened?.session.close();
    place.release();
  }
  const place = silent?.();
  if (!place) {
    const { unusable } = locator;
    const message = unusable === undefined ? obstacle : `${unusable}; and ${obstacle}`;
    throw new LinkLost(message, { isOthers: isUnproven });
  }
  return open(place, tuning, openSession).catch(async (error: unknown) => {
    place.release();
    throw new LinkLost(await locator.explain(place.tty, error));
  });
}

/** By its ids, or because it answered as one before; where a certain one is wanted, as that one. */
const isSurelyModem = (place: Place, { isWanted }: Locator): boolean =>
  place.hasProven || (!place.needsProof && isWanted === undefined);

async function open(
  place: Place,
  tuning: ModemTuning,
  openSession: OpenSession,
): Promise<OpenedModem> {
  const session = await openSession(place.openLink);
  return { place, session, modem: new Modem(session, tuning) };
}

/** Why this tty is not the one; undefined when it is. */
async function disproof(
  { session, modem, place }: OpenedModem,
  { isWanted }: Locator,
  candidates: number,
): Promise<{ why: string; isSilent: boolean } | undefined> {
  if (candidates === 1 && !isWanted && (!place.needsProof || place.hasProven)) return undefined;
  try {
    await session.synchronise(proofAttempts, { mayBeMute: true });
    if (isWanted && !isWanted(await modem.imei()))
      return { why: 'belongs to a modem with another IMEI', isSilent: false };
    if (place.needsProof && !place.hasProven && !(await answersAsModem(modem)))
      return {
        why: `answers AT, but not as a modem that sends SMS. ${nameIt(place)}`,
        isSilent: false,
      };
    place.noteProven();
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? `does not answer AT: ${error.message}` : String(error);
    return {
      why: place.needsProof && !place.hasProven ? `${why}. ${nameIt(place)}` : why,
      isSilent: true,
    };
  }
}

const nameIt = ({ tty }: Place) =>
  `If a modem hangs on it, name it: device = ${JSON.stringify(tty)}, with its baud`;
