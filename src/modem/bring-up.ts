import { registrationStats } from './diagnostics.js';
import type { InFlightSubmits } from './in-flight-submits.js';
import type { LifeChange } from './life.js';
import type { Modem } from './modem.js';
import type { ModemLog } from './modem-log.js';
import {
  noNetworkReason,
  type Registration,
  registrationReasons,
  untoldReason,
} from './registration.js';
import { smscMissing } from './service-centre.js';
import { type SimState, simReasons } from './sim.js';
import { likelySetting, pathInWords, smsPath } from './sms-path.js';
import type { Storage } from './storage.js';
import type { SimObstacle, Unlocker } from './unlock.js';

/**
 * What one look at the modem came to: an event in its life, or nothing new, to be looked at again.
 * What `isStuck` says is that the radio's, the modem's or the port's restart may bring what is
 * missing.
 */
export type StepResult = LifeChange | { againAfterMs: number; reason?: string; isStuck?: boolean };

export interface BringUpOptions {
  unlocker: Unlocker;
  /** Milliseconds between liveness probes of an idle modem. */
  idleProbeMs(): number;
  /** Is told what is wrong although it works. */
  notices: Pick<ModemLog, 'notice'>;
  /** The last cause, as a phrase, when every send fails; else undefined. */
  whySendsFail(): string | undefined;
  /** Something lies in a storage, to be fetched when the modem is ready. */
  onStored(): void;
}

/** It echoes again, or its SIM is locked again: everything has to be set anew. */
const restarted: StepResult = { event: 'refresh', reason: 'the modem has restarted by itself' };

/** Its caps, its PIN and its SMSC are others. */
const otherSim: StepResult = {
  event: 'refresh',
  reason: 'the SIM is another one (its ICCID has changed)',
};

/** Milliseconds between looks at the ICCID of a modem that says nothing about its SIM. */
const iccidEveryMs = 300_000;
/** `AT` tries, a second each, before an open tty counts as silent. */
const wakeAttempts = 5;
/**
 * Milliseconds that it may answer `AT` with errors, as while it is busy with a message whose result
 * it still owes: a tty that is closed meanwhile loses that result.
 */
const busyMs = 60_000;
/**
 * Milliseconds between looks at a SIM that is busy, and at the registration; of the latter more
 * when it has not come for long.
 */
const pollMs = 1_000;
const slowPollMs = 5_000;
const slowAfterMs = 120_000;
/** Looks at the registration for one at the radio and one at the SIM. */
const looksPerRound = 5;
/** Milliseconds between looks at a SIM that needs a person. */
const personMs = 5_000;
/** Milliseconds without any signal before there is said to be no network at all. */
const noSignalMs = 60_000;

/**
 * Milliseconds that the result of a killed process's message is waited for, and between two looks
 * whether it came.
 */
const leftWaitMs = 5_000;
const leftPollMs = 200;
const leftReason = 'waiting for the result of a message that was in flight when simgate was killed';

/** What a restart may mend, of a SIM that is not ready. */
const curableSims: readonly SimState[] = ['absent', 'busy'];

/**
 * The way of one opened modem to `ready`, step by step; each step asks it things and says what
 * follows. A step rejects when the modem is silent or lost; what it says only about itself, and
 * what no send needs, may stay away.
 */
export class BringUp {
  readonly #modem: Modem;
  readonly #storage: Storage;
  readonly #inFlight: InFlightSubmits;
  readonly #options: BringUpOptions;
  #sim: SimState = 'busy';
  #simIsStale = true;
  /** In a row, without a registration, and `performance.now()` milliseconds of the first. */
  #looks = 0;
  #lookingSince = 0;
  /** What keeps the radio off, as far as is known. */
  #radioObstacle: string | undefined;
  #wasHeardAt = 0;
  #iccidReadAt = Number.NEGATIVE_INFINITY;
  /** Since when a message of a killed process is waited for. */
  #leftSince: number | undefined;
  /** As the modem last said; undefined while it was not asked. */
  registration: Registration | undefined;
  /** Received signal strength (27.007 8.5); undefined when unknown. */
  signalDbm: number | undefined;
  /** The operator's name; untrusted. */
  operator: string | undefined;
  /** As `LTE`. */
  technology: string | undefined;
  /**
   * The SIM's serial number (ITU-T E.118); undefined when it cannot be read. Personal: never shown
   * whole.
   */
  iccid: string | undefined;

  constructor(modem: Modem, storage: Storage, inFlight: InFlightSubmits, options: BringUpOptions) {
    this.#modem = modem;
    this.#storage = storage;
    this.#inFlight = inFlight;
    this.#options = options;
  }

  /** What the SIM said last (27.007 8.3). */
  get sim(): SimState {
    return this.#sim;
  }

  /** From an unknown state to a modem that speaks and a SIM whose state is known. */
  async probe(): Promise<StepResult> {
    const hadEchoOff = this.#inFlight.echoIsOff;
    await this.#modem.wake(wakeAttempts, busyMs);
    if (hadEchoOff && this.#modem.echoedAtWake) this.#options.unlocker.noteRestart();
    this.#inFlight.noteWake(this.#modem.echoedAtWake, this.#modem.obeysEchoOff);
    this.#radioObstacle = await this.#modem.radio.switchOn();
    await this.#askSim();
    this.#simIsStale = false;
    this.#looks = 0;
    if (this.#mayHaveSim()) return { event: 'awake', reason: 'waiting for the network' };
    return { event: 'locked', reason: simReasons[this.#sim] };
  }

  /**
   * Gives the SIM what it asks for if that is safe, else waits for a person, a SIM that wakes up,
   * or a new one.
   */
  async unlock(): Promise<StepResult> {
    if (this.#simIsStale) await this.#askSim();
    this.#simIsStale = true;
    if (this.#mayHaveSim()) return { event: 'unlocked' };
    const obstacle =
      this.#sim === 'pin' ? await this.#options.unlocker.unlock(this.#modem) : this.#obstacle();
    if (obstacle === undefined) return { event: 'unlocked' };
    const { reason, isCurable: isStuck, againAfterMs = personMs } = obstacle;
    return { againAfterMs, reason: this.#withSilences(reason), isStuck };
  }

  /** Ready for SMS, and registered where it may send. */
  async register(): Promise<StepResult> {
    if (this.#isLeftResultDue()) return { againAfterMs: leftPollMs, reason: leftReason };
    if (this.#looks === 0) this.#lookingSince = this.#wasHeardAt = performance.now();
    if (this.#looks % looksPerRound === 1) this.#radioObstacle = await this.#modem.radio.switchOn();
    if (!(await this.#modem.prepareSms()))
      return this.#lookAgain('the modem is not ready for SMS yet: it does not take AT+CMGF=0');
    const registration = await this.#modem.radio.registration();
    this.registration = registration;
    if (!this.#modem.maySend(registration))
      return this.#lookAgain(this.#notRegistered(registration));
    this.#looks = 0;
    await this.#options.unlocker.noteReady(this.#modem);
    this.signalDbm = await this.#modem.radio.signalDbm();
    ({ operator: this.operator, technology: this.technology } = await this.#modem.radio.network());
    await this.#readIccid();
    await this.#note();
    if (await this.#modem.tolerateSilence(() => this.#storage.holdsAny())) this.#options.onStored();
    return { event: 'registered' };
  }

  /**
   * Whether the message that a killed process had in flight is worth waiting for: its late answer
   * must not meet the next one's.
   */
  #isLeftResultDue(): boolean {
    const now = performance.now();
    if (!this.#inFlight.expectsLeftResult(now)) return false;
    this.#leftSince ??= now;
    if (now - this.#leftSince < leftWaitMs) return true;
    this.#inFlight.stopWaitingForLeft();
    return false;
  }

  /** What keeps messages from going out, or was not obeyed, and does not show in the phase. */
  async #note(): Promise<void> {
    const { notices } = this.#options;
    await this.#modem.serviceCentre.read();
    notices.notice('smsc', this.#modem.serviceCentre.isMissing ? smscMissing : undefined);
    notices.notice('init', this.#modem.init.refusal);
  }

  /** It is registered, and yet no message gets out: which setting is the likely one. */
  async #noteFailing(): Promise<void> {
    const cause = this.#options.whySendsFail();
    if (cause === undefined) return;
    const [stats, path] = [await registrationStats(this.#modem), await smsPath(this.#modem)];
    // A message may have gone out meanwhile.
    if (this.#options.whySendsFail() === undefined) return;
    const known = pathInWords(path);
    const sentence =
      `registered, but every send fails (${cause}): try ${likelySetting(stats, path, this.#modem.profile)}` +
      (known === undefined ? '' : `. It is ${known}`);
    this.#options.notices.notice('sends', sentence);
  }

  /**
   * Not ready yet, for `reason`; unless it has restarted without a word, for its SIM may then ask
   * for the PIN again.
   */
  async #lookAgain(reason: string): Promise<StepResult> {
    if (this.#modem.hasRestarted) return this.#restart();
    this.#looks += 1;
    if (this.#looks % looksPerRound === 0) {
      await this.#askSim();
      if (!this.#mayHaveSim() && this.#sim !== 'busy') return this.#restart();
      this.signalDbm = await this.#modem.radio.signalDbm();
      if (this.signalDbm !== undefined) this.#wasHeardAt = performance.now();
    }
    const isLong = performance.now() - this.#lookingSince > slowAfterMs;
    // A network that the operator does not want is no fault.
    const isStuck = this.registration !== 'roaming';
    return {
      againAfterMs: isLong ? slowPollMs : pollMs,
      reason: this.#withSilences(reason),
      isStuck,
    };
  }

  /**
   * The only traffic of an idle modem: is it there, is it registered, is its SIM (where that is in
   * doubt), is that still the same, how well does it hear. `mayGoOn` is asked before what can wait:
   * a message that came meanwhile goes first. Whose SIM it is cannot: with back-to-back messages it
   * would never be asked, and caps and journal be those of another.
   */
  async probeIdle(withSim: boolean, mayGoOn: () => boolean): Promise<StepResult> {
    await this.#modem.wakeUart();
    const registration = await this.#modem.radio.registration();
    this.registration = registration;
    if (this.#modem.hasRestarted || (await this.#modem.hasLeftPduMode())) return this.#restart();
    if (!this.#modem.maySend(registration))
      return {
        event: 'unregistered',
        reason: this.#withSilences(this.#notRegistered(registration)),
      };
    if (withSim) {
      await this.#askSim();
      if (!this.#mayHaveSim()) return { event: 'refresh', reason: simReasons[this.#sim] };
    }
    const knowsSim = this.iccid !== undefined;
    if ((knowsSim || mayGoOn()) && (await this.#hasOtherSim(withSim)))
      return this.#restart(otherSim);
    if (mayGoOn()) await this.#modem.indications.route(this.#modem.profile, mayGoOn);
    if (mayGoOn()) this.signalDbm = await this.#modem.radio.signalDbm();
    if (mayGoOn()) await this.#noteFailing();
    return { againAfterMs: this.nextProbeMs() };
  }

  /**
   * Milliseconds until an idle modem has to be probed: sooner when it has yet to take its
   * settings.
   */
  nextProbeMs(): number {
    return Math.min(
      this.#options.idleProbeMs(),
      this.#modem.indications.dueInMs ?? Number.POSITIVE_INFINITY,
    );
  }

  /**
   * A modem that does not tell is taken for having one, as is one that calls it failed: the
   * registration shows it.
   */
  #mayHaveSim(): boolean {
    return ['ready', 'unknown', 'failed'].includes(this.#sim);
  }

  async #askSim(): Promise<void> {
    this.#sim = await this.#modem.sim.state();
    if (this.#sim === 'ready') await this.#options.unlocker.noteReady(this.#modem);
  }

  /**
   * Another SIM, or another profile of an eSIM, which some modems take up without a word. Asked for
   * now and then, and where it is suspected.
   */
  async #hasOtherSim(isSuspected: boolean): Promise<boolean> {
    const before = this.iccid;
    if (!isSuspected && performance.now() - this.#iccidReadAt < iccidEveryMs) return false;
    await this.#readIccid();
    return before !== undefined && this.iccid !== before;
  }

  /** One that cannot be read now is the one that was read before. */
  async #readIccid(): Promise<void> {
    this.iccid = (await this.#modem.sim.iccid()) ?? this.iccid;
    this.#iccidReadAt = performance.now();
  }

  #restart(why = restarted): StepResult {
    this.#options.unlocker.noteRestart();
    return why;
  }

  #obstacle(): SimObstacle {
    return {
      reason: simReasons[this.#sim],
      isCurable: curableSims.includes(this.#sim),
      againAfterMs: this.#sim === 'busy' ? pollMs : personMs,
    };
  }

  #notRegistered(registration: Registration): string {
    if (this.#radioObstacle !== undefined) return this.#radioObstacle;
    if (this.#sim === 'failed') return simReasons.failed;
    if (!this.#modem.radio.tellsRegistration) return untoldReason;
    const isDeaf = this.#looks > 0 && performance.now() - this.#wasHeardAt > noSignalMs;
    const isUnseen = registration === 'none' || registration === 'searching';
    return isDeaf && isUnseen ? noNetworkReason : registrationReasons[registration];
  }

  /** `reason`, and what the modem does not answer although it answers `AT`: that may be why. */
  #withSilences(reason: string): string {
    const { silentTo } = this.#modem;
    return silentTo.length === 0 ? reason : `${reason}; it does not answer ${silentTo.join(', ')}`;
  }
}
