import { AtTimeout } from '../at/errors.js';
import {
  firmware,
  indicationSettings,
  registrationStats,
  type StorageFill,
  storageFills,
} from '../modem/diagnostics.js';
import type { Modem } from '../modem/modem.js';
import type { PinOutcome } from '../modem/pin-memory.js';
import type { RegistrationStats } from '../modem/registration.js';
import type { SimState } from '../modem/sim.js';
import { likelySetting, type SmsPath, smsPath } from '../modem/sms-path.js';
import { maskNumber } from '../number/mask.js';
import { foreignWords } from '../words/foreign.js';
import type { LookUpPin } from './remembered-pin.js';

/** What a modem says of itself, masked and escaped. What it did not tell is undefined. */
export interface ModemFacts {
  manufacturer?: string;
  model?: string;
  firmware?: string;
  /** The set of quirks that simgate applies to it. */
  profile: string;
  /** Masked. */
  imei?: string;
  /** `<fun>` of `+CFUN` (27.007 8.2). */
  functionality?: number;
  sim?: SimState;
  pinTriesLeft?: number;
  /** What became of the last try with the PIN that is configured. */
  lastPin?: PinOutcome;
  /** Masked. */
  iccid?: string;
  registration?: RegistrationStats;
  /** By which way an SMS goes out. */
  path?: SmsPath;
  /** What to set where none gets out: a phrase. */
  likelySetting?: string;
  operator?: string;
  signalDbm?: number;
  /** Masked; empty when the SIM has none. */
  smsc?: string;
  /** False while the modem refuses PDU mode; undefined when it was not set here. */
  isReadyForSms?: boolean;
  storages?: StorageFill[];
  /** mode, mt, bm, ds, bfr of `+CNMI` (27.005 3.4.1), read back. */
  indications?: number[];
}

export interface ExamineOptions {
  /** Ends it between commands. */
  signal?: AbortSignal;
  /**
   * Whether to set PDU mode and `+CNMI` first, as the daemon does; it has done so already when the
   * modem is its own.
   */
  prepare: boolean;
  /** Where a PIN is configured. */
  lookUpPin?: LookUpPin | undefined;
}

/** `silent`: the modem stopped answering, so some facts are missing. */
export interface Examination {
  facts: ModemFacts;
  silent: boolean;
}

/**
 * Asks an awake modem everything doctor wants to know. Spends no PIN try and resets nothing.
 * Rejects with `AtLinkLost`, or with `signal`'s reason, which it looks at between commands.
 */
export async function examine(
  modem: Modem,
  { signal, prepare, lookUpPin }: ExamineOptions,
): Promise<Examination> {
  const facts: ModemFacts = { profile: modem.profile.name };
  const note = async <Key extends keyof ModemFacts>(
    key: Key,
    question: () => Promise<ModemFacts[Key] | undefined>,
  ): Promise<void> => {
    signal?.throwIfAborted();
    const answer = await modem.tolerateSilence(question);
    if (answer !== undefined) facts[key] = answer;
  };
  try {
    const { manufacturer, model } = modem.identity;
    if (manufacturer !== undefined) facts.manufacturer = foreignWords(manufacturer);
    if (model !== undefined) facts.model = foreignWords(model);
    await note('firmware', async () => named(await firmware(modem)));
    await note('imei', async () => masked(await modem.imei()));
    await note('functionality', () => modem.radio.functionality());
    await note('sim', () => modem.sim.state());
    await note('pinTriesLeft', () => modem.sim.pinTriesLeft());
    if (facts.sim === 'pin' && lookUpPin) await note('lastPin', () => lookUpPin(modem));
    await note('iccid', async () => masked(await modem.sim.iccid()));
    await note('registration', () => registrationStats(modem));
    await note('path', () => smsPath(modem));
    const { registration, path } = facts;
    if (registration && path)
      facts.likelySetting = likelySetting(registration, path, modem.profile);
    await note('operator', async () => named(await modem.radio.operator()));
    await note('signalDbm', () => modem.radio.signalDbm());
    await note('smsc', async () => masked(await modem.serviceCentre.read()));
    if (prepare) await note('isReadyForSms', () => modem.prepareSms());
    await note('storages', () => storageFills(modem));
    await note('indications', () => indicationSettings(modem));
    return { facts, silent: false };
  } catch (error) {
    if (!(error instanceof AtTimeout)) throw error;
    return { facts, silent: true };
  }
}

const named = (text: string | undefined) => (text === undefined ? undefined : foreignWords(text));

const masked = (digits: string | undefined) =>
  digits === undefined ? undefined : digits === '' ? '' : maskNumber(digits);

/** The facts as JSON. */
export function factsAsJson(facts: ModemFacts): Record<string, unknown> {
  const { profile, imei, sim, iccid, registration, operator, smsc, storages } = facts;
  return {
    manufacturer: facts.manufacturer,
    model: facts.model,
    firmware: facts.firmware,
    profile,
    imei,
    cfun: facts.functionality,
    sim,
    pin_tries_left: facts.pinTriesLeft,
    iccid,
    registration,
    cgsms: facts.path?.cgsms,
    ims: facts.path?.ims,
    operator,
    signal_dbm: facts.signalDbm,
    smsc,
    storages,
    cnmi: facts.indications?.join(','),
  };
}
