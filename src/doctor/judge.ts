import { fewestTries } from '../modem/person-pin.js';
import type { PinOutcome } from '../modem/pin-memory.js';
import {
  combined,
  isRegistered,
  meaningOf,
  type RegistrationStats,
  registrationDomains,
} from '../modem/registration.js';
import { simReasons } from '../modem/sim.js';
import { pathInWords, pointsNowhere } from '../modem/sms-path.js';
import { counted } from '../words/counted.js';
import type { ModemFacts } from './facts.js';
import { error, type Finding, ok, warning } from './finding.js';
import { registrationRemedies, simRemedies } from './remedies.js';

/** What the configuration wants of a modem, as far as it can be judged. */
export interface Wishes {
  roaming: boolean;
  statusReport: boolean;
  /** Whether `pin_file` is set. */
  hasPin: boolean;
  /** Whether `smsc` is set. */
  hasSmsc?: boolean;
}

/**
 * Says of each fact whether it is as it should be. Of a chain of causes only the first is an error:
 * without SIM nothing registers.
 */
export function judgeFacts(facts: ModemFacts, wishes: Wishes): Finding[] {
  const findings = [...judgeMaker(facts), ...judgeRadio(facts), ...judgeSim(facts, wishes)];
  const isSimReady = facts.sim === 'ready' && isRadioOn(facts);
  if (!isSimReady) return findings;
  return [
    ...findings,
    ...judgeRegistration(facts, wishes),
    ...judgePath(facts),
    ...judgeSignal(facts),
    ...judgeServiceCentre(facts, wishes),
    ...judgeStorage(facts),
    ...judgeIndications(facts, wishes),
  ];
}

function judgeMaker(facts: ModemFacts): Finding[] {
  const { manufacturer, model, firmware, imei, profile } = facts;
  const maker = [manufacturer, model].filter((part) => part !== undefined).join(' ');
  if (maker === '')
    return [warning('modem', 'it tells neither maker nor model: quirks are handled as generic')];
  const rest = [
    firmware === undefined ? undefined : `firmware ${firmware}`,
    imei === undefined ? undefined : `IMEI ${imei}`,
    `profile ${profile}`,
  ].filter((part) => part !== undefined);
  return [ok('modem', `${maker}, ${rest.join(', ')}`)];
}

/** A modem without `+CFUN` has its radio on. */
const isRadioOn = ({ functionality = 1 }: ModemFacts) => functionality !== 0 && functionality !== 4;

function judgeRadio(facts: ModemFacts): Finding[] {
  if (isRadioOn(facts)) return [];
  const what = `the radio is off (+CFUN: ${facts.functionality})`;
  return [error('radio', what, 'simgate serve switches it on when it starts')];
}

/** The daemon by itself tries a PIN only with all tries left (I7). */
const fullPinTries = 3;

/** What a person does where the daemon tries no PIN. */
const pinByPerson = (triesLeft = 0) =>
  triesLeft >= fewestTries
    ? 'by itself simgate tries no PIN now: enter it with "sudo simgate pin enter"'
    : 'by itself simgate tries no PIN now: put the SIM into a phone, and enter the PIN there';

/** Of a PIN that simgate tries no more, whatever tries are left (I7). */
const voidPins: Partial<Record<PinOutcome, string>> = {
  refused: 'the PIN in pin_file was refused and is not tried again',
  unknown:
    'what became of the last try with the PIN in pin_file is not known, so it is not tried again',
};

function judgeSim(facts: ModemFacts, { hasPin }: Wishes): Finding[] {
  const { sim = 'other', pinTriesLeft, iccid, lastPin } = facts;
  const tries = pinTriesLeft === undefined ? '' : `, ${counted(pinTriesLeft, 'PIN try')} left`;
  const card = iccid === undefined ? '' : `, ICCID ${iccid}`;
  const what = `${simReasons[sim]}${tries}${card}`;
  switch (sim) {
    case 'ready':
      return [ok('sim', what)];
    case 'busy':
      return [warning('sim', what, simRemedies.busy)];
    case 'pin':
      if (!hasPin) return [error('sim', what, simRemedies.pin)];
      if (lastPin !== undefined && voidPins[lastPin] !== undefined)
        return [error('sim', `${voidPins[lastPin]}; ${what}`, pinByPerson(pinTriesLeft))];
      if (pinTriesLeft === fullPinTries)
        return [warning('sim', what, 'simgate serve enters the PIN in pin_file, once')];
      return [error('sim', what, pinByPerson(pinTriesLeft))];
    case 'failed':
    case 'unknown':
      return [warning('sim', what, simRemedies[sim])];
    case 'puk':
    case 'absent':
    case 'other':
      return [error('sim', what, simRemedies[sim])];
  }
}

/** `<stat>` of `+CREG` and its kin (27.007 7.2). */
const statWords = [
  'not registered',
  'home network',
  'searching',
  'denied',
  'unknown',
  'roaming',
  'home network, SMS only',
  'roaming, SMS only',
  'emergency calls only',
  'home network, CSFB not preferred',
  'roaming, CSFB not preferred',
  'emergency services only',
];

const wordOf = (stat: number | undefined) =>
  stat === undefined ? 'not known to this modem' : (statWords[stat] ?? `stat ${stat}`);

function judgeRegistration({ registration, operator }: ModemFacts, { roaming }: Wishes): Finding[] {
  if (registration === undefined)
    return [error('registration', 'the modem does not tell whether it is registered')];
  // Most modems have never heard of 5G: nothing is said of it then.
  const told = registrationDomains.filter(
    (domain) => domain !== 'c5greg' || registration.c5greg !== undefined,
  );
  const words = told.map((domain) => `${domain.toUpperCase()} ${wordOf(registration[domain])}`);
  const what = `${operator === undefined ? 'no operator' : `operator "${operator}"`}: ${words.join('; ')}`;
  const found = combined(registrationDomains.map((domain) => meaningOf(registration[domain])));
  if (found === 'roaming' && !roaming)
    return [error('registration', what, registrationRemedies.roaming)];
  if (found !== 'home' && found !== 'roaming')
    return [error('registration', what, remedyFor(registration))];
  // The packet sides can be registered while no SMS gets through: CREG tells more (it covers SMS
  // over SGs too).
  if (!isRegistered(registration.creg))
    return [warning('registration', what, withoutCreg(registration))];
  return [ok('registration', what)];
}

const withoutCreg = ({ c5greg }: RegistrationStats) =>
  isRegistered(c5greg)
    ? 'on 5G alone SMS goes over NAS or IMS, which the operator must offer: if sends fail, choose LTE, 2G or 3G'
    : 'CREG is what counts for SMS: if sends fail, choose 2G/3G, or a SIM and firmware with SMS over SGs';

/** How SMS goes out, as far as the modem tells. */
function judgePath({ registration, path, likelySetting }: ModemFacts): Finding[] {
  const words = path && pathInWords(path);
  if (registration === undefined || path === undefined || words === undefined) return [];
  const isOn = registrationDomains.some((domain) => isRegistered(registration[domain]));
  if (!isOn || !pointsNowhere(registration, path)) return [ok('sms_path', words)];
  const what = `${words}, but it is not registered there: every send may fail`;
  return [
    warning('sms_path', what, likelySetting === undefined ? undefined : `try ${likelySetting}`),
  ];
}

function remedyFor(stats: RegistrationStats): string {
  if (registrationDomains.some((domain) => meaningOf(stats[domain]) === 'denied'))
    return registrationRemedies.denied;
  return registrationRemedies.none;
}

/** Below this, segments fail now and then; 27.007 8.5 ends at −113. */
const weakDbm = -103;

function judgeSignal({ signalDbm }: ModemFacts): Finding[] {
  if (signalDbm === undefined)
    return [warning('signal', 'the modem does not tell how well it hears')];
  if (signalDbm >= weakDbm) return [ok('signal', `${signalDbm} dBm`)];
  return [
    warning('signal', `${signalDbm} dBm is weak`, 'a better antenna, or another place for it'),
  ];
}

function judgeServiceCentre({ smsc }: ModemFacts, { hasSmsc }: Wishes): Finding[] {
  if (hasSmsc === true) return [ok('smsc', 'SMSC as configured (smsc)')];
  if (smsc === undefined)
    return [warning('smsc', 'the modem does not tell the SMSC, which it may do later')];
  if (smsc === '')
    return [
      error(
        'smsc',
        'the SIM holds no number of an SMSC, so that every send fails (CMS 330)',
        'set smsc = "+…" for this modem, as the operator tells it, or set the message centre with a phone',
      ),
    ];
  return [ok('smsc', `SMSC ${smsc}`)];
}

function judgeStorage({ storages }: ModemFacts): Finding[] {
  if (storages === undefined || storages.length === 0)
    return [warning('storage', 'the modem does not tell how full its message storage is')];
  const what = storages
    .map(({ storage, used, total }) => `${storage} ${used} of ${total}`)
    .join(', ');
  const isFull = storages.some(({ used, total }) => total > 0 && used >= total);
  if (!isFull) return [ok('storage', what)];
  return [
    warning(
      'storage',
      `full: ${what}; status reports and inbound SMS stay out`,
      'simgate serve clears what was received; what somebody stored to send must be deleted by hand',
    ),
  ];
}

function judgeIndications(
  { indications, isReadyForSms }: ModemFacts,
  { statusReport }: Wishes,
): Finding[] {
  if (isReadyForSms === false)
    return [
      error(
        'indications',
        'the modem refuses PDU mode',
        'it may still be starting: ask again in ten seconds',
      ),
    ];
  if (indications === undefined)
    return [warning('indications', 'the modem does not tell its +CNMI')];
  const [mode, , , ds = 0] = indications;
  const what = `+CNMI: ${indications.join(',')} as read back`;
  if (mode === 0) return [warning('indications', `${what}: it keeps to itself what comes in`)];
  if (statusReport && ds === 0)
    return [
      warning(
        'indications',
        `${what}: this modem hands over no status reports`,
        'leave status_report off',
      ),
    ];
  return [ok('indications', what)];
}
