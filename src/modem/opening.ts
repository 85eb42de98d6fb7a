import type { AtSession } from '../at/session.js';
import { LinkLost, type OpenLink } from '../serial/link.js';
import type { Locator, Place } from './locator.js';
import { Modem, type ModemTuning } from './modem.js';

/** A modem that was found and opened; its stick is claimed until `place` is released. */
export interface OpenedModem {
  place: Place;
  session: AtSession;
  modem: Modem;
}

/** `AT` tries, a second each, on one of several candidates. */
const proofAttempts = 2;

/**
 * Opens the first of the locator's ttys that can be opened and, where there are several or a certain modem is wanted, answers `AT` as that
 * one. Rejects with a `LinkLost` that says what stood in the way, of the last one if there were several.
 */
export async function openModem(
  locator: Locator,
  tuning: ModemTuning,
  openSession: (openLink: OpenLink) => Promise<AtSession>,
): Promise<OpenedModem> {
  const places = await locator.places();
  const needsProof = places.length > 1 || locator.isWanted !== undefined;
  let obstacle = `${locator.device}: another modem entry uses this stick`;
  for (const claim of places) {
    const place = claim();
    if (!place) continue;
    const opened = await open(place, tuning, openSession).catch(async (error: unknown) => {
      obstacle = await locator.explain(place.tty, error);
      return undefined;
    });
    const refusal = opened && needsProof ? await disproof(opened, locator) : undefined;
    if (opened && refusal === undefined) return opened;
    if (refusal !== undefined) obstacle = `${place.tty} ${refusal}`;
    await opened?.session.close();
    place.release();
  }
  throw new LinkLost(obstacle);
}

async function open(
  place: Place,
  tuning: ModemTuning,
  openSession: (openLink: OpenLink) => Promise<AtSession>,
): Promise<OpenedModem> {
  const session = await openSession(place.openLink);
  return { place, session, modem: new Modem(session, tuning) };
}

/** Why this tty is not the one; undefined when it is. */
async function disproof({ session, modem }: OpenedModem, { isWanted }: Locator): Promise<string | undefined> {
  try {
    await session.synchronise(proofAttempts);
    if (isWanted && !isWanted(await modem.imei())) return 'belongs to a modem with another IMEI';
    return undefined;
  } catch (error) {
    return error instanceof Error ? `does not answer AT: ${error.message}` : String(error);
  }
}
