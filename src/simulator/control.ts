import { parseFault } from './fault-planner.js';
import { OptionSyntaxError } from './option-syntax.js';
import { parseDomain, readIccid, registrationStates } from './options.js';
import { parsePinFault } from './pin-faults.js';
import { parseReportHabits } from './report-habits.js';
import { phoneActs } from './sim-card.js';
import type { Simulator, SimulatorStats } from './simulator.js';
import { isTroubleKind, parseTrouble } from './troubles.js';

/** What a control line is answered with. */
export type ControlAnswer =
  | { event: 'done'; command: string }
  | { event: 'refused'; reason: string }
  | ({ event: 'stats'; tty: string | null; link: string | null } & SimulatorStats);

type Fields = Readonly<Record<string, unknown>>;

const commands: Record<string, (simulator: Simulator, fields: Fields) => void> = {
  /**
   * `{"fault":"late:3000","submits":2}`: plays it on the next submits (1 when not said);
   * `{"fault":"mute:+COPS?:5000"}`: now.
   */
  fault: (simulator, fields) => {
    const [kind = ''] = text(fields, 'fault').split(':');
    if (isTroubleKind(kind))
      return simulator.modem.troubles.begin(parseTrouble(text(fields, 'fault')));
    simulator.faults.queue(parseFault(text(fields, 'fault')), wholeNumber(fields, 'submits', 1));
  },
  /** `{"no_faults":true}`: those that were to be played on the next submits are not. */
  no_faults: (simulator) => simulator.faults.forgetQueued(),
  /** `{"pin_fault":"late:3000"}`: plays it on the next `AT+CPIN=`. */
  pin_fault: (simulator, fields) =>
    simulator.modem.pinFaults.push(parsePinFault(text(fields, 'pin_fault'))),
  /** `{"phone":"enter_pin"}`: a person has put the SIM into a phone. */
  phone: (simulator, fields) => {
    const act = oneOf(phoneActs, fields, 'phone');
    if (!simulator.modem.takeSimToPhone(act))
      throw new OptionSyntaxError(`the SIM does not want ${act} now`);
  },
  /**
   * `{"profile":"8949…","say":"+QUSIM: 1"}`: an eSIM changes to another profile; in silence when
   * nothing is said.
   */
  profile: (simulator, fields) => {
    const said = fields.say === undefined ? undefined : text(fields, 'say');
    simulator.modem.enableProfile(readIccid(text(fields, 'profile')), said);
  },
  /**
   * `{"domain":"CREG=0"}`: what a domain says while the modem is registered; or `=network`,
   * `=unknown`.
   */
  domain: ({ modem }, fields) => {
    const [domain, stat] = parseDomain(text(fields, 'domain'));
    modem.domains[domain] = stat;
  },
  /** `{"csms":1}`: another program has left `+CSMS` so. */
  csms: ({ modem }, fields) => {
    modem.settings.csms = wholeNumber(fields, 'csms', 1);
  },
  /** `{"inject":"+CMTI: \"SM\",3"}`: an unsolicited line. */
  inject: (simulator, fields) => simulator.modem.say(text(fields, 'inject')),
  /** `{"hangup":true,"reattach_ms":500,"power":"kept"}`: power is lost when not said. */
  hangup: (simulator, fields) => {
    simulator.hangUp(
      fields.power === 'kept' ? 'kept' : 'lost',
      wholeNumber(fields, 'reattach_ms', 500),
    );
  },
  /** `{"reboot":true}` */
  reboot: (simulator) => simulator.modem.reboot(),
  /**
   * `{"inbound":{"from":"+49…","text":"…","broken":true,"order":"shuffled","missing":[2]}}`: a
   * broken one can be decoded by nobody; parts of a long one come in this order, or never.
   */
  inbound: (simulator, fields) => {
    const message = fields.inbound;
    if (typeof message !== 'object' || message === null)
      throw new OptionSyntaxError('inbound needs from and text');
    const { broken, order = 'sent', missing = [] } = message as Fields;
    if (!Array.isArray(missing) || !missing.every((part) => typeof part === 'number'))
      throw new OptionSyntaxError('missing must be a list of numbers');
    simulator.network.sendInbound({
      from: text(message as Fields, 'from'),
      text: text(message as Fields, 'text'),
      isBroken: broken === true,
      order: oneOf(['sent', 'reversed', 'shuffled'], { order }, 'order'),
      missing,
    });
  },
  /** `{"reports":"statuses=30-00,copies=2"}`: how the network reports from now on. */
  reports: (simulator, fields) => {
    simulator.network.reportHabits = parseReportHabits(text(fields, 'reports'));
  },
  /** `{"credit":3.2}`: what is left on the SIM now. */
  credit: (simulator, fields) => {
    const { credit } = fields;
    if (typeof credit !== 'number' || credit < 0)
      throw new OptionSyntaxError('credit must be an amount');
    simulator.network.credit = credit;
  },
  /** `{"balance_text":"Guthaben {credit}"}`: what the carrier answers now; empty: nothing. */
  balance_text: (simulator, fields) => {
    simulator.network.balanceText = text(fields, 'balance_text');
  },
  /** `{"ussd_answer":"2,\"0047\",72"}`: what `+CUSD:` says from now on; empty: nothing. */
  ussd_answer: (simulator, fields) => {
    simulator.network.ussdAnswer = text(fields, 'ussd_answer');
  },
  /** `{"registration":"searching"}` */
  registration: (simulator, fields) => {
    simulator.network.grant(oneOf(registrationStates, fields, 'registration'));
  },
};

/**
 * Carries out one line of the control channel (JSON) and says what came of it. Never throws for a
 * bad line.
 */
export function control(simulator: Simulator, line: string): ControlAnswer {
  try {
    const fields = readObject(line);
    if (fields.stats === true) {
      return {
        event: 'stats',
        tty: simulator.tty ?? null,
        link: simulator.link ?? null,
        ...simulator.stats(),
      };
    }
    const command = Object.keys(commands).find((name) => name in fields);
    if (command === undefined)
      throw new OptionSyntaxError(`expected one of ${Object.keys(commands).join(', ')}, stats`);
    commands[command]!(simulator, fields);
    return { event: 'done', command };
  } catch (error) {
    return { event: 'refused', reason: error instanceof Error ? error.message : String(error) };
  }
}

function readObject(line: string): Fields {
  const value: unknown = JSON.parse(line);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new OptionSyntaxError('expected an object');
  return value as Fields;
}

function text(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value !== 'string') throw new OptionSyntaxError(`${key} must be a string`);
  return value;
}

function wholeNumber(fields: Fields, key: string, preset: number): number {
  const value = fields[key] ?? preset;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new OptionSyntaxError(`${key} must be a whole number`);
  }
  return value;
}

function oneOf<T extends string>(words: readonly T[], fields: Fields, key: string): T {
  const given = text(fields, key);
  const known = words.find((word) => word === given);
  if (known === undefined) throw new OptionSyntaxError(`${key} must be one of ${words.join(', ')}`);
  return known;
}
