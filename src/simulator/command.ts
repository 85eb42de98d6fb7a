import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Command, InvalidArgumentError, Option } from 'commander';
import { control } from './control.js';
import { controlHelp, faultHelp } from './fault-help.js';
import { type FaultSpec, FaultSyntaxError, parseFault } from './faults.js';
import {
  busyPolicies,
  defaultOptions,
  OptionSyntaxError,
  parseDomain,
  readIccid,
  referenceStyles,
  registrationStates,
  resetTtys,
  type SimulatorOptions,
} from './options.js';
import { type PtyMaker, ptyMakers } from './pty.js';
import type { RecordEntry } from './record.js';
import { type RunningSimulator, runSimulator, type SimulatorEvent } from './run.js';
import { isTroubleKind, parseTrouble, type Trouble, TroubleSyntaxError } from './troubles.js';
import { vendorNames } from './vendors.js';

/** What commander makes of the flags: the options, spelled as the flags are. */
interface Flags {
  name: string;
  vendor: SimulatorOptions['vendor'];
  link?: string;
  linkMoves?: true;
  ttyMoves?: true;
  record?: string;
  seed: number;
  submitLatency: number;
  commandLatency: number;
  linkSetup: number;
  baud: number;
  echo: boolean;
  urcNoise: number;
  statusReports?: true;
  statusReportDelay: number;
  registration: SimulatorOptions['registration'];
  registrationDelay: number;
  pin?: string;
  puk: string;
  iccid: string;
  smsc: string;
  csms: number;
  acknowledgeMs?: number;
  domain?: SimulatorOptions['domains'];
  onlyCgsms?: number;
  ims?: true;
  pinTries: number;
  bootMs: number;
  number: string;
  storageSlots: number;
  busy: SimulatorOptions['busy'];
  parallel?: true;
  references: SimulatorOptions['references'];
  uartSleep: number;
  resetTty: SimulatorOptions['resetTty'];
  fault?: (FaultSpec | Trouble)[];
  pty?: PtyMaker;
  smsEvents?: true;
}

/**
 * The subcommand `simulate`: a virtual modem on a real tty, until SIGTERM, SIGINT or the end of a
 * piped stdin.
 */
export function simulateCommand(): Command {
  return addSimulateOptions(new Command('simulate'))
    .description('a virtual GSM modem on a real tty, with a network behind it that keeps a record')
    .action(async (flags: Flags) => {
      await simulate(flags);
    });
}

/** The flags of `simulate`, added to a command. */
export function addSimulateOptions(command: Command): Command {
  addModemOptions(command);
  addNetworkOptions(command);
  command
    .option('--link <path>', 'a stable symbolic link to the tty')
    .option('--link-moves', 'after a re-attach the link is called PATH.1, PATH.2 …')
    .option('--tty-moves', 'a re-attached tty never has the number it had')
    .option('--record <file>', "the network's record, JSON lines; truncated at the start")
    .option('--seed <n>', 'same seed, same faults', wholeNumber, defaultOptions.seed)
    .option(
      '--fault <kind[:arg][@when]>',
      'may be repeated; WHEN is N, N-M, N% or * of the submits; troubles begin at each power-on',
      collectFault,
    )
    .option('--sms-events', 'with JSON output: an event for every SMS accepted')
    .addOption(new Option('--pty <maker>', 'how the tty is made').choices(ptyMakers))
    .addHelpText('after', () => `\nFaults:\n${faultHelp()}\n\n${controlHelp}`);
  return command;
}

function addModemOptions(command: Command): void {
  command
    .option('--name <name>', 'how the record names the modem', defaultOptions.name)
    .addOption(
      new Option('--vendor <name>', 'whose modem it is')
        .choices(vendorNames)
        .default(defaultOptions.vendor),
    )
    .option(
      '--command-latency <ms>',
      'from a command to its answer',
      milliseconds,
      defaultOptions.commandLatencyMs,
    )
    .option(
      '--baud <n>',
      'UART pacing, 10 bits a byte; 0 is unpaced',
      wholeNumber,
      defaultOptions.baud,
    )
    .option('--echo', 'echo at power-on (the default)', defaultOptions.echo)
    .option('--no-echo', 'no echo at power-on')
    .option(
      '--urc-noise <rate>',
      'unsolicited lines per second',
      milliseconds,
      defaultOptions.urcNoisePerSecond,
    )
    .option('--pin <pin>', 'the SIM asks for this PIN')
    .option('--puk <puk>', 'the PUK', defaultOptions.puk)
    .option('--iccid <digits>', "the SIM's serial number", iccid, defaultOptions.iccid)
    .option('--pin-tries <n>', 'tries left for the PIN, 0 to 3', pinTries, defaultOptions.pinTries)
    .option(
      '--smsc <number>',
      "the SMSC's number in the SIM; empty for none",
      smsc,
      defaultOptions.serviceCentre,
    )
    .option('--csms <n>', '+CSMS at power-on: 1 where it was left so', upTo(1), defaultOptions.csms)
    .option(
      '--acknowledge-ms <ms>',
      'under +CSMS: 1, from a +CDS without +CNMA to the end of routing',
      milliseconds,
    )
    .option('--boot-ms <ms>', 'how long a restart takes', milliseconds, defaultOptions.bootMs)
    .option(
      '--storage-slots <n>',
      'slots of each message storage',
      wholeNumber,
      defaultOptions.storageSlots,
    )
    .option('--parallel', 'answers other commands while a submit is under way')
    .addOption(
      new Option(
        '--references <style>',
        'message references: counted by submits, by those accepted, or constant',
      )
        .choices(referenceStyles)
        .default(defaultOptions.references),
    )
    .option(
      '--uart-sleep <ms>',
      'the UART sleeps so long after the last octet, and loses the first that wake it; 0: never',
      milliseconds,
      defaultOptions.uartSleepMs,
    )
    .addOption(
      new Option('--busy <policy>', 'bytes that come while busy')
        .choices(busyPolicies)
        .default(defaultOptions.busy),
    )
    .addOption(
      new Option('--reset-tty <what>', 'the tty at a restart')
        .choices(resetTtys)
        .default(defaultOptions.resetTty),
    );
}

function addNetworkOptions(command: Command): void {
  command
    .option('--number <e164>', "the SIM's own number", defaultOptions.number)
    .option(
      '--submit-latency <ms>',
      'from Ctrl-Z to +CMGS',
      milliseconds,
      defaultOptions.submitLatencyMs,
    )
    .option(
      '--link-setup <ms>',
      'more per submit, unless AT+CMMS holds the link',
      milliseconds,
      defaultOptions.linkSetupMs,
    )
    .option('--status-reports', 'the network reports deliveries that were asked for')
    .option(
      '--status-report-delay <ms>',
      'after acceptance',
      milliseconds,
      defaultOptions.statusReportDelayMs,
    )
    .addOption(
      new Option('--registration <state>', 'what the network grants')
        .choices(registrationStates)
        .default(defaultOptions.registration),
    )
    .option(
      '--registration-delay <ms>',
      'from power-on',
      milliseconds,
      defaultOptions.registrationDelayMs,
    )
    .option(
      '--domain <name=stat>',
      'may be repeated; what CREG, CGREG, CEREG or C5GREG says while registered: a stat, network or unknown',
      collectDomain,
    )
    .option('--only-cgsms <n>', 'the network takes SMS under this +CGSMS alone, 0 to 3', upTo(3))
    .option('--ims', "registered with the network's IMS");
}

function milliseconds(value: string): number {
  const number = Number(value);
  if (!/^\d+(\.\d+)?$/.test(value)) throw new InvalidArgumentError('expected a number, 0 or more');
  return number;
}

function wholeNumber(value: string): number {
  if (!/^\d{1,9}$/.test(value))
    throw new InvalidArgumentError('expected a whole number, 0 or more');
  return Number(value);
}

function iccid(value: string): string {
  return orInvalid(() => readIccid(value));
}

function smsc(value: string): string {
  if (/^(\+?\d{1,20})?$/.test(value)) return value;
  throw new InvalidArgumentError('expected a number, or an empty text for none');
}

function upTo(most: number): (value: string) => number {
  return (value) => {
    if (/^\d$/.test(value) && Number(value) <= most) return Number(value);
    throw new InvalidArgumentError(`expected 0 to ${most}`);
  };
}

function collectDomain(
  value: string,
  before: SimulatorOptions['domains'] = {},
): SimulatorOptions['domains'] {
  const [domain, stat] = orInvalid(() => parseDomain(value));
  return { ...before, [domain]: stat };
}

function orInvalid<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof OptionSyntaxError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

function pinTries(value: string): number {
  if (!/^[0-3]$/.test(value)) throw new InvalidArgumentError('expected 0 to 3');
  return Number(value);
}

function collectFault(
  value: string,
  before: (FaultSpec | Trouble)[] = [],
): (FaultSpec | Trouble)[] {
  try {
    const [kind = ''] = value.split(':');
    return [...before, isTroubleKind(kind) ? parseTrouble(value) : parseFault(value)];
  } catch (error) {
    if (error instanceof FaultSyntaxError || error instanceof TroubleSyntaxError)
      throw new InvalidArgumentError(error.message);
    throw error;
  }
}

async function simulate(flags: Flags): Promise<void> {
  const reporter = process.stdout.isTTY ? forPeople : forPrograms(flags.smsEvents === true);
  let isReady = false;
  const hooks = {
    // `ready` tells of the first tty.
    onEvent: (event: SimulatorEvent) => {
      if (isReady) reporter.event(event);
    },
    onEntry: (entry: RecordEntry) => reporter.entry(entry),
    ...(flags.pty !== undefined && { ptyMaker: flags.pty }),
  };
  // Asked for first: a signal that comes with the ready line must find the way out in place.
  const signalled = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  const simulator = await runSimulator(optionsOf(flags), hooks);
  const hungUp = onControlLine((line) => reporter.answer(control(simulator, line)));
  reporter.ready(simulator);
  isReady = true;
  await Promise.race([signalled, hungUp]);
  process.stdin.destroy();
  await simulator.close();
}

function optionsOf(flags: Flags): Partial<SimulatorOptions> {
  return {
    name: flags.name,
    vendor: flags.vendor,
    ...(flags.link !== undefined && { link: flags.link }),
    linkMoves: flags.linkMoves === true,
    ttyMoves: flags.ttyMoves === true,
    ...(flags.record !== undefined && { record: flags.record }),
    seed: flags.seed,
    submitLatencyMs: flags.submitLatency,
    commandLatencyMs: flags.commandLatency,
    linkSetupMs: flags.linkSetup,
    baud: flags.baud,
    echo: flags.echo,
    urcNoisePerSecond: flags.urcNoise,
    statusReports: flags.statusReports === true,
    statusReportDelayMs: flags.statusReportDelay,
    registration: flags.registration,
    registrationDelayMs: flags.registrationDelay,
    ...(flags.pin !== undefined && { pin: flags.pin }),
    puk: flags.puk,
    iccid: flags.iccid,
    serviceCentre: flags.smsc,
    csms: flags.csms === 1 ? 1 : 0,
    ...(flags.acknowledgeMs !== undefined && { acknowledgeMs: flags.acknowledgeMs }),
    domains: { ...defaultOptions.domains, ...flags.domain },
    ...(flags.onlyCgsms !== undefined && { onlyCgsms: flags.onlyCgsms }),
    ims: flags.ims === true,
    pinTries: flags.pinTries,
    bootMs: flags.bootMs,
    number: flags.number,
    storageSlots: flags.storageSlots,
    busy: flags.busy,
    parallel: flags.parallel === true,
    references: flags.references,
    uartSleepMs: flags.uartSleep,
    resetTty: flags.resetTty,
    faults: (flags.fault ?? []).filter((fault): fault is FaultSpec => !isTroubleKind(fault.kind)),
    troubles: (flags.fault ?? []).filter((fault): fault is Trouble => isTroubleKind(fault.kind)),
  };
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
  ready(simulator: RunningSimulator): void;
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
