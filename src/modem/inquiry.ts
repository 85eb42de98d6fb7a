/**
 * What one may ask a modem beside sending through it: the commands of `doctor` and `ussd`. Answers
 * are the modem's and untrusted.
 */

import { anyText } from '../at/machine.js';
import type { Modem } from './modem.js';
import { type RegistrationStats, registrationAnswer, registrationDomains } from './registration.js';
import { readServiceCentre } from './service-centre.js';

const quickMs = 5_000;
const simMs = 10_000;

/** The modem's firmware (27.007 5.3). */
export async function firmware(modem: Modem): Promise<string | undefined> {
  const lines = await modem.ask('AT+CGMR', anyText, quickMs);
  return lines?.[0]?.replace(/^\+CGMR: */, '').replaceAll('"', '');
}

/** `<fun>` of `+CFUN` (27.007 8.2): 1 is full functionality, 0 and 4 have the radio off. */
export async function functionality(modem: Modem): Promise<number | undefined> {
  const lines = await modem.ask('AT+CFUN?', /^\+CFUN:/, quickMs);
  return wholeNumber(/^\+CFUN: *(\d{1,3})/.exec(lines?.[0] ?? '')?.[1]);
}

/** Every registration, for they disagree on LTE modems. */
export async function registrationStats(modem: Modem): Promise<RegistrationStats> {
  const stats: RegistrationStats = {
    creg: undefined,
    cgreg: undefined,
    cereg: undefined,
    c5greg: undefined,
  };
  for (const domain of registrationDomains) {
    const response = registrationAnswer(domain);
    const lines = await modem.tolerateSilence(() =>
      modem.ask(`AT+${domain.toUpperCase()}?`, response, quickMs),
    );
    stats[domain] = wholeNumber(response.exec(lines?.[0] ?? '')?.[1]);
  }
  return stats;
}

/**
 * The SMSC's number as the SIM has it (27.005 3.3.1); an empty text when it has none, undefined
 * when the modem does not tell.
 */
export async function serviceCentre(modem: Modem): Promise<string | undefined> {
  const lines = await modem.ask('AT+CSCA?', /^\+CSCA:/, simMs);
  return readServiceCentre(lines?.[0])?.number;
}

/** How full a message storage is. */
export interface StorageFill {
  /** `SM` the SIM, `ME` the equipment, `MT` both, `SR` status reports (27.005 3.2.2). */
  storage: string;
  used: number;
  total: number;
}

/**
 * The storages that `+CPMS` has chosen, each once, in its order: for reading, for writing, for what
 * comes in.
 */
export async function storageFills(modem: Modem): Promise<StorageFill[] | undefined> {
  const lines = await modem.ask('AT+CPMS?', /^\+CPMS:/, simMs);
  if (lines === undefined) return undefined;
  const fills = [...(lines[0] ?? '').matchAll(/"([A-Z]{2})" *, *(\d{1,5}) *, *(\d{1,5})/g)].map(
    ([, storage = '', used, total]) => ({ storage, used: Number(used), total: Number(total) }),
  );
  return fills.filter(
    ({ storage }, index) => fills.findIndex((one) => one.storage === storage) === index,
  );
}

/** mode, mt, bm, ds, bfr of `+CNMI` as they are in force (27.005 3.4.1). */
export async function indicationSettings(modem: Modem): Promise<number[] | undefined> {
  const lines = await modem.ask('AT+CNMI?', /^\+CNMI:/, quickMs);
  const values = /^\+CNMI: *(\d(?: *, *\d){0,4})/.exec(lines?.[0] ?? '')?.[1];
  return values?.split(',').map(Number);
}

/** The character set of strings (27.007 5.5), as `GSM`, `IRA`, `UCS2`. */
export async function characterSet(modem: Modem): Promise<string | undefined> {
  const lines = await modem.ask('AT+CSCS?', /^\+CSCS:/, quickMs);
  return /^\+CSCS: *"?([A-Z0-9-]{2,10})/i.exec(lines?.[0] ?? '')?.[1]?.toUpperCase();
}

function wholeNumber(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}
