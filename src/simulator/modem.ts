import { type AirText, airTexts } from './air.js';
import { CommandRefused } from './answer.js';
import { type Clock, Timers } from './clock.js';
import { commandTable } from './commands/table.js';
import { type CommandTable, executeLine } from './executor.js';
import { type FaultPlanner, stuckPrompt } from './faults.js';
import { Indications } from './indications.js';
import { Interpreter } from './interpreter.js';
import { type HeldMessage, MessageStore } from './message-store.js';
import type { Network } from './network.js';
import { type Domain, type DomainStat, domains, type SimulatorOptions } from './options.js';
import { PinFaultQueue } from './pin-faults.js';
import { RadioLink } from './radio-link.js';
import type { Random } from './random.js';
import type { NetworkRecord } from './record.js';
import { freshSettings, type Settings } from './settings.js';
import { type PhoneAct, SimCard } from './sim-card.js';
import type { Break, Distortion, ServiceCentreTrouble } from './submit-plan.js';
import { Troubles } from './troubles.js';
import { type Vendor, vendors } from './vendors.js';

/** What a modem says into, and pulls down with it. */
export interface ModemTty {
  /** Bytes as a latin1 string. */
  send(output: string, distortion?: Distortion): void;
  /** The tty goes away for `downMs`; with `power` lost it comes back by {@link Modem.powerOn}. */
  hangUp(power: 'kept' | 'lost', downMs: number): void;
}

export interface ModemParts {
  options: SimulatorOptions;
  clock: Clock;
  random: Random;
  record: NetworkRecord;
  network: Network;
  faults: FaultPlanner;
  tty: ModemTty;
}

/** `+CREG` stat of what the network grants (3GPP TS 27.007 7.2). */
const registrationStat = { none: 0, home: 1, searching: 2, denied: 3, roaming: 5 } as const;
type RegistrationStat = (typeof registrationStat)[keyof typeof registrationStat];

/** Lost while a UART wakes up. */
const octetsToWake = 3;

/** How long a USB modem's tty is away while it restarts, unless the whole restart is shorter. */
const enumerationMs = 500;

/**
 * The virtual modem: bytes in, bytes out, its state, and its power. Knows no tty, so a test needs
 * none.
 */
export class Modem {
  readonly options: SimulatorOptions;
  readonly vendor: Vendor;
  readonly random: Random;
  readonly record: NetworkRecord;
  readonly network: Network;
  readonly faults: FaultPlanner;
  readonly pinFaults = new PinFaultQueue();
  readonly sim: SimCard;
  readonly stores: ReadonlyMap<string, MessageStore>;
  readonly radioLink: RadioLink;
  readonly indications: Indications;
  readonly troubles: Troubles;
  settings: Settings;
  /**
   * How the modem has come to refuse the SIM's own service centre, if it does; a restart forgets
   * it.
   */
  serviceCentreTrouble: ServiceCentreTrouble | undefined;
  /**
   * What every command is answered with while a submit is under way, as it goes over the wire;
   * undefined: as ever.
   */
  answerToOthers: string | undefined;
  /** Said when the next command comes. */
  #heldReplies: (() => void)[] = [];
  #heardAtMs = 0;
  #saidAtMs = 0;
  /** Whose result is still to be said. */
  submitsToAnswer = 0;
  readonly #clock: Clock;
  readonly #tty: ModemTty;
  readonly #interpreter: Interpreter;
  readonly #commands: CommandTable;
  readonly #timers: Timers;
  #power: 'off' | 'booting' | 'on' = 'off';
  #stat: RegistrationStat = registrationStat.none;
  /** The network denies it, until its radio is switched off and on. */
  #isStuck = false;
  #heldIndications: string[] = [];
  readonly #domains: Partial<Record<Domain, DomainStat>>;

  constructor(parts: ModemParts) {
    this.options = parts.options;
    this.#domains = { ...parts.options.domains };
    this.vendor = vendors[parts.options.vendor];
    this.random = parts.random;
    this.record = parts.record;
    this.network = parts.network;
    this.faults = parts.faults;
    this.#clock = parts.clock;
    this.#timers = new Timers(parts.clock);
    this.#tty = parts.tty;
    this.sim = new SimCard(parts.options);
    this.stores = new Map(
      this.vendor.storages.map((name) => [
        name,
        new MessageStore(name, parts.options.storageSlots, this.vendor.firstSlot),
      ]),
    );
    this.settings = freshSettings(this.options, this.vendor);
    this.radioLink = new RadioLink(parts.clock);
    this.indications = new Indications(this);
    this.troubles = new Troubles(this);
    this.#commands = commandTable(this.vendor);
    this.#interpreter = new Interpreter({
      run: (body, turn) => {
        this.record.write({ kind: 'command', line: `AT${body}` });
        this.after(this.options.commandLatencyMs, () => {
          for (const reply of this.#heldReplies.splice(0)) reply();
          const troubled = this.answerToOthers ?? this.troubles.answer(body);
          if (troubled === undefined) executeLine(this, this.#commands, body, turn);
          else turn.finish(troubled);
        });
      },
      send: (output, distortion) => {
        this.#saidAtMs = this.nowMs;
        this.#tty.send(output, distortion);
      },
      echoes: () => this.settings.echo,
      dropsWhileBusy: () => this.options.busy === 'drop',
    });
    this.network.subscribe({
      takeDelivery: (message: HeldMessage) =>
        this.isRegistered && this.indications.takeDelivery(message),
      registrationChanged: () => this.#refreshRegistration(),
    });
  }

  /** `+CREG` stat. */
  get stat(): RegistrationStat {
    return this.#stat;
  }

  /** What a domain's read command says; undefined when the modem does not know the command. */
  statIn(domain: Domain): number | undefined {
    const own = this.#domains[domain] ?? 'network';
    if (own === 'unknown') return undefined;
    return own === 'network' || !this.isRegistered ? this.#stat : own;
  }

  /**
   * Another profile of an eSIM comes into force, with or without a word of the modem: `said` is an
   * unsolicited line.
   */
  enableProfile(iccid: string, said: string | undefined): void {
    this.sim.enableProfile(iccid);
    this.record.write({ kind: 'profile', iccid });
    if (said !== undefined) this.say(said);
  }

  /** From now on a domain says so. */
  setDomain(domain: Domain, stat: DomainStat): void {
    this.#domains[domain] = stat;
  }

  get isRegistered(): boolean {
    return this.#stat === registrationStat.home || this.#stat === registrationStat.roaming;
  }

  get droppedOctets(): number {
    return this.#interpreter.droppedOctets;
  }

  /** Bytes from the tty, as a latin1 string. A modem that is off or booting is deaf. */
  receive(bytes: string): void {
    const { uartSleepMs } = this.options;
    const isAsleep = uartSleepMs > 0 && this.#quietForMs() >= uartSleepMs;
    this.#heardAtMs = this.nowMs;
    if (this.#power === 'on')
      this.#interpreter.receive(isAsleep ? bytes.slice(octetsToWake) : bytes);
  }

  /** Keeps a reply back until the next command. */
  hold(reply: () => void): void {
    this.submitsToAnswer += 1;
    this.#heldReplies.push(() => {
      this.submitsToAnswer -= 1;
      reply();
    });
  }

  /**
   * Runs once nothing was said on the line for `ms` and no submit is to be answered, unless the
   * power goes before.
   */
  whenQuiet(ms: number, run: () => void): void {
    const quietForMs =
      this.submitsToAnswer > 0 ? 0 : this.nowMs - Math.max(this.#heardAtMs, this.#saidAtMs);
    if (quietForMs >= ms) run();
    else this.after(ms - quietForMs, () => this.whenQuiet(ms, run));
  }

  /** A restart that nobody is told of, of a modem in which `ATE0` and text mode are saved. */
  restartSilently(): void {
    this.powerOff();
    this.record.write({ kind: 'boot' });
    this.powerOn('long-ago');
    this.settings.echo = false;
    this.settings.cmgf = 1;
  }

  /** Of the simulator's own clock, from anywhere. */
  get nowMs(): number {
    return Number(this.#clock.nowNs()) / 1e6;
  }

  #quietForMs(): number {
    return this.nowMs - this.#heardAtMs;
  }

  /** Runs after `delayMs` unless the power goes before. */
  after(delayMs: number, run: () => void): void {
    this.#timers.after(delayMs, run);
  }

  /**
   * Comes up: at once and quietly when it was powered long before anyone looked, else deaf for
   * `bootMs`, then with boot lines.
   */
  powerOn(how: 'long-ago' | 'now'): void {
    this.#power = 'booting';
    if (how === 'now') this.record.write({ kind: 'boot' });
    this.after(how === 'now' ? this.options.bootMs : 0, () => {
      this.#power = 'on';
      this.record.write({ kind: 'booted', sim: this.sim.state });
      if (how === 'now') this.#sayBootLines();
      for (const trouble of this.options.troubles) this.troubles.begin(trouble);
      if (this.faults.nextPowerOnIsStuck()) this.#openForeignPrompt();
      this.#scheduleNoise();
      this.startRegistration();
    });
  }

  /** Everything a restart forgets is forgotten; what was under way is lost. */
  powerOff(): void {
    this.#power = 'off';
    this.#isStuck = false;
    this.#timers.cancelAll();
    this.#interpreter.reset();
    this.settings = freshSettings(this.options, this.vendor);
    this.sim.reset();
    this.radioLink.drop();
    this.indications.reset();
    this.#heldIndications = [];
    this.#heldReplies = [];
    this.answerToOthers = undefined;
    this.submitsToAnswer = 0;
    this.#stat = registrationStat.none;
    this.serviceCentreTrouble = undefined;
  }

  reboot(): void {
    this.powerOff();
    if (this.options.resetTty === 'hangup')
      this.#tty.hangUp('lost', Math.min(this.options.bootMs, enumerationMs));
    else this.powerOn('now');
  }

  /** Plays a {@link Break}. */
  break(how: Break): void {
    this.after(how.delayMs, () => {
      if (how.how === 'reboot') this.reboot();
      else this.#tty.hangUp(how.how === 'glitch' ? 'kept' : 'lost', how.downMs);
    });
  }

  /**
   * The registration hangs where it is denied, until the radio is switched off and on, or the
   * modem.
   */
  stickRegistration(): void {
    this.#isStuck = true;
    this.#refreshRegistration();
  }

  freeRegistration(): void {
    this.#isStuck = false;
    this.#refreshRegistration();
  }

  /** Looks for the network, if the SIM and `+CFUN` let it. */
  startRegistration(): void {
    if (this.settings.cfun !== 1) this.#isStuck = false;
    if (this.sim.state !== 'READY' || this.settings.cfun !== 1) {
      this.#setStat(registrationStat.none);
      return;
    }
    if (this.options.registrationDelayMs > 0) this.#setStat(registrationStat.searching);
    this.after(this.options.registrationDelayMs, () => this.#refreshRegistration());
  }

  /**
   * A person takes the SIM to a phone and back: false when the SIM does not want that now. Its own
   * power is another matter.
   */
  takeSimToPhone(act: PhoneAct): boolean {
    if (!this.sim.handleInPhone(act)) return false;
    this.record.write({ kind: 'phone', did: act, tries_left: this.sim.pinTries });
    this.startRegistration();
    return true;
  }

  /**
   * An unsolicited result code of one line or two. It waits while data is entered behind a prompt.
   */
  say(line: string): void {
    if (this.#power !== 'on') return;
    if (this.#interpreter.isCollecting) this.#heldIndications.push(line);
    else this.#interpreter.say(`\r\n${line}\r\n`);
  }

  /** Somebody else's words. */
  sayFromAir(text: AirText): void {
    for (const line of airTexts[text]) this.say(line);
  }

  /** Bytes as they are, in pieces that a terminal takes. */
  sayRaw(output: string): void {
    const pieceOctets = 16 * 1024;
    for (let at = 0; at < output.length; at += pieceOctets)
      this.#interpreter.say(output.slice(at, at + pieceOctets));
  }

  /** Data entry is over. */
  sayHeld(): void {
    for (const line of this.#heldIndications.splice(0)) this.say(line);
  }

  sayNoise(): void {
    const line = this.vendor.noise[this.random.below(this.vendor.noise.length)];
    if (line !== undefined) this.say(line);
  }

  /** Throws {@link CommandRefused} when a command needs a SIM that is locked. */
  requireSim(need: 'SMS' | 'other' | undefined): void {
    if (need === undefined || this.sim.state === 'READY') return;
    const isBlocked = this.sim.state === 'SIM PUK';
    throw need === 'SMS'
      ? new CommandRefused('CMS', isBlocked ? 316 : 311)
      : new CommandRefused('CME', isBlocked ? 12 : 11);
  }

  #refreshRegistration(): void {
    if (this.#power !== 'on' || this.sim.state !== 'READY' || this.settings.cfun !== 1) return;
    this.#setStat(this.#isStuck ? registrationStat.denied : registrationStat[this.network.granted]);
    if (this.isRegistered) this.network.deliverHeld();
  }

  #setStat(stat: RegistrationStat): void {
    if (stat === this.#stat) return;
    this.#stat = stat;
    for (const name of domains) {
      const mode = this.settings.registrationReports[name];
      const told = this.statIn(name);
      if (told === undefined) continue;
      if (mode === 1) this.say(`+${name}: ${told}`);
      if (mode === 2) this.say(`+${name}: ${told},"00C3","0001A2B3",2`);
    }
  }

  #sayBootLines(): void {
    for (const line of this.vendor.bootLines) this.say(line.replace('{pin}', this.sim.state));
  }

  #scheduleNoise(): void {
    const rate = this.options.urcNoisePerSecond;
    if (rate <= 0) return;
    const waitMs = (-Math.log(1 - this.random.next()) / rate) * 1000;
    this.after(Math.max(1, waitMs), () => {
      this.sayNoise();
      this.#scheduleNoise();
    });
  }

  #openForeignPrompt(): void {
    this.record.write({ kind: 'fault', fault: stuckPrompt });
    const turn = this.#interpreter.seize();
    turn.collect({
      prompt: '',
      isText: false,
      onComplete: (data) => {
        this.record.write({ kind: 'foreign_ctrl_z', data });
        turn.finish('\r\n+CMS ERROR: 304\r\n');
      },
      onEscape: () => turn.finish(this.vendor.afterEscape === 'OK' ? '\r\nOK\r\n' : ''),
    });
  }
}
