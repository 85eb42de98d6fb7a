/**
 * The SIM's serial number as a modem's line tells it (ITU-T E.118; EF_ICCID of TS 102.221 13.2
 * holds up to 20 half-octets, filled up with F). The prefix need not be the command's, or be there
 * at all. Some issuers number in hexadecimal digits.
 */
export const iccidLine = /^[^0-9]{0,14}([0-9][0-9A-F]{17,21})"?F?"?$/i;

/**
 * The ICCID without its filling, in capitals: one SIM has one spelling, whichever modem reads it.
 * It begins with 89 (E.118 4.1); some Huawei modems give the octets as they lie in the SIM,
 * half-octets swapped. Undefined when the line has none.
 */
export function readIccid(line: string | undefined): string | undefined {
  const told = iccidLine.exec(line ?? '')?.[1]?.toUpperCase();
  if (told === undefined) return undefined;
  const digits = (told.startsWith('98') ? told.replace(/(.)(.)/g, '$2$1') : told).replace(
    /F+$/,
    '',
  );
  return digits.length >= 18 ? digits : undefined;
}
