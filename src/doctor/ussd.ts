import { AtGivenUp } from '../at/errors.js';
import type { CreditConfig } from '../config/credit.js';
import type { UssdService } from '../config/schema.js';
import { readAnswer } from '../credit/read-answer.js';
import { OperatorError } from '../errors.js';
import { characterSet } from '../modem/diagnostics.js';
import type { Modem } from '../modem/modem.js';
import { requestUssd, type UssdPatience, UssdTimeout } from '../modem/ussd.js';
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
  /** What `[modem.credit]` of that modem reads in it; undefined where this code is none of its. */
  credit?: { amount: number; valid_until?: string };
}

/** The answer to `code`, with what it says of the credit if that is what was asked for. */
export function withCredit(
  answer: UssdAnswer,
  code: string,
  settings: CreditConfig | undefined,
): UssdAnswer {
  if (answer.text === undefined || settings?.ussd !== code) return answer;
  const read = readAnswer(answer.text, settings);
  if (read === undefined) return answer;
  const { amount, validUntilMs } = read;
  const day = validUntilMs === undefined ? undefined : new Date(validUntilMs).toISOString();
  return {
    ...answer,
    credit: { amount, ...(day !== undefined && { valid_until: day.slice(0, 10) }) },
  };
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

/** A message came, and the modem was still busy with the question. */
export class GaveWay extends OperatorError {
  constructor(cause: Error) {
    super('a message came while the modem was busy with the question, and went first: ask again', {
      cause,
    });
  }
}

/** Asks the carrier. Throws {@link OperatorError} when the modem or the network does not answer. */
export async function askCarrier(
  modem: Modem,
  code: string,
  patience: Omit<UssdPatience, 'timeoutMs'>,
): Promise<UssdAnswer> {
  if (asking.has(modem)) throw new OperatorError('the modem is asking the carrier already');
  asking.add(modem);
  try {
    return await ask(modem, code, patience);
  } finally {
    asking.delete(modem);
  }
}

/** One question at a time for each modem, or the answers would get mixed up. */
const asking = new WeakSet<Modem>();

async function ask(
  modem: Modem,
  code: string,
  patience: Omit<UssdPatience, 'timeoutMs'>,
): Promise<UssdAnswer> {
  const set = await modem.tolerateSilence(() => characterSet(modem));
  const requests = encodeUssd(code, set, modem.profile.name);
  const waiting = requestUssd(modem, requests, { ...patience, timeoutMs: answerMs });
  const reply = await waiting.catch((error: unknown) => {
    if (error instanceof UssdTimeout) throw new OperatorError(error.message, { cause: error });
    if (error instanceof AtGivenUp) throw new GaveWay(error);
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

/**
 * Which USSD codes are sent: none that changes what becomes of calls, or a password, unless the
 * configuration says so.
 */

/** Characters of a request (3GPP TS 23.038 6.1.2.3 allows 182). */
const maxRequestLength = 182;

/** What is wrong with a USSD request as such; undefined when it is one. */
export function whyNoUssd(code: string): string | undefined {
  if (/^[0-9*#]+$/.test(code) && code.length <= maxRequestLength) return undefined;
  return `a USSD code has digits, * and #, as *100#, ${maxRequestLength} at most`;
}

/**
 * Service codes of 3GPP TS 22.030 annex B, and of 6.5.4 and 6.6.2 for passwords and PINs. 88 is
 * Follow Me (TS 22.094), which forwards calls by a way of its own.
 */
const services: readonly (readonly [service: UssdService, codes: RegExp, does: string])[] = [
  ['call_forwarding', /^(?:21|61|62|67|002|004|88)$/, 'changes call forwarding'],
  ['call_barring', /^(?:33|330|331|332|333|35|351|353)$/, 'changes call barring'],
  ['password', /^03$/, 'changes the password of call barring'],
  ['pin', /^(?:04|042|05|052)$/, 'changes or unblocks a PIN'],
];

/** 6.5.2: `*` activates, `**` registers, `#` deactivates, `##` erases; `*#` only asks. */
const procedure = /^(?:\*\*|##|\*|#)(\d{2,3})(?=[*#]|$)/;

/**
 * Why a request may not be sent; undefined when it may. `allowed` is `control.ussd_allow`: who may
 * reach the control socket is not always who may send the SIM's calls elsewhere, lock it, or spend
 * a PIN try.
 */
export function whyNotUssd(code: string, allowed: readonly UssdService[]): string | undefined {
  const objection = whyNoUssd(code);
  if (objection !== undefined) return objection;
  const number = procedure.exec(code)?.[1];
  const found = services.find(([, codes]) => number !== undefined && codes.test(number));
  if (found === undefined || allowed.includes(found[0])) return undefined;
  return `this code ${found[2]}: it is sent only when ussd_allow under [control] in the configuration names "${found[0]}"`;
}
