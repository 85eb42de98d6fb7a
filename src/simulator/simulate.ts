import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Command, InvalidArgumentError, Option } from 'commander';
import { control } from './control.js';
import { type FaultParameter, faultKinds } from './fault-kinds.js';
import { type FaultSpec, parseFault, stuckPrompt } from './fault-planner.js';
import { OptionSyntaxError } from './option-syntax.js';
import {
  busyPolicies,
  defaultOptions,
  type ModemOptions,
  parseDomain,
  readIccid,
  readStorages,
  referenceStyles,
  registrationStates,
  resetTtys,
} from './options.js';
import { pinFaultKinds } from './pin-faults.js';
import { type PtyMaker, ptyMakers } from './pty.js';
import type { RecordEntry } from './record.js';
import { parseReportHabits } from './report-habits.js';
import {
  runSimulator,
  type Simulator,
  type SimulatorEvent,
  type SimulatorOptions,
} from './simulator.js';
import { isTroubleKind, parseTrouble, type Trouble, troubleKinds } from './troubles.js';
import { vendorNames } from './vendors.js';

type Faults = readonly (FaultSpec | Trouble)[];

/** What commander makes of the flags. */
interface Flags extends Omit<SimulatorOptions, 'faults' | 'troubles'> {
  fault?: Faults;
  pty?: PtyMaker;
  smsEvents?: true;
}

/** A flag of one of the modem's options, whose preset the help shows. */
class ModemFlag extends Option {
  readonly #key: keyof ModemOptions;

  constructor(key: keyof ModemOptions, flags: string, description: string) {
    super(flags, description);
    this.#key = key;
    const preset = defaultOptions[key];
    if (preset !== false && typeof preset !== 'object') this.default(preset);
  }

  override attributeName(): string {
    return this.#key;
  }
}

/** `read` throws {@link OptionSyntaxError}; `before` is what the same flag has given so far. */
function flag<T>(
  key: keyof ModemOptions,
  flags: string,
  description: string,
  read?: (value: string, before: T) => T,
): Option {
  const option = new ModemFlag(key, flags, description);
  return read === undefined ? option : option.argParser(reading(read));
}

const modemFlags = (): Option[] => [
  flag('name', '--name <name>', 'how the record names the modem'),
  flag('vendor', '--vendor <name>', 'whose modem it is').choices(vendorNames),
  flag('commandLatencyMs', '--command-latency <ms>', 'from a command to its answer', milliseconds),
  flag('baud', '--baud <n>', 'UART pacing, 10 bits a byte; 0 is unpaced', wholeNumber),
  flag('echo', '--echo', 'echo at power-on (the default)'),
  new Option('--no-echo', 'no echo at power-on'),
  flag('urcNoisePerSecond', '--urc-noise <rate>', 'unsolicited lines per second', milliseconds),
  flag('pin', '--pin <pin>', 'the SIM asks for this PIN'),
  flag('puk', '--puk <puk>', 'the PUK'),
  flag('iccid', '--iccid <digits>', "the SIM's serial number", readIccid),
  flag('pinTries', '--pin-tries <n>', 'tries left for the PIN, 0 to 3', upTo(3)),
  flag('serviceCentre', '--smsc <number>', "the SMSC's number in the SIM; empty for none", smsc),
  flag('csms', '--csms <n>', '+CSMS at power-on: 1 where it was left so', upTo(1)),
  flag('csmsIsFixed', '--csms-fixed', '+CSMS: 1 cannot be set back'),
  flag(
    'acknowledgeMs',
    '--acknowledge-ms <ms>',
    'under +CSMS: 1, from a +CDS without +CNMA to the end of routing',
    milliseconds,
  ),
  flag('bootMs', '--boot-ms <ms>', 'how long a restart takes', milliseconds),
  flag('storageSlots', '--storage-slots <n>', 'slots of each message storage', wholeNumber),
  flag(
    'storages',
    '--storages <names>',
    'its storages, the one for what comes in first, as SM,ME,MT,SR',
    readStorages,
  ),
  flag('parallel', '--parallel', 'answers other commands while a submit is under way'),
  flag(
    'references',
    '--references <style>',
    'message references: counted by submits, by those accepted, or constant',
  ).choices(referenceStyles),
  flag(
    'uartSleepMs',
    '--uart-sleep <ms>',
    'the UART sleeps so long after the last octet, and loses the first that wake it; 0: never',
    milliseconds,
  ),
  flag('busy', '--busy <policy>', 'bytes that come while busy').choices(busyPolicies),
  flag('resetTty', '--reset-tty <what>', 'the tty at a restart').choices(resetTtys),
];

const networkFlags = (): Option[] => [
  flag('number', '--number <e164>', "the SIM's own number"),
  flag('credit', '--credit <amount>', 'what is left on the SIM', milliseconds),
  flag('smsCost', '--sms-cost <amount>', 'what an accepted SMS takes of it', milliseconds),
  flag('balanceText', '--balance-text <text>', 'what the carrier answers to USSD, and to an SMS'),
  flag(
    'ussdHoldMs',
    '--ussd-hold <ms>',
    'from a USSD request to its OK, in which nothing else is answered',
    milliseconds,
  ),
  flag('ussdAborts', '--ussd-aborts', 'any octet ends that wait (V.250 5.6.1)'),
  flag('carrier', '--carrier <number>', "the carrier's own number, which answers an SMS"),
  flag('submitLatencyMs', '--submit-latency <ms>', 'from Ctrl-Z to +CMGS', milliseconds),
  flag(
    'linkSetupMs',
    '--link-setup <ms>',
    'more per submit, unless AT+CMMS holds the link',
    milliseconds,
  ),
  flag('statusReports', '--status-reports', 'the network reports deliveries that were asked for'),
  flag(
    'reportHabits',
    '--report-habits <habits>',
    'what these are like, as statuses=30-00|46,spread=5000,copies=2,spelling=national|bare,stamps=blank,early=yes,silent=10',
    parseReportHabits,
  ),
  flag('statusReportDelayMs', '--status-report-delay <ms>', 'after acceptance', milliseconds),
  flag('registration', '--registration <state>', 'what the network grants').choices(
    registrationStates,
  ),
  flag('registrationDelayMs', '--registration-delay <ms>', 'from power-on', milliseconds),
  flag(
    'domains',
    '--domain <name=stat>',
    'may be repeated; what CREG, CGREG, CEREG or C5GREG says while registered: a stat, network or unknown',
    addDomain,
  ),
  flag(
    'onlyCgsms',
    '--only-cgsms <n>',
    'the network takes SMS under this +CGSMS alone, 0 to 3',
    upTo(3),
  ),
  flag('ims', '--ims', "registered with the network's IMS"),
];

const simulatorFlags = (): Option[] => [
  new Option('--link <path>', 'a stable symbolic link to the tty'),
  new Option('--link-moves', 'after a re-attach the link is called PATH.1, PATH.2 …'),
  new Option('--tty-moves', 'a re-attached tty never has the number it had'),
  new Option('--record <file>', "the network's record, JSON lines; truncated at the start"),
  flag('seed', '--seed <n>', 'same seed, same faults', wholeNumber),
  new Option(
    '--fault <kind[:arg][@when]>',
    'may be repeated; WHEN is N, N-M, N% or * of the submits; troubles begin at each power-on',
  ).argParser(reading(addFault)),
  new Option('--sms-events', 'with JSON output: an event for every SMS accepted'),
  new Option('--pty <maker>', 'how the tty is made').choices(ptyMakers),
];

/**
 * The subcommand `simulate`: a virtual modem on a real tty, until SIGTERM, SIGINT or the end of a
 * piped stdin.
 */
export function simulateCommand(): Command {
  const command = new Command('simulate')
    .description('a virtual GSM modem on a real tty, with a network behind it that keeps a record')
    .addHelpText('after', () => `\nFaults:\n${faultHelp()}\n\n${controlHelp}`)
    .action(simulate);
  for (const option of [...modemFlags(), ...networkFlags(), ...simulatorFlags()])
    command.addOption(option);
  return command;
}

/** As commander wants it, from a reader that throws {@link OptionSyntaxError}. */
function reading<T>(read: (value: string, before: T) => T): (value: string, before: T) => T {
  return (value, before) => {
    try {
      return read(value, before);
    } catch (error) {
      if (error instanceof OptionSyntaxError) throw new InvalidArgumentError(error.message);
      throw error;
    }
  };
}

function milliseconds(value: string): number {
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value);
  throw new OptionSyntaxError('expected a number, 0 or more');
}

function wholeNumber(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new OptionSyntaxError('expected a whole number, 0 or more');
}

function smsc(value: string): string {
  if (/^(\+?\d{1,20})?$/.test(value)) return value;
  throw new OptionSyntaxError('expected a number, or an empty text for none');
}

function upTo(most: number): (value: string) => number {
  return (value) => {
    if (/^\d$/.test(value) && Number(value) <= most) return Number(value);
    throw new OptionSyntaxError(`expected 0 to ${most}`);
  };
}

function addDomain(
  value: string,
  before: ModemOptions['domains'] = defaultOptions.domains,
): ModemOptions['domains'] {
  const [domain, stat] = parseDomain(value);
  return { ...before, [domain]: stat };
}

function addFault(value: string, before: Faults = []): Faults {
  const [kind = ''] = value.split(':');
  return [...before, isTroubleKind(kind) ? parseTrouble(value) : parseFault(value)];
}

async function simulate({ fault = [], pty, smsEvents, ...options }: Flags): Promise<void> {
  const reporter = process.stdout.isTTY ? forPeople : forPrograms(smsEvents === true);
  let isReady = false;
  const hooks = {
    // `ready` tells of the first tty.
    onEvent: (event: SimulatorEvent) => {
      if (isReady) reporter.event(event);
    },
    onEntry: (entry: RecordEntry) => reporter.entry(entry),
    ...(pty !== undefined && { ptyMaker: pty }),
  };
  // Asked for first: a signal that comes with the ready line must find the way out in place.
  const signalled = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  const simulator = await runSimulator(
    {
      ...options,
      faults: fault.filter((each): each is FaultSpec => !isTroubleKind(each.kind)),
      troubles: fault.filter((each): each is Trouble => isTroubleKind(each.kind)),
    },
    hooks,
  );
  const hungUp = onControlLine((line) => reporter.answer(control(simulator, line)));
  reporter.ready(simulator);
  isReady = true;
  await Promise.race([signalled, hungUp]);
  process.stdin.destroy();
  await simulator.close();
}

/**
 * Hands on the lines of a piped stdin; resolves at its end. A terminal or /dev/null controls
 * nothing and never ends.
 */
function onControlLine(onLine: (line: string) => void): Promise<void> {
  const stdin = fstatSync(0);
  if (!stdin.isFIFO() && !stdin.isSocket()) return new Promise(() => {});
  const lines = createInterface({ input: process.stdin });
  lines.on('line', onLine);
  return new Promise((resolve) => {
    lines.once('close', resolve);
  });
}

interface Reporter {
  ready(simulator: Simulator): void;
  event(event: SimulatorEvent): void;
  entry(entry: RecordEntry): void;
  answer(answer: object): void;
}

/** JSON lines; `ready` is the first. */
function forPrograms(withSms: boolean): Reporter {
  const say = (value: object): void => {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  };
  return {
    ready: ({ tty, link }) => {
      say({ event: 'ready', tty, ...(link !== undefined && { link }), pid: process.pid });
    },
    event: say,
    entry: (entry) => {
      if (withSms && entry.kind === 'accepted') say({ event: 'sms', ...entry });
    },
    answer: say,
  };
}

/** Lines for a person. A simulated network's texts are shown in full: they reach no one else. */
const forPeople: Reporter = {
  ready: ({ tty, link }) => {
    console.log(
      `The virtual modem is at ${link === undefined ? tty : `${link} (${tty})`}. Ctrl-C ends it.`,
    );
    console.log(
      'No SMS leaves this machine; what the virtual network accepts is shown here in full.',
    );
  },
  event: (event) => {
    if (event.event === 'attached') console.log(`tty attached: ${event.link ?? event.tty}`);
    else if (event.event === 'detached')
      console.log(`tty hung up, back in ${event.reattach_ms} ms`);
    else console.log(`tty failed: ${event.reason}`);
  },
  entry: (entry) => {
    if (entry.kind === 'accepted') console.log(describeSms(entry));
    if (entry.kind === 'refused') console.log(`refused: ${entry.cause}`);
    if (entry.kind === 'fault') console.log(`fault: ${entry.fault}`);
  },
  answer: (answer) => console.log(JSON.stringify(answer)),
};

function describeSms(entry: Extract<RecordEntry, { kind: 'accepted' }>): string {
  const part =
    entry.concat_total === undefined ? '' : ` (${entry.concat_sequence}/${entry.concat_total})`;
  return `SMS ${entry.seq} to ${entry.recipient}${part}: ${entry.text ?? `8-bit data ${entry.tpdu}`}`;
}

/** The faults, a line each, for `--help`. */
function faultHelp(): string {
  const kinds = Object.entries(faultKinds).map(([kind, { parameters, does }]) => {
    const names = parameters.map((p: FaultParameter) =>
      p.preset === undefined ? `:${p.name}` : `[:${p.name}=${p.preset}]`,
    );
    return `  ${(kind + names.join('')).padEnd(44)} ${does}`;
  });
  return [
    ...kinds,
    `  ${stuckPrompt.padEnd(44)} wakes with somebody's prompt open; WHEN counts power-ons`,
    '',
    'Troubles of the modem itself, from power-on, or from now by the control channel; each may end with :MS, which is how long it lasts:',
    ...Object.entries(troubleKinds).map(
      ([kind, { parameters, does }]) => `  ${[kind, ...parameters].join(':').padEnd(44)} ${does}`,
    ),
    '',
    'PIN faults, of the next AT+CPIN=, by the control channel:',
    ...Object.entries(pinFaultKinds).map(([kind, { presetMs, does }]) => {
      const name = presetMs === undefined ? kind : `${kind}[:MS=${presetMs}]`;
      return `  ${name.padEnd(44)} ${does}`;
    }),
  ].join('\n');
}

/** The control channel, for `--help`. */
const controlHelp = `Control, JSON lines on a piped stdin:
  {"fault":"late:3000","submits":2}  {"no_faults":true}: none of these any more
  {"inject":"+CMTI: \\"SM\\",3"}  {"hangup":true,"reattach_ms":500,"power":"kept"}
  {"inbound":{"from":"+49170…","text":"…","broken":true}}  {"registration":"searching"}  {"reboot":true}  {"stats":true}
  {"profile":"8949…","say":"+QUSIM: 1"}: an eSIM changes to another profile  {"domain":"CREG=0"}  {"csms":1}
  {"pin_fault":"late:3000"}  {"phone":"enter_pin"}: or enter_puk, remove_lock
  {"credit":3.2}  {"balance_text":"Balance: {credit}"}: what the carrier answers; empty: nothing`;
