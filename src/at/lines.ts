/** What a line from the modem is, by itself: a final result code, the head of a two-line URC, or something else. */

/** A final result code other than `OK` (ITU-T V.250 5.7.1; 3GPP TS 27.007 9.2; 27.005 3.2.5). */
export type FinalError =
  | { kind: 'CMS' | 'CME'; code: number | undefined; text: string }
  /** `ERROR`, or what a vendor says instead. */
  | { kind: 'ERROR'; code: undefined; text: string };

export type FinalResult = 'OK' | FinalError;

const errorLine = /^\+(CM[SE]) ERROR: *(.*)$/i;

/** `COMMAND NOT SUPPORT` is Huawei's and ZTE's; the others are V.250's own ends of a command. */
const plainErrors = /^(ERROR|COMMAND NOT SUPPORT(ED)?|NO CARRIER|ABORTED|TOO MANY PARAMETERS)$/i;

/** Reads a final result code; undefined when the line is none. Codes come as numbers (`CMEE=1`) or as words (`CMEE=2`). */
export function parseFinalResult(line: string): FinalResult | undefined {
  if (line === 'OK') return 'OK';
  const match = errorLine.exec(line);
  if (match) {
    const text = match[2] ?? '';
    const code = /^\d{1,5}$/.test(text) ? Number(text) : undefined;
    return { kind: match[1]?.toUpperCase() === 'CMS' ? 'CMS' : 'CME', code, text };
  }
  if (plainErrors.test(line)) return { kind: 'ERROR', code: undefined, text: line };
  return undefined;
}

/** URCs whose PDU follows on a line of its own (27.005 3.4.1), ZTE's `+CDS: ,25` among them. */
export const isTwoLineUrc = (line: string): boolean => /^\+(CMT|CDS|CBM):/.test(line);

/** A PDU as 27.005 writes it: pairs of hexadecimal digits. */
export const isPduLine = (line: string): boolean => line.length % 2 === 0 && /^[0-9A-Fa-f]{2,}$/.test(line);

/**
 * Whether `line` is the second line of the two-line URC `head`. In PDU mode the head ends with the length, and only a PDU
 * can follow. In text mode (a modem that lost `CMGF=0`) anything can, for the sender of an SMS chose it: it is
 * swallowed unread, so that a text "+CMGS: 7" from the air answers nothing.
 */
export const isSecondLine = (head: string, line: string): boolean =>
  isPduLine(line) || !/[:,] *\d+$/.test(head);

/**
 * URCs seen in the field that must not be mistaken for a text
 * (27.007, 27.005 and the vendors' manuals; any of them may come between any two lines).
 */
const knownUrc = new RegExp(
  [
    String.raw`^\+(CREG|CGREG|CEREG|CMTI|CDSI|CUSD|CLIP|CRING|CCWA|CGEV|CTZV|CTZE|CIEV|CSSU|CSSI|CRC|CALV|CGREV):`,
    String.raw`^\+(ZDONR|ZPASR|ZUSIMR|ZEND|PBREADY|SIND|QIND|QUSIM|UUSIMSTAT|SPIC|PSUTTZ|CFUN|CPIN)\b`,
    String.raw`^\^(RSSI|BOOT|MODE|DSFLOWRPT|SIMST|SRVST|HCSQ|CERSSI|LWURC|STIN|EARST|SYSSTART)\b`,
    String.raw`^#(STN|QSS)\b`,
    String.raw`^\*(ATREADY|PSUTTZ|PSNWID)\b`,
    '^(RING|RDY|QCRDY|START|BUSY|NO ANSWER|Call Ready|SMS Ready|SMS DONE|PB DONE|NORMAL POWER DOWN|UNDER-VOLTAGE.*|OVER-VOLTAGE.*|GSM READY|SIM READY|DST: \\d)$',
  ].join('|'),
);

export const isKnownUrc = (line: string): boolean => knownUrc.test(line);

/** How URCs begin, listed above or not: `+WIND:`, `^RSSILVL:`, `#STN:`, `*PSUTTZ:`, `$GPRMC,` (NMEA). */
const prefixed = /^[+^#*$%!&][A-Za-z]/;

/**
 * Whether `line` can be the free-form response to `command`, as `huawei` is to `AT+CGMI`: it does not begin like a URC, or
 * it begins with the command's own name (`+CGMI: ZTE CORPORATION`).
 */
export function isFreeText(command: string, line: string): boolean {
  const name = command.slice(2).replace(/[=?].*$/, '');
  return line.startsWith(`${name}:`) || !(prefixed.test(line) || isKnownUrc(line));
}
