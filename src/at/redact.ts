import { maskNumber } from '../mask.js';

/**
 * A line of the AT dialogue as it may stand in a log (I6): PDUs as their length, PINs and USSD texts gone, every run of digits
 * that could be a telephone number, IMSI, ICCID or IMEI masked, control characters escaped.
 */
export function redactAtLine(line: string): string {
  return line
    .replace(/[\x00-\x1f\x7f-\xff]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replace(/(\+CPIN=|\+CPWD=|\+CLCK=)(.*)/i, '$1…')
    .replace(/(\+CUSD[:=] *\d*,?)(.*)/i, '$1…')
    .replace(/(\+CSIM[:=] *\d*,?)(.*)/i, '$1…')
    .replace(/[0-9A-Fa-f]{16,}/g, (hex) =>
      /[A-Fa-f]/.test(hex) || hex.length > 22 ? `<${hex.length >> 1} octets>` : maskNumber(hex),
    )
    .replace(/\+?\d{7,}/g, maskNumber);
}
