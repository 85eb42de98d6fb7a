/** With which network the modem is registered, and whether an SMS can go out under it. */

/** What the registrations come to, as far as it matters to SMS. */
export type Registration = 'home' | 'roaming' | 'searching' | 'denied' | 'none';

/**
 * Where a modem can be registered: circuit-switched (27.007 7.2), packet-switched (10.1.20), in LTE
 * (10.1.22) and in 5G (10.1.47). On 5G stand-alone only the last one is.
 */
export const registrationDomains = ['creg', 'cgreg', 'cereg', 'c5greg'] as const;
export type RegistrationDomain = (typeof registrationDomains)[number];

/** `<stat>` of each; undefined where the modem does not know the command. */
export type RegistrationStats = Record<RegistrationDomain, number | undefined>;

/**
 * 6 and 7 are "registered for SMS only"; 9 and 10 "CSFB not preferred", which SMS does not need. 8
 * and 11 are for emergencies only.
 */
const meanings: Readonly<Record<number, Registration>> = {
  1: 'home',
  2: 'searching',
  3: 'denied',
  5: 'roaming',
  6: 'home',
  7: 'roaming',
  9: 'home',
  10: 'roaming',
};

/** What one `<stat>` means. */
export function meaningOf(stat: number | undefined): Registration {
  return (stat === undefined ? undefined : meanings[stat]) ?? 'none';
}

/** Whether one `<stat>` lets SMS through. */
export const isRegistered = (stat: number | undefined): boolean =>
  ['home', 'roaming'].includes(meaningOf(stat));

/** What a person should know, and do, about a modem that may not send. */
export const registrationReasons: Readonly<Record<Registration, string>> = {
  home: 'registered',
  roaming: 'roaming, and roaming = false in the configuration',
  searching: 'searching for a network',
  denied: 'the network denies the SIM (not activated, blocked, or no contract)',
  none: 'not registered with any network',
};

/** How it is told that the radio is off and stays so; what it says of itself follows. */
export const radioIsOff = 'the radio is off';

/** Instead of {@link registrationReasons}, where the modem tells nothing of it. */
export const untoldReason =
  'the modem does not say whether it is registered: AT+CREG? and its kin have no answer, or errors';

/** Instead of {@link registrationReasons}, where nothing is received at all. */
export const noNetworkReason =
  'no network at all: nothing is received; check the antenna, and whether there is a network for this SIM and modem here';

/** Most telling first. */
const order: readonly Registration[] = ['home', 'roaming', 'denied', 'searching', 'none'];

/**
 * What several registrations come to: they disagree on LTE modems, and any of them can carry an
 * SMS. One that says *home* counts more than one that says *roaming*: firmwares know the operator's
 * other networks (EHPLMN, 23.122) in one domain and not in another, or keep a stale value in the
 * one that is not in use.
 */
export function combined(found: readonly Registration[]): Registration {
  return order.find((one) => found.includes(one)) ?? 'none';
}

/**
 * The answer to `AT+CREG?` and its kin has <n> and <stat>; the URC of the same name <stat> alone,
 * or before a LAC of four or more digits.
 */
export function registrationAnswer(domain: RegistrationDomain): RegExp {
  return new RegExp(`^\\+${domain.toUpperCase()}: *\\d+ *, *(\\d{1,3}) *(?:,|$)`);
}

/**
 * `<stat>` alone, as some modems answer. It is the form of the URC too, so it is looked for only
 * where the whole answer stayed away: whoever says it then, it is so.
 */
const statAlone = (domain: RegistrationDomain): RegExp =>
  new RegExp(`^\\+${domain.toUpperCase()}: *(\\d{1,2})$`);

/**
 * One command, without its own timeout: its information responses, undefined when there are none.
 */
type AskDomain = (text: string, response: RegExp) => Promise<string[] | undefined>;

/** `<stat>` of one domain; undefined when the modem does not tell. */
export async function registrationStat(
  domain: RegistrationDomain,
  ask: AskDomain,
): Promise<number | undefined> {
  const text = `AT+${domain.toUpperCase()}?`;
  const response = registrationAnswer(domain);
  const lines = await ask(text, response);
  // OK alone came, twice and in step.
  const isBare = lines?.length === 0;
  const bare = isBare ? await ask(text, statAlone(domain)) : undefined;
  const stat = isBare
    ? statAlone(domain).exec(bare?.at(-1) ?? '')?.[1]
    : response.exec(lines?.[0] ?? '')?.[1];
  return stat === undefined ? undefined : Number(stat);
}

/** Asks one domain after another until one says *home*. Undefined when none tells anything. */
export async function askRegistration(ask: AskDomain): Promise<Registration | undefined> {
  const found: Registration[] = [];
  for (const domain of registrationDomains) {
    const stat = await registrationStat(domain, ask);
    if (stat === undefined) continue;
    const meaning = meaningOf(stat);
    if (meaning === 'home') return meaning;
    found.push(meaning);
  }
  return found.length === 0 ? undefined : combined(found);
}
