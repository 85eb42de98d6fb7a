/**
 * A command's no: `+CME ERROR` (3GPP TS 27.007 9.2), `+CMS ERROR` (27.005 3.2.5) or a bare ERROR.
 */
export class CommandRefused extends Error {
  override readonly name = 'CommandRefused';
  readonly family: 'CME' | 'CMS' | 'bare';
  readonly code: number;
  /** Words to say instead of the code. */
  readonly words: string | undefined;

  constructor(family: 'CME' | 'CMS' | 'bare', code = 0, words?: string) {
    super(`${family} ${words ?? code}`);
    this.family = family;
    this.code = code;
    this.words = words;
  }
}

/** Wording of the codes that this modem gives (27.005 3.2.5 and 27.007 9.2). */
const words = {
  CME: new Map([
    [3, 'operation not allowed'],
    [4, 'operation not supported'],
    [10, 'SIM not inserted'],
    [11, 'SIM PIN required'],
    [12, 'SIM PUK required'],
    [14, 'SIM busy'],
    [16, 'incorrect password'],
    [30, 'no network service'],
    [50, 'incorrect parameters'],
    [100, 'unknown'],
  ]),
  CMS: new Map([
    [38, 'Network out of order'],
    [301, 'SMS service of ME reserved'],
    [302, 'operation not allowed'],
    [303, 'operation not supported'],
    [304, 'invalid PDU mode parameter'],
    [305, 'invalid text mode parameter'],
    [310, 'SIM not inserted'],
    [311, 'SIM PIN required'],
    [314, 'SIM busy'],
    [316, 'SIM PUK required'],
    [321, 'invalid memory index'],
    [322, 'memory full'],
    [330, 'SMSC address unknown'],
    [331, 'no network service'],
    [332, 'network timeout'],
    [340, 'no +CNMA acknowledgement expected'],
    [500, 'unknown error'],
  ]),
};

/** The final result code of a refusal. `cmee` is 0, 1 or 2; `+CMS ERROR` has no plain form. */
export function finalResultOf(
  refusal: CommandRefused,
  cmee: number,
  wordsSmsErrors: boolean,
  unknown: string,
): string {
  const { family, code } = refusal;
  if (family === 'bare') return refusal.words ?? unknown;
  if (refusal.words !== undefined) return `+${family} ERROR: ${refusal.words}`;
  if (family === 'CME' && cmee === 0) return 'ERROR';
  const isWorded = cmee === 2 || (family === 'CMS' && wordsSmsErrors);
  const wording = words[family].get(code) ?? (family === 'CMS' ? 'Unknown error' : 'unknown');
  return `+${family} ERROR: ${isWorded ? wording : code}`;
}

/** A final result code as it goes over the wire. */
export const final = (result: string): string => `\r\n${result}\r\n`;

/** `ERROR`, `CME10`, `CMS314`, or any other final result code. */
export function refusedAs(result: string): CommandRefused {
  const [, family, code] = /^(CM[ES])(\d+)$/.exec(result) ?? [];
  return family === 'CMS' || family === 'CME'
    ? new CommandRefused(family, Number(code))
    : new CommandRefused('bare', 0, result);
}

/** The same as it goes over the wire, with its number. */
export const refusal = (code = 'ERROR'): string =>
  final(finalResultOf(refusedAs(code), 1, false, code));
