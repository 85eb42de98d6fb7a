/**
 * What a line from the modem is, by itself: a final result code, the head of a two-line URC, or
 * something else.
 */

import { bootLine } from './boot-lines.js';

/** A final result code other than `OK` (ITU-T V.250 5.7.1; 3GPP TS 27.007 9.2; 27.005 3.2.5). */
export type FinalError =
  | { kind: 'CMS' | 'CME'; code: number | undefined; text: string }
  /** `ERROR`, or what a vendor says instead. */
  | { kind: 'ERROR'; code: undefined; text: string };

export type FinalResult = 'OK' | FinalError;

/** Firmwares leave the colon or the blank out: `+CMS ERROR:38`, `+CME ERROR 10`. */
const errorLine = /^\+(CM[SE]) ?ERROR *:? *(.*)$/i;

/**
 * What firmwares say instead of `ERROR`: with a code behind it, as an error of a family of their
 * own (`+EXT ERROR` of Neoway and Calypso, `+CIS ERROR` and its kin of NB-IoT modules), or in words
 * (Huawei and ZTE, Ai-Thinker, Telit, Nokia).
 */
const plainErrors = new RegExp(
  [
    String.raw`^ERROR *(?:: *)?(?:-?\d{1,5}|: *[\w ,.-]*)?$`,
    String.raw`^\+[A-Z][A-Z0-9]{1,7} ?ERROR\b`,
    '^(?:AT )?COMMAND (?:NOT? [A-Z]+|ERROR|INVALID|UNKNOWN|FAILED|ABORTED)[!.]*$',
    '^(?:NOT SUPPORT(?:ED)?|(?:UNKNOWN|INVALID|UNSUPPORTED|BAD) COMMAND|ABORT(?:ED)?)[!.]*$',
    '^(?:TOO (?:MANY|FEW) PARAMETERS|(?:INVALID|WRONG) PARAMETERS?|OPERATION NOT (?:ALLOWED|SUPPORTED))[!.]*$',
  ].join('|'),
  'i',
);

/**
 * Result codes of calls (V.250 5.7.1 and 6.3). Nobody dials here, so they end a call of somebody
 * else (a missed one, as a rule) and never a command of ours.
 */
const callResult =
  /^(?:NO CARRIER|NO ANSWER|NO DIAL ?TONE|BUSY|RING|RINGING|CONNECT(?: .*)?|VOICE|DELAYED|BLACKLISTED|HANGUP(?:: *\d+)?)$/i;

export const isCallResult = (line: string): boolean => callResult.test(line);

/**
 * The number of an error: alone, quoted, before its words (`38: network out of order`, `38 (…)`,
 * `38 …`), or behind them in parentheses.
 */
const errorCode = /^"?(\d{1,5})"?(?: *$|(?: *[:,;(-] *| +)"?[A-Za-z(])|\((\d{1,5})\)$/;

/** Undefined where it comes in words alone. */
function codeIn(text: string): number | undefined {
  const [, before, behind] = errorCode.exec(text) ?? [];
  const told = before ?? behind;
  return told === undefined ? undefined : Number(told);
}

/**
 * Reads a final result code; undefined when the line is none. Codes come as numbers (`CMEE=1`), as
 * words (`CMEE=2`), or as both.
 */
export function parseFinalResult(line: string): FinalResult | undefined {
  if (line === 'OK') return 'OK';
  const match = errorLine.exec(line);
  if (match) {
    const text = match[2] ?? '';
    return { kind: match[1]?.toUpperCase() === 'CMS' ? 'CMS' : 'CME', code: codeIn(text), text };
  }
  if (plainErrors.test(line)) return { kind: 'ERROR', code: undefined, text: line };
  return undefined;
}

/**
 * A result code of V.250 5.7.1 as the number that `ATV0` makes of it: 0 is OK, 4 ERROR, the others
 * are of calls. Undefined when the line is none.
 */
export function parseNumericResult(line: string): FinalResult | 'call' | undefined {
  if (!/^\d$/.test(line)) return undefined;
  if (line === '0') return 'OK';
  return line === '4' ? { kind: 'ERROR', code: undefined, text: 'ERROR' } : 'call';
}

/**
 * The information response to a payload that was submitted (27.005 3.5.1). Some firmwares quote the
 * reference, have other blanks, count beyond an octet, or leave it out; what follows it, as a time,
 * is not needed.
 */
export const submitResponse = /^\+CMGS *: *(?:"? *(\d{1,10})\b|(?:"")?$)/i;

/**
 * The reference in a {@link submitResponse}; undefined when `line` is none. TP-MR is one octet
 * (23.040 9.2.3.6), so of a larger number its low octet counts; where there is none it is 0, as of
 * a modem whose references are all alike.
 */
export function submitReference(line: string): number | undefined {
  const match = submitResponse.exec(line);
  return match ? Number(match[1] ?? 0) % 256 : undefined;
}

/**
 * Whether it is one, or that of a stored message that was sent (27.005 3.5.2), whoever's it was; an
 * `OK` follows it.
 */
export const isSubmitResponse = (line: string): boolean =>
  submitResponse.test(line.replace(/^\+CMSS/i, '+CMGS'));

/** A PDU as 27.005 writes it: pairs of hexadecimal digits. */
export const isPduLine = (line: string): boolean =>
  line.length % 2 === 0 && /^[0-9A-Fa-f]{2,}$/.test(line);

/**
 * URCs seen in the field that must not be mistaken for a text
 * (27.007, 27.005 and the vendors' manuals; any of them may come between any two lines).
 */
const knownUrc = new RegExp(
  [
    String.raw`^\+(CREG|CGREG|CEREG|CMTI|CDSI|CUSD|CLIP|CRING|CCWA|CGEV|CTZV|CTZE|CIEV|CSSU|CSSI|CRC|CALV|CGREV):`,
    String.raw`^\+(ZDONR|ZPASR|ZUSIMR|ZEND|PBREADY|SIND|QIND|QUSIM|UUSIMSTAT|SPIC|PSUTTZ|CFUN|CPIN)\b`,
    String.raw`^\^(RSSI|SMMEMFULL|BOOT|MODE|DSFLOWRPT|SIMST|SRVST|HCSQ|CERSSI|LWURC|STIN|EARST|SYSSTART)\b`,
    String.raw`^#(STN|QSS)\b`,
    String.raw`^\*(ATREADY|PSUTTZ|PSNWID)\b`,
    String.raw`^(UNDER-VOLTAGE.*|OVER-VOLTAGE.*|DST: \d)$`,
  ].join('|'),
);

export const isKnownUrc = (line: string): boolean =>
  knownUrc.test(line) || isCallResult(line) || bootLine(line) !== undefined;

/**
 * How URCs begin, listed above or not: `+WIND:`, `^RSSILVL:`, `#STN:`, `*PSUTTZ:`, `$GPRMC,`
 * (NMEA).
 */
const prefixed = /^[+^#*$%!&][A-Za-z]/;

/**
 * Whether `line` can be the free-form response to `command`, as `huawei` is to `AT+CGMI`: it does
 * not begin like a URC, or it begins with the command's own name (`+CGMI: ZTE CORPORATION`).
 */
export function isFreeText(command: string, line: string): boolean {
  const name = command.slice(2).replace(/[=?].*$/, '');
  return line.startsWith(`${name}:`) || !(prefixed.test(line) || isKnownUrc(line));
}
