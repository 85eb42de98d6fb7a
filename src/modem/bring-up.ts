import type { Flights } from './flights.js';
import type { LifeEvent } from './life.js';
import type { Modem, SimState } from './modem.js';
import type { Notices } from './notices.js';
import type { ReadPin } from './pin-file.js';
import type { PinMemory } from './pin-memory.js';
import { registrationReasons, simReasons, smscMissing } from './reasons.js';
import type { Registration } from './registration.js';
import type { Storage } from './storage.js';
import { unlock } from './unlock.js';

/** What one look at the modem came to: an event in its life, or nothing new, to be looked at again. */
export type Step = { event: LifeEvent; reason?: string } | { againAfterMs: number; reason?: string };

export interface BringUpOptions {
  /** Undefined when none is configured. */
  readPin: ReadPin | undefined;
  pinMemory: PinMemory;
  /** Milliseconds between liveness probes of an idle modem. */
  idleProbeMs: number;
  /** What is wrong although it works. */
  notices: Notices;
  /** Something lies in a storage, to be fetched when the modem is ready. */
  onStored(): void;
}

/** It echoes again, or its SIM is locked again: everything has to be set anew. */
const restarted: Step = { event: 'refresh', reason: 'the modem has restarted by itself' };

/** `AT` tries, a second each, before an open tty counts as silent. */
const wakeAttempts = 5;
/** Milliseconds between looks at a SIM that is busy, and at the registration. */
const pollMs = 1_000;
/** Looks at the registration for one at the SIM. */
const simEveryLooks = 5;
/** Milliseconds between looks at a SIM that needs a person. */
const personMs = 5_000;

/**
 * The way of one opened modem to `ready`, step by step; each step asks it things and says what follows. A step rejects when the modem is
 * silent or lost.
 */
export class BringUp {
  readonly #modem: Modem;
  readonly #storage: Storage;
  readonly #flights: Flights;
  readonly #options: BringUpOptions;
  #sim: SimState = 'busy';
  #simIsStale = true;
  /** In a row, without a registration. */
  #looks = 0;
  /** As the modem last said; undefined while it was not asked. */
  registration: Registration | undefined;
  /** Received signal strength (27.007 8.5); undefined when unknown. */
  signalDbm: number | undefined;
  /** The operator's name; untrusted. */
  operator: string | undefined;
  /** The SIM's serial number (ITU-T E.118); undefined when it cannot be read. Personal: never shown whole. */
  iccid: string | undefined;

  constructor(modem: Modem, storage: Storage, flights: Flights, options: BringUpOptions) {
    this.#modem = modem;
    this.#storage = storage;
    this.#flights = flights;
    this.#options = options;
  }

  /** From an unknown state to a modem that speaks and a SIM whose state is known. */
  async probe(): Promise<Step> {
    await this.#modem.wake(wakeAttempts);
    this.#flights.noteWake(this.#modem.echoedAtWake, this.#modem.obeysEchoOff);
    await this.#modem.switchOn();
    this.#sim = await this.#modem.simState();
    this.#simIsStale = false;
    if (this.#sim === 'ready') return { event: 'awake', reason: 'waiting for the network' };
    return { event: 'locked', reason: simReasons[this.#sim] };
  }

  /** Gives the SIM what it asks for if that is safe, else waits for a person, a SIM that wakes up, or a new one. */
  async unlock(): Promise<Step> {
    if (this.#simIsStale) this.#sim = await this.#modem.simState();
    this.#simIsStale = true;
    if (this.#sim === 'ready') return { event: 'unlocked' };
    const { readPin, pinMemory } = this.#options;
    const obstacle =
      this.#sim === 'pin' ? await unlock(this.#modem, readPin, pinMemory) : simReasons[this.#sim];
    // Some modems go on asking for it a moment longer.
    if (obstacle === undefined) return { againAfterMs: pollMs, reason: 'the PIN was accepted' };
    return { againAfterMs: this.#sim === 'busy' ? pollMs : personMs, reason: obstacle };
  }

  /** Ready for SMS, and registered where it may send. */
  async register(): Promise<Step> {
    if (!(await this.#modem.prepareSms())) return this.#lookAgain('the modem is not ready for SMS yet');
    const registration = await this.#modem.registration();
    this.registration = registration;
    if (!this.#modem.maySend(registration)) return this.#lookAgain(registrationReasons[registration]);
    this.#looks = 0;
    this.signalDbm = await this.#modem.signalDbm();
    this.operator = await this.#modem.operator();
    this.iccid = await this.#modem.iccid();
    await this.#note();
    if (await this.#storage.holdsAny()) this.#options.onStored();
    return { event: 'registered' };
  }

  /** What keeps messages from going out, or was not obeyed, and does not show in the phase. */
  async #note(): Promise<void> {
    const { notices } = this.#options;
    await this.#modem.serviceCentre.read();
    notices.note('smsc', this.#modem.serviceCentre.isMissing ? smscMissing : undefined);
    notices.note('init', this.#modem.refusedInit);
  }

  /** Not ready yet, for `reason`; unless it has restarted without a word, for its SIM may then ask for the PIN again. */
  async #lookAgain(reason: string): Promise<Step> {
    if (this.#modem.hasRestarted) return restarted;
    this.#looks += 1;
    if (this.#looks % simEveryLooks === 0) {
      const sim = await this.#modem.simState();
      if (sim !== 'ready' && sim !== 'busy') return restarted;
    }
    return { againAfterMs: pollMs, reason };
  }

  /** The only traffic of an idle modem: is it there, is it registered, how well does it hear. */
  async probeIdle(): Promise<Step> {
    const registration = await this.#modem.registration();
    this.registration = registration;
    if (this.#modem.hasRestarted) return restarted;
    if (!this.#modem.maySend(registration)) {
      return { event: 'unregistered', reason: registrationReasons[registration] };
    }
    this.signalDbm = await this.#modem.signalDbm();
    return { againAfterMs: this.#options.idleProbeMs };
  }
}
