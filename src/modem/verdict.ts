import type { AtStage } from '../at/command.js';
import type { FinalError } from '../at/lines.js';
import { foreignWords } from '../words/foreign.js';

/**
 * What an error says about *this* message. `refused`: the network or the modem will never take it.
 * `sim`: this SIM or modem cannot send now; another may. `not_sent`: surely not sent, and worth
 * another try here or elsewhere while in time. `not_now`: surely not sent, but trying again here at
 * once would only block the queue. `unknown`: it may have been sent.
 */
export type Verdict = 'refused' | 'sim' | 'not_sent' | 'not_now' | 'unknown';

type Row = readonly [code: number, verdict: Verdict, meaning: string];

/**
 * `+CMS ERROR` (27.005 3.2.5): 1–127 RP causes of 24.011 8.2.5.4 (table 8.4); 128–255 TP-FCS of
 * 23.040 9.2.3.22; 300–511 the equipment's own, 27.005 3.2.5. Meanings are spelled as there, for
 * modems that answer in words.
 */
const cmsRows: readonly Row[] = [
  // 24.011: also the cause for an unknown SMSC address (TS 23.540 maps it so).
  [1, 'sim', 'unassigned (unallocated) number'],
  [8, 'sim', 'operator determined barring'],
  [10, 'sim', 'call barred'],
  // The recipient's address or the text is refused; carriers also say it for spam and empty
  // accounts.
  [21, 'refused', 'short message transfer rejected'],
  [17, 'not_sent', 'network failure'],
  [22, 'not_sent', 'congestion'],
  [27, 'not_now', 'destination out of service'],
  [28, 'sim', 'unidentified subscriber'],
  [29, 'sim', 'facility rejected'],
  [30, 'sim', 'unknown subscriber'],
  // Lower layers failed, or the SMSC did not answer: see lateNetworkErrorMs.
  [38, 'not_now', 'network out of order'],
  [41, 'not_sent', 'temporary failure'],
  [42, 'not_sent', 'congestion'],
  [47, 'not_sent', 'resources unavailable, unspecified'],
  [50, 'sim', 'requested facility not subscribed'],
  [69, 'sim', 'requested facility not implemented'],
  [81, 'refused', 'invalid short message transfer reference value'],
  [95, 'refused', 'semantically incorrect message'],
  [96, 'refused', 'invalid mandatory information'],
  [97, 'refused', 'message type non-existent or not implemented'],
  [98, 'refused', 'message not compatible with short message protocol state'],
  [99, 'refused', 'information element non-existent or not implemented'],
  [111, 'refused', 'protocol error, unspecified'],
  [127, 'unknown', 'interworking, unspecified'],
  [192, 'not_sent', 'sc busy'],
  [193, 'sim', 'no sc subscription'],
  [194, 'not_sent', 'sc system failure'],
  // The SMSC holds a message with this reference and recipient already: it may well be this one.
  [197, 'unknown', 'duplicate sm'],
  [208, 'sim', 'sim sms storage full'],
  [255, 'unknown', 'unspecified error cause'],
  [300, 'unknown', 'me failure'],
  [301, 'not_sent', 'sms service of me reserved'],
  [302, 'sim', 'operation not allowed'],
  [303, 'sim', 'operation not supported'],
  // The modem’s own word: another may know more, or have no bit error on its line.
  [304, 'not_now', 'invalid pdu mode parameter'],
  // Said only by a modem in text mode, behind our back: it is set to PDU mode before the next try.
  [305, 'not_sent', 'invalid text mode parameter'],
  [310, 'sim', '(u)sim not inserted'],
  [311, 'sim', '(u)sim pin required'],
  [312, 'sim', 'ph-(u)sim pin required'],
  [313, 'sim', '(u)sim failure'],
  [314, 'not_sent', '(u)sim busy'],
  [315, 'sim', '(u)sim wrong'],
  [316, 'sim', '(u)sim puk required'],
  [317, 'sim', '(u)sim pin2 required'],
  [318, 'sim', '(u)sim puk2 required'],
  [320, 'sim', 'memory failure'],
  [321, 'sim', 'invalid memory index'],
  [322, 'sim', 'memory full'],
  [330, 'sim', 'smsc address unknown'],
  [331, 'not_sent', 'no network service'],
  [332, 'unknown', 'network timeout'],
  [340, 'unknown', 'no +cnma acknowledgement expected'],
  // Qualcomm's catch-all.
  [350, 'unknown', 'unknown error'],
  [500, 'unknown', 'unknown error'],
  [512, 'unknown', 'manufacturer specific'],
  [515, 'not_sent', 'please wait, init or command processing in progress'],
];

/** `+CME ERROR` (27.007 9.2.1), as far as one can end an `AT+CMGS`. */
const cmeRows: readonly Row[] = [
  [3, 'sim', 'operation not allowed'],
  [4, 'sim', 'operation not supported'],
  [10, 'sim', 'sim not inserted'],
  [11, 'sim', 'sim pin required'],
  [12, 'sim', 'sim puk required'],
  [13, 'sim', 'sim failure'],
  [14, 'not_sent', 'sim busy'],
  [15, 'sim', 'sim wrong'],
  [20, 'sim', 'memory full'],
  [30, 'not_sent', 'no network service'],
  [31, 'unknown', 'network timeout'],
  [32, 'not_sent', 'network not allowed - emergency calls only'],
  [100, 'unknown', 'unknown'],
  [515, 'not_sent', 'please wait, init or command processing in progress'],
];

const tables = { CMS: cmsRows, CME: cmeRows };

/**
 * Milliseconds after Ctrl-Z from which an error that would be worth another try no longer says that
 * nothing was sent: the equipment gives the same causes (38, 41, 331) when its own timer TR1M
 * (35–45 s, 24.011 10) ran out, or the network was gone before its answer came.
 */
const lateNetworkErrorMs = 30_000;

const verdictsBefore: Partial<Record<Verdict, Verdict>> = {
  unknown: 'not_sent',
  refused: 'not_now',
};

/**
 * What `error` says about the message, `elapsedMs` after Ctrl-Z. Before Ctrl-Z nothing was sent,
 * whatever the code, and no network has refused it: another modem may take it.
 */
export function verdictOf(error: FinalError, stage: AtStage, elapsedMs: number): Verdict {
  const listed = verdictByCode(error);
  if (stage !== 'result') return verdictsBefore[listed] ?? listed;
  const saysNotSent = listed === 'not_now' || listed === 'not_sent';
  return saysNotSent && elapsedMs > lateNetworkErrorMs ? 'unknown' : listed;
}

function verdictByCode(error: FinalError): Verdict {
  if (error.kind === 'ERROR') return 'unknown';
  const row = rowOf(error);
  if (row) return row[1];
  if (error.kind === 'CME' || error.code === undefined) return 'unknown';
  // 24.011 8.2.5.4: a cause the receiver does not know counts as 41, temporary failure.
  if (error.code > 0 && error.code <= 127) return 'not_now';
  // Any other TP-FCS is the SMSC's own refusal of this message.
  if (error.code >= 128 && error.code <= 254) return 'refused';
  return 'unknown';
}

/** The code of `error`, found by its words where it came in words; undefined when there is none. */
export function codeOf(error: FinalError): number | undefined {
  if (error.kind === 'ERROR' || error.code !== undefined) return error.code;
  return rowOf(error)?.[0];
}

/** The row of a code, or of the same in words. */
function rowOf({ kind, code, text }: Exclude<FinalError, { kind: 'ERROR' }>): Row | undefined {
  const words = wording(text);
  return tables[kind].find(([listed, , meaning]) =>
    code === undefined ? wording(meaning) === words : listed === code,
  );
}

/**
 * Words as they are compared. Editions of 27.005 say `SIM` or `(U)SIM`; Quectel says *necessary*
 * for *required*, and some leave the last word of *invalid PDU mode parameter* out.
 */
function wording(text: string): string {
  return text
    .toLowerCase()
    .replaceAll('(u)', '')
    .replace(/necessary/, 'required')
    .replace(/mode parameter/, 'mode')
    .replace(/[^a-z0-9]+/g, ' ')
    .trim();
}

/**
 * The `+CMS ERROR` code of an error, also of one in words; undefined when it is none, or has no
 * code.
 */
export function cmsCodeOf(error: FinalError): number | undefined {
  return error.kind === 'CMS' ? codeOf(error) : undefined;
}
/**
 * Whether only a submit ends so: the network's and the SMSC's own causes, and what the equipment
 * says of a PDU or of its sending (27.005 3.2.5). Any other error, as "SIM busy", may answer
 * whatever else the modem was asked, a bare `AT` too.
 */
export function isOfSubmit(error: FinalError, certainty: 'surely' | 'perhaps' = 'surely'): boolean {
  const code = cmsCodeOf(error);
  if (code === undefined) return certainty === 'perhaps' && error.kind === 'CMS';
  const codes = certainty === 'surely' ? submitCodes : [...submitCodes, ...generalCodes];
  return (code > 0 && code <= 255) || codes.includes(code);
}

/** Invalid PDU, SMSC address unknown, network timeout. */
const submitCodes: readonly number[] = [304, 330, 332];
/**
 * What a submit may end with as well: equipment failure, SIM busy, memory full, no network service,
 * unknown errors.
 */
const generalCodes: readonly number[] = [300, 301, 314, 322, 331, 350, 500, 512];

/** "Memory full" of the SIM or the equipment (23.040 9.2.3.22; 27.005 3.2.5; 27.007 9.2). */
export function isMemoryFull({ kind, code }: FinalError): boolean {
  return (kind === 'CMS' && (code === 208 || code === 322)) || (kind === 'CME' && code === 20);
}

/** The code as people look it up: `CMS 38 (network out of order)`. */
export function describeFinalError(error: FinalError): string {
  if (error.kind === 'ERROR') return foreignWords(error.text);
  if (error.code === undefined) return `${error.kind} ${foreignWords(error.text, 48)}`;
  const meaning = tables[error.kind].find(([code]) => code === error.code)?.[2];
  return `${error.kind} ${error.code}${meaning ? ` (${meaning})` : ''}`;
}
