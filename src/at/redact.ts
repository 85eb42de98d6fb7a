import { foreignWords } from '../words/foreign.js';
import type { AtCommand } from './command.js';
import { isKnownUrc, isPduLine, parseFinalResult, parseNumericResult } from './lines.js';
import { beginText } from './open-text.js';
import { PROMPT } from './reader.js';

/** Characters of a line that are worth a log. */
const longestLine = 300;

const secretCommand = /^AT\+(?:CPIN|CPIN2|CPWD|CLCK) *=/i;

/** Whether a command line holds a PIN, PUK or password (27.007 8.3, 7.5, 7.4). */
const isSecret = (command = ''): boolean => secretCommand.test(command);

/**
 * A line of the AT dialogue as it may stand in a log (I6): PINs and USSD texts gone, and the rest
 * as {@link foreignWords}, PDUs among it as their length.
 */
export function redactAtLine(line: string): string {
  const withoutSecrets = line
    .replace(/(\+(?:CPIN|CPIN2|CPWD|CLCK) *=)(.*)/is, '$1…')
    // What an operator's own line logs in with, by the names that makers give such commands.
    .replace(/([+^$#!*]\w*(?:AUTH|PASS|PSW|ICSGP|CSTT|SAPBR|USER)\w* *[=:])(.*)/is, '$1…')
    .replace(/(\+CUSD[:=] *\d*,?)(.*)/is, '$1…')
    .replace(/(\+CSIM[:=] *\d*,?)(.*)/is, '$1…');
  return foreignWords(withoutSecrets, longestLine);
}

/**
 * Hexadecimal digits of the shortest PDU that modems hand over: SMSC, first octet, address, time,
 * length.
 */
const leastPduDigits = 16;

/** All that may be told of a line whose words may be an SMS. */
export const lengthOf = (line: string): string => `<${line.length} characters>`;

/**
 * What may be told of a line from the modem while `command` is in flight, before {@link
 * redactAtLine}. What nobody asked for and what does not look like the modem's own words may be the
 * text of an SMS (a modem that fell back to text mode): only its length is told (I6). The same of
 * digits that are no PDU, and of whatever is said while a secret is in flight: it may be its echo.
 */
export function tellableLine(line: string, command: AtCommand | undefined): string {
  const isFinal = parseFinalResult(line) !== undefined;
  const isAsked = command?.response?.test(line) === true || line === command?.text;
  const isNumber = command?.numeric === true && parseNumericResult(line) !== undefined;
  const isWord =
    line === PROMPT || isFinal || isAsked || isNumber || /^[+^#*$]/.test(line) || isKnownUrc(line);
  const isTellable = isSecret(command?.text)
    ? isAsked || isFinal
    : isWord || (isPduLine(line) && line.length >= leastPduDigits);
  if (!isTellable) return lengthOf(line);
  // Of a text that only begins here, its name.
  return beginText(line) === undefined ? line : line.replace(/".*/, '"…');
}
