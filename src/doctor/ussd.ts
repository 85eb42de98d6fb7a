import { OperatorError } from '../errors.js';
import { characterSet } from '../modem/inquiry.js';
import type { Modem } from '../modem/modem.js';
import { requestUssd, UssdTimeout } from '../modem/ussd.js';
import { escapeControls } from '../words/foreign.js';
import { decodeUssd, encodeUssd } from './ussd-text.js';

/** What the carrier said, as JSON. */
export interface UssdAnswer {
  /** `<m>` of `+CUSD` (27.007 7.15), 0–5. */
  status: number;
  /** What the status means: a sentence. */
  meaning: string;
  /**
   * The carrier's text, escaped; undefined when it sent none. It is shown as it is, for it is what
   * was asked for, and may hold the SIM's own number: it belongs on the terminal of who asked,
   * never in a log.
   */
  text?: string;
}

const meanings: readonly string[] = [
  'the network answered',
  'the network answered and wanted more; simgate ended the session',
  'the network ended the session',
  'another client of the modem took the answer',
  'the network does not support this code',
  'the network gave up waiting',
];

/** Milliseconds for the network to answer. */
const answerMs = 30_000;

/** Asks the carrier. Throws {@link OperatorError} when the modem or the network does not answer. */
export async function askCarrier(
  modem: Modem,
  code: string,
  signal: AbortSignal,
): Promise<UssdAnswer> {
  const set = await modem.bear(() => characterSet(modem));
  const requests = encodeUssd(code, set, modem.profile.name);
  const reply = await requestUssd(modem, requests, answerMs, signal).catch((error: unknown) => {
    if (error instanceof UssdTimeout) throw new OperatorError(error.message, { cause: error });
    throw error;
  });
  if (reply === undefined)
    throw new OperatorError(
      'the modem refuses the code: is it registered, and does it know +CUSD? doctor tells more',
    );
  const { status, raw, dcs } = reply;
  const meaning = meanings[status] ?? `the modem says ${status}`;
  if (raw === undefined || raw === '') return { status, meaning };
  return { status, meaning, text: escapeLines(decodeUssd(raw, dcs, set)) };
}

/** Line breaks are the carrier's way to lay out a menu, and stay. */
function escapeLines(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map(escapeControls)
    .join('\n');
}
