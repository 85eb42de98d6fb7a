/**
 * What one may ask a modem beside sending through it: the commands of `doctor` and `ussd`, and
 * whether it is one at all. Answers are the modem's and untrusted.
 */

import { AtTimeout } from '../at/errors.js';
import { anyText } from '../at/machine.js';
import { quickMs, simMs } from './dialogue.js';
import type { Modem } from './modem.js';
import { type RegistrationStats, registrationDomains, registrationStat } from './registration.js';

/** The modem's firmware (27.007 5.3). */
export async function firmware(modem: Modem): Promise<string | undefined> {
  const lines = await modem.ask('AT+CGMR', anyText, quickMs);
  return lines?.[0]?.replace(/^\+CGMR: */, '').replaceAll('"', '');
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
    stats[domain] = await registrationStat(domain, (text, response) =>
      modem.askOptional(text, response, quickMs),
    );
  }
  return stats;
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

/**
 * What only a modem that can send SMS answers with these words (27.005 3.2.3, 27.007 8.3, 27.005
 * 3.2.1); none needs SIM or network. `OK` to `AT` proves nothing: Bluetooth and WiFi modules,
 * satellite terminals and fax modems say it too.
 */
const proofs: readonly (readonly [text: string, response: RegExp])[] = [
  ['AT+CMGF=?', /^\+CMGF: *[("0-9]/],
  ['AT+CPIN?', /^\+CPIN: *"?[A-Z]/],
  ['AT+CSMS=?', /^\+CSMS: *[("0-9]/],
];

/**
 * Whether what answers `AT` is such a modem. An error of mobile equipment (`+CME ERROR`, `+CMS
 * ERROR`) proves it as well: no SIM, or a locked one. Rejects with `AtTimeout` when it is silent to
 * a bare `AT`, or `AtLinkLost`.
 */
export async function answersAsModem(modem: Modem): Promise<boolean> {
  for (const [text, response] of proofs) {
    try {
      const answer = await modem.askOrError(text, response, quickMs);
      if ('kind' in answer ? answer.kind !== 'ERROR' : answer.length > 0) return true;
    } catch (error) {
      if (!(error instanceof AtTimeout)) throw error;
      if (error.lines.length > 0) return true;
      await modem.synchronise(2);
    }
  }
  return false;
}
