import { AtTimeout } from '../at/errors.js';
import type { Modem } from './modem.js';

/** Milliseconds for an answer; none of the questions needs SIM or network. */
const quickMs = 5_000;

/**
 * What only a modem that can send SMS answers with these words (27.005 3.2.3, 27.007 8.3, 27.005
 * 3.2.1). `OK` to `AT` proves nothing: Bluetooth and WiFi modules, satellite terminals and fax
 * modems say it too.
 */
const questions: readonly (readonly [text: string, response: RegExp])[] = [
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
  for (const [text, response] of questions) {
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
