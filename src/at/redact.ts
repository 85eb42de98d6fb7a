import { foreignWords } from '../words/foreign.js';

/** Characters of a line that are worth a log. */
const longestLine = 300;

const secretCommand = /^AT\+(?:CPIN|CPIN2|CPWD|CLCK) *=/i;

/** Whether a command line holds a PIN, PUK or password (27.007 8.3, 7.5, 7.4). */
export const isSecret = (command = ''): boolean => secretCommand.test(command);

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
