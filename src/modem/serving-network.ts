/** With which network a modem is, as `AT+COPS?` says (3GPP TS 27.007 7.3). */
export interface Network {
  /** Its name; untrusted. */
  operator: string | undefined;
  /** The access technology in the words of people; undefined when it is not told. */
  technology: string | undefined;
}

/** By `<AcT>`. */
const technologies: readonly string[] = [
  '2G',
  '2G compact',
  '3G',
  '2G (EDGE)',
  '3G (HSDPA)',
  '3G (HSUPA)',
  '3G (HSPA)',
  'LTE',
  'EC-GSM-IoT',
  'NB-IoT',
  'LTE on a 5G core',
  '5G',
  '5G',
  '5G beside LTE',
];

/** What stands behind `+COPS:`; a modem that is with no network says its mode alone. */
export function readNetwork(told: string | undefined): Network {
  const [, operator, act] = /"([^"]*)"(?: *, *(\d{1,2}))?/.exec(told ?? '') ?? [];
  return { operator, technology: act === undefined ? undefined : technologies[Number(act)] };
}
