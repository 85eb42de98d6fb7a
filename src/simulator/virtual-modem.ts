import { commandTable } from './commands/command-table.js';
import { takeDelivery } from './commands/message-indications.js';
import {
  isRegistered,
  refreshRegistration,
  startRegistration,
} from './commands/network-registration.js';
import { executeLine } from './executor.js';
import { type FaultPlanner, stuckPrompt } from './fault-planner.js';
import { Interpreter } from './interpreter.js';
import type { PhoneAct } from './sim-card.js';
import { freshSettings, type ModemPort, ModemState, type StateParts, Volatile } from './state.js';
import type { Break, SubmitPlan } from './submit-plan.js';
import { type Clock, Timers } from './timers.js';
import { type Trouble, Troubles } from './troubles.js';
import type { Distortion } from './uart.js';

/** What a modem says into, and pulls down with it. */
export interface ModemTty {
  /** Bytes as a latin1 string. */
  send(output: string, distortion?: Distortion): void;
  /**
   * The tty goes away for `downMs`; with `power` lost it comes back by
   * {@link VirtualModem.powerOn}.
   */
  hangUp(power: 'kept' | 'lost', downMs: number): void;
}

export interface ModemParts extends StateParts {
  clock: Clock;
  faults: FaultPlanner;
  /** Begin at each power-on. */
  troubles: readonly Trouble[];
  tty: ModemTty;
}

/** Lost while a UART wakes up. */
const octetsToWake = 3;
/** How long a USB modem's tty is away while it restarts, unless the whole restart is shorter. */
const enumerationMs = 500;
/** What a terminal takes at once. */
const pieceOctets = 16 * 1024;

/**
 * The virtual modem: bytes in, bytes out, its state, and its power. Knows no tty, so a test needs
 * none.
 */
export class VirtualModem extends ModemState implements ModemPort {
  readonly troubles: Troubles;
  readonly #parts: ModemParts;
  readonly #timers: Timers;
  readonly #interpreter: Interpreter;
  #heardAtMs = 0;
  #saidAtMs = 0;

  constructor(parts: ModemParts) {
    super(parts);
    this.#parts = parts;
    this.troubles = new Troubles(this);
    this.#timers = new Timers(parts.clock);
    const commands = commandTable(this.vendor);
    this.#interpreter = new Interpreter({
      run: (body, turn) => {
        this.record.write({ kind: 'command', line: `AT${body}` });
        this.after(this.options.commandLatencyMs, () => {
          for (const reply of this.volatile.heldReplies.splice(0)) reply();
          const troubled = this.volatile.answerToOthers ?? this.troubles.answer(body);
          if (troubled === undefined) executeLine(this, commands, body, turn);
          else turn.finish(troubled);
        });
      },
      send: (output, distortion) => {
        this.#saidAtMs = this.nowMs;
        parts.tty.send(output, distortion);
      },
      echoes: () => this.settings.echo,
      dropsWhileBusy: () => this.options.busy === 'drop',
    });
    this.network.subscribe({
      takeDelivery: (message) => isRegistered(this) && takeDelivery(this, message),
      registrationChanged: () => refreshRegistration(this),
    });
  }

  get droppedOctets(): number {
    return this.#interpreter.droppedOctets;
  }

  get nowMs(): number {
    return Number(this.#parts.clock.nowNs()) / 1e6;
  }

  get hidesIndications(): boolean {
    return this.troubles.isActive('no-indications');
  }

  /** Bytes from the tty, as a latin1 string. A modem that is off or booting is deaf. */
  receive(bytes: string): void {
    const { uartSleepMs } = this.options;
    const isAsleep = uartSleepMs > 0 && this.nowMs - this.#heardAtMs >= uartSleepMs;
    this.#heardAtMs = this.nowMs;
    const { isOn, abort } = this.volatile;
    if (isOn && abort !== undefined) abort();
    else if (isOn) this.#interpreter.receive(isAsleep ? bytes.slice(octetsToWake) : bytes);
  }

  after(delayMs: number, run: () => void): void {
    this.#timers.after(delayMs, run);
  }

  whenQuiet(ms: number, run: () => void): void {
    const isSubmitting = this.volatile.submitsToAnswer > 0;
    const quietForMs = isSubmitting ? 0 : this.nowMs - Math.max(this.#heardAtMs, this.#saidAtMs);
    if (quietForMs >= ms) run();
    else this.after(ms - quietForMs, () => this.whenQuiet(ms, run));
  }

  say(line: string): void {
    if (!this.volatile.isOn) return;
    if (this.#interpreter.isCollecting) this.volatile.heldLines.push(line);
    else this.#interpreter.say(`\r\n${line}\r\n`);
  }

  sayRaw(output: string): void {
    for (let at = 0; at < output.length; at += pieceOctets)
      this.#interpreter.say(output.slice(at, at + pieceOctets));
  }

  sayHeld(): void {
    for (const line of this.volatile.heldLines.splice(0)) this.say(line);
  }

  sayNoise(): void {
    const line = this.vendor.noise[this.random.below(this.vendor.noise.length)];
    if (line !== undefined) this.say(line);
  }

  nextSubmit(): SubmitPlan {
    const plan = this.#parts.faults.nextSubmit();
    for (const fault of plan.faults)
      this.record.write({ kind: 'fault', fault, submit: plan.submit });
    return plan;
  }

  /**
   * Comes up: at once and quietly when it was powered long before anyone looked, else deaf for
   * `bootMs`, then with boot lines.
   */
  powerOn(how: 'long-ago' | 'now'): void {
    if (how === 'now') this.record.write({ kind: 'boot' });
    this.after(how === 'now' ? this.options.bootMs : 0, () => {
      this.volatile.isOn = true;
      this.record.write({ kind: 'booted', sim: this.sim.state });
      if (how === 'now')
        for (const line of this.vendor.bootLines) this.say(line.replace('{pin}', this.sim.state));
      for (const trouble of this.#parts.troubles) this.troubles.begin(trouble);
      if (this.#parts.faults.nextPowerOnIsStuck()) this.#openForeignPrompt();
      this.#scheduleNoise();
      startRegistration(this);
    });
  }

  /** Everything a restart forgets is forgotten; what was under way is lost. */
  powerOff(): void {
    this.#timers.cancelAll();
    this.#interpreter.reset();
    this.settings = freshSettings(this.options, this.vendor);
    this.volatile = new Volatile();
    this.sim.reset();
  }

  reboot(): void {
    this.powerOff();
    if (this.options.resetTty === 'hangup')
      this.#parts.tty.hangUp('lost', Math.min(this.options.bootMs, enumerationMs));
    else this.powerOn('now');
  }

  restartSilently(): void {
    this.powerOff();
    // The quiet begins anew, lest a standing trouble restarts it again at once, without an end.
    this.#saidAtMs = this.nowMs;
    this.record.write({ kind: 'boot' });
    this.powerOn('long-ago');
    this.settings.echo = false;
    this.settings.cmgf = 1;
  }

  break({ how, delayMs, downMs }: Break): void {
    this.after(delayMs, () => {
      if (how === 'reboot') this.reboot();
      else this.#parts.tty.hangUp(how === 'glitch' ? 'kept' : 'lost', downMs);
    });
  }

  /**
   * Another profile of an eSIM comes into force (SGP.22 3.2.1), with or without a word of the
   * modem: `said` is an unsolicited line.
   */
  enableProfile(iccid: string, said: string | undefined): void {
    this.sim.iccid = iccid;
    this.record.write({ kind: 'profile', iccid });
    if (said !== undefined) this.say(said);
  }

  /**
   * A person takes the SIM to a phone and back: false when the SIM does not want that now. Its own
   * power is another matter.
   */
  takeSimToPhone(act: PhoneAct): boolean {
    if (!this.sim.handleInPhone(act)) return false;
    this.record.write({ kind: 'phone', did: act, tries_left: this.sim.pinTries });
    startRegistration(this);
    return true;
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
