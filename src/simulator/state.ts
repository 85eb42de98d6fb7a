import { MessageStore } from './message-store.js';
import type { Network } from './network.js';
import type { Domain, DomainStat, ModemOptions } from './options.js';
import type { PinFault } from './pin-faults.js';
import type { Random } from './random.js';
import type { NetworkRecord } from './record.js';
import { SimCard } from './sim-card.js';
import type { Break, ServiceCentreTrouble, SubmitPlan } from './submit-plan.js';
import { type Vendor, vendors } from './vendors.js';

/** What AT commands set and a restart forgets. Field names follow the commands. */
export interface Settings {
  /** ATE, ATV, ATQ. */
  echo: boolean;
  verbose: boolean;
  quiet: boolean;
  cmee: number;
  cmgf: number;
  /** mode, mt, bm, ds, bfr. */
  cnmi: [number, number, number, number, number];
  csms: number;
  cgsms: number;
  cmms: number;
  cscs: string;
  /** First octet, TP-VP, TP-PID, TP-DCS of text mode. */
  csmp: [number, number, number, number];
  csdh: number;
  /** `+CREG`, `+CGREG`, `+CEREG`, `+C5GREG`. */
  registrationReports: Record<Domain, number>;
  copsFormat: number;
  cfun: number;
  clip: number;
  cusd: number;
  /** mem1 (read, delete), mem2 (write, send), mem3 (receive). */
  cpms: [string, string, string];
  /** S3, S4, S5 and any other S-parameter that was set. */
  registers: Map<number, number>;
}

/** Settings at power-on. */
export function freshSettings(options: ModemOptions, vendor: Vendor): Settings {
  const [storage = 'SM'] = options.storages ?? vendor.storages;
  return {
    echo: options.echo,
    verbose: true,
    quiet: false,
    cmee: 0,
    cmgf: vendor.defaultFormat,
    cnmi: [0, 0, 0, 0, 0],
    csms: options.csms,
    cgsms: 1,
    cmms: 0,
    cscs: 'GSM',
    csmp: [17, 167, 0, 0],
    csdh: 0,
    registrationReports: { CREG: 0, CGREG: 0, CEREG: 0, C5GREG: 0 },
    copsFormat: 0,
    cfun: 1,
    clip: 0,
    cusd: 0,
    cpms: [storage, storage, storage],
    registers: new Map([
      [0, 0],
      [3, 13],
      [4, 10],
      [5, 8],
    ]),
  };
}

/** What else a restart forgets, as it is while the power is off. */
export class Volatile {
  /** Ready for commands; false while it is off, and while it boots. */
  isOn = false;
  /** `+CREG` stat (3GPP TS 27.007 7.2). */
  stat = 0;
  /** The network denies it, until its radio is switched off and on. */
  isDenied = false;
  /** How the modem has come to refuse the SIM's own service centre, if it does. */
  serviceCentreTrouble: ServiceCentreTrouble | undefined;
  /**
   * What every command is answered with while a submit is under way, as it goes over the wire;
   * undefined: as ever.
   */
  answerToOthers: string | undefined;
  /** Whose result is still to be said. */
  submitsToAnswer = 0;
  /** Said when the next command comes. */
  readonly heldReplies: (() => void)[] = [];
  /** Ends what any octet ends (V.250 5.6.1). */
  abort: (() => void) | undefined;
  /** Said when data entry is over. */
  readonly heldLines: string[] = [];
  /** What `+CNMI` with mode 0 keeps back. */
  readonly heldIndications: string[] = [];
  /** Messages routed so far that want a `+CNMA`, and how many had it. */
  routed = 0;
  acknowledged = 0;
  /** Until when `+CMMS` holds the radio link, of {@link ModemPort.nowMs}. */
  linkHeldUntilMs = 0;
}

/** What a modem is made of, and what stands around it. */
export interface StateParts {
  options: ModemOptions;
  random: Random;
  record: NetworkRecord;
  network: Network;
}

/** All that a virtual modem is, has and remembers. */
export class ModemState {
  readonly options: ModemOptions;
  readonly vendor: Vendor;
  readonly random: Random;
  readonly record: NetworkRecord;
  readonly network: Network;
  readonly sim: SimCard;
  readonly stores: ReadonlyMap<string, MessageStore>;
  /** What a domain says while the modem is registered. */
  readonly domains: Partial<Record<Domain, DomainStat>>;
  /** Of the next `AT+CPIN=`, one each. */
  readonly pinFaults: PinFault[] = [];
  /** The `AT+CPIN=` seen so far. */
  pinAttempts = 0;
  settings: Settings;
  volatile = new Volatile();

  constructor({ options, random, record, network }: StateParts) {
    this.options = options;
    this.vendor = vendors[options.vendor];
    this.random = random;
    this.record = record;
    this.network = network;
    this.sim = new SimCard(options);
    this.domains = { ...options.domains };
    const [first = 'SM', ...others] = options.storages ?? this.vendor.storages;
    const create = () => new MessageStore(options.storageSlots, this.vendor.firstSlot);
    const main = create();
    this.stores = new Map([
      [first, main],
      ...others.map((name) => [name, name === 'MT' ? main : create()] as const),
    ]);
    this.settings = freshSettings(options, this.vendor);
  }
}

/** A modem as its commands and troubles know it: its state, and what they can make it do. */
export interface ModemPort extends ModemState {
  /** Of the simulator's own clock, from anywhere. */
  readonly nowMs: number;
  /** A trouble keeps it from saying what it has stored. */
  readonly hidesIndications: boolean;
  /** Runs after `delayMs` unless the power goes before. */
  after(delayMs: number, run: () => void): void;
  /** An unsolicited result code of one line or two. It waits while data is entered. */
  say(line: string): void;
  /** Bytes as they are. */
  sayRaw(output: string): void;
  /** One of the vendor's unsolicited lines. */
  sayNoise(): void;
  /** Data entry is over: says what waited for that. */
  sayHeld(): void;
  /**
   * Runs once nothing was said on the line for `ms` and no submit is to be answered, unless the
   * power goes before.
   */
  whenQuiet(ms: number, run: () => void): void;
  /** The plan of the next submit, whose faults are in the record. */
  nextSubmit(): SubmitPlan;
  reboot(): void;
  /** A restart that nobody is told of, of a modem in which `ATE0` and text mode are saved. */
  restartSilently(): void;
  /** Plays a {@link Break}. */
  break(how: Break): void;
}
