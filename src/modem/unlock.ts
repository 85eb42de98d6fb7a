import { AtCommandError, AtTimeout } from '../at/errors.js';
import { OperatorError } from '../errors.js';
import { counted } from '../words/counted.js';
import { enterForPerson, fewestTries, type LockedModem, type PersonPinEnd } from './person-pin.js';
import type { ConfiguredPin, ReadPin } from './pin-file.js';
import { type PinMemory, type PinOutcome, type SimNames, simNames } from './pin-memory.js';

/** What stands between a SIM and its being ready. */
export interface SimObstacle {
  /** What a person should know and do. */
  reason: string;
  /** True when a restart of the modem may end it; else it waits for a person, or only for time. */
  isCurable: boolean;
  /** Milliseconds until it is worth a look; undefined when that is a person's business. */
  againAfterMs?: number;
}

/** A try whose outcome shows by what the SIM says next. */
interface Trial {
  sim: SimNames;
  generation: string;
  /** The modem said OK. */
  wasTaken: boolean;
  /** `performance.now()` milliseconds until which the SIM may become ready. */
  until: number;
}

/** A PIN is tried only with all of its tries left (I7). */
const fullTries = 3;
/**
 * Milliseconds in which a SIM that was given its PIN becomes ready, on a slow modem; fewer where
 * the answer was waited for already.
 */
const readyWithinMs = 30_000;
const unansweredReadyWithinMs = 10_000;
const pollMs = 1_000;
/** Milliseconds after an error that counted no try; after a busy SIM it doubles each time. */
const secondTryMs = 15_000;
const firstBusyMs = 5_000;
const longestBusyMs = 600_000;
/** 27.007 9.2: 16 "incorrect password"; 12 "SIM PUK required", after the last try. */
const refusals = [12, 16];
/** 27.007 9.2: 14 "SIM busy"; 515 is what makers say instead: the SIM has not seen the PIN. */
const busyCodes = [14, 515];

const pinEnter = '"sudo simgate pin enter" takes the right one';

/** It goes as it should: the SIM is asked again. */
export const pinOfPerson = 'somebody has entered a PIN: the SIM is asked again';

const ofPerson: SimObstacle = {
  reason: pinOfPerson,
  isCurable: false,
  againAfterMs: pollMs,
};

/** It goes as it should: the SIM is waited for. */
export const pinTaken = 'the modem took the PIN; the SIM is not ready yet';

/**
 * Gives one modem's SIM its PIN, where that can do no harm (I7). A PIN counts as accepted only when
 * the SIM is ready after our own try: a modem that says OK and stays locked leaves it unknown.
 * Outlives the sessions, so that a try is settled by what is seen after the next opening.
 */
export class Unlocker {
  #readPin: ReadPin | undefined;
  readonly #memory: Pick<PinMemory, 'last' | 'note'>;
  /** One PIN at a time, whoever enters it. */
  #turn: Promise<unknown> = Promise.resolve();
  /** How often a person has entered one. */
  #personTrials = 0;
  #trial: Trial | undefined;
  /**
   * `performance.now()` milliseconds before which there is no further try, and how many met a busy
   * SIM.
   */
  #notBefore = Number.NEGATIVE_INFINITY;
  #busyTries = 0;

  /** `readPin` is undefined when no PIN is configured. */
  constructor(readPin: ReadPin | undefined, memory: Pick<PinMemory, 'last' | 'note'>) {
    this.#readPin = readPin;
    this.#memory = memory;
  }

  /** The configuration names another file, or none. What was tried stays remembered by its file. */
  replacePin(readPin: ReadPin | undefined): void {
    this.#readPin = readPin;
  }

  /** A PIN was entered, and the SIM may still become ready by it. */
  get isTrying(): boolean {
    return this.#trial !== undefined && performance.now() < this.#trial.until;
  }

  /** The SIM may have lost its power: what it says from now on tells nothing of a try before. */
  noteRestart(): void {
    this.#trial = undefined;
    this.#notBefore = Number.NEGATIVE_INFINITY;
    this.#busyTries = 0;
  }

  /**
   * The SIM is ready: after a try of ours, with no restart seen and no try spent, it has accepted
   * the PIN.
   */
  async noteReady(modem: LockedModem): Promise<void> {
    const trial = this.#trial;
    if (!trial) return;
    this.#trial = undefined;
    if (trial.wasTaken || (await modem.sim.pinTriesLeft()) === fullTries)
      await this.#memory.note(trial.sim, trial.generation, 'accepted');
  }

  /**
   * Enters the PIN once, if that can do no harm. Gives undefined when the SIM is ready. Rejects
   * when the modem was silent or lost: the outcome then stays on the disk as unknown, unless the
   * SIM proves to be ready later.
   */
  async unlock(modem: LockedModem): Promise<SimObstacle | undefined> {
    const personTrials = this.#personTrials;
    return this.#inTurn(async () => {
      // What is known of the SIM is older than that.
      if (personTrials !== this.#personTrials) return ofPerson;
      return this.#unlock(modem);
    });
  }

  /** Enters the PIN of a person. Rejects as {@link enterForPerson} does. */
  async enter(modem: LockedModem, pin: string): Promise<PersonPinEnd> {
    return this.#inTurn(async () => {
      this.#personTrials += 1;
      this.#trial = undefined;
      return enterForPerson(modem, pin, { readPin: this.#readPin, memory: this.#memory });
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #unlock(modem: LockedModem): Promise<SimObstacle | undefined> {
    if (this.#trial !== undefined) {
      const waiting = await this.#await(this.#trial);
      if (waiting) return waiting;
    }
    const waitMs = this.#notBefore - performance.now();
    if (waitMs > 0)
      return {
        reason: 'the SIM took no PIN just now, and counted no try',
        isCurable: true,
        againAfterMs: pollMs,
      };
    const permit = await this.#permit(modem);
    if ('reason' in permit) return permit;
    return this.#try(modem, permit);
  }

  /**
   * While the SIM may still become ready by the last try; undefined when its time is over, or a
   * person has written the file anew.
   */
  async #await(trial: Trial): Promise<SimObstacle | undefined> {
    if (performance.now() < trial.until && (await this.#isGeneration(trial.generation))) {
      const reason = trial.wasTaken
        ? pinTaken
        : 'the modem did not answer the PIN; waiting for what the SIM says';
      return { reason, isCurable: false, againAfterMs: pollMs };
    }
    this.#trial = undefined;
    return undefined;
  }

  /** Whether the file is still the one of the last try; one that cannot be read now is no other. */
  async #isGeneration(generation: string): Promise<boolean> {
    const read = await this.#readPin?.().catch(() => undefined);
    return read === undefined || read.generation === generation;
  }

  /** What has to be known before a try, or why there is none. */
  async #permit(modem: LockedModem): Promise<Permit | SimObstacle> {
    if (!this.#readPin)
      return forPerson(
        'the SIM asks for its PIN: set pin_file, or remove the PIN lock with a phone',
      );
    let configured: ConfiguredPin;
    try {
      configured = await this.#readPin();
    } catch (error) {
      return forPerson(
        `the SIM asks for its PIN: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    const sim = simNames(await modem.sim.iccid(), await modem.imei());
    if (sim === undefined)
      return curable(
        'the SIM asks for its PIN, but neither ICCID nor IMEI can be read: remove the PIN lock with a phone',
      );
    let last: PinOutcome | undefined;
    try {
      last = this.#memory.last(sim, configured.generation);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      return forPerson(`the SIM asks for its PIN: ${error.message}`);
    }
    if (last === 'refused')
      return forPerson(
        `the PIN in pin_file was refused and is not tried again: ${pinEnter}, and corrects the file`,
      );
    if (last === 'unknown')
      return forPerson(
        'what became of the last try with the PIN in pin_file is not known, so it is not tried again: ' +
          `${pinEnter}; or check it with a phone, then write the file anew`,
      );
    const tries = await modem.sim.pinTriesLeft();
    if (tries === undefined)
      return curable(
        'the SIM asks for its PIN, and the modem does not tell how many tries are left: remove the PIN lock with a phone',
      );
    if (tries !== fullTries)
      return forPerson(
        `the SIM asks for its PIN, with ${counted(tries, 'try')} left; by itself simgate tries only with ${fullTries}: ` +
          (tries >= fewestTries ? pinEnter : 'enter it once with a phone'),
      );
    return { configured, sim, last };
  }

  async #try(
    modem: LockedModem,
    { configured, sim, last }: Permit,
  ): Promise<SimObstacle | undefined> {
    const { pin, generation } = configured;
    await this.#memory.note(sim, generation, 'unknown');
    const trial: Trial = {
      sim,
      generation,
      wasTaken: false,
      until: performance.now() + readyWithinMs,
    };
    try {
      this.#trial = trial;
      await modem.sim.enterPin(pin);
      trial.wasTaken = true;
    } catch (error) {
      if (error instanceof AtCommandError) {
        this.#trial = undefined;
        return this.#afterError(modem, error, { configured, sim, last });
      }
      if (!(error instanceof AtTimeout)) throw error;
      await modem.synchronise(2);
    }
    trial.until = performance.now() + (trial.wasTaken ? readyWithinMs : unansweredReadyWithinMs);
    if ((await modem.sim.state()) !== 'ready') return this.#await(trial);
    await this.noteReady(modem);
    return undefined;
  }

  /**
   * Errors that are no refusals (SIM busy, not now): only the tries that are left tell whether one
   * was spent.
   */
  async #afterError(
    modem: LockedModem,
    { final }: AtCommandError,
    permit: Permit,
  ): Promise<SimObstacle> {
    const { configured, sim, last } = permit;
    const note = (outcome: PinOutcome) => this.#memory.note(sim, configured.generation, outcome);
    const isRefusal = final.code !== undefined && refusals.includes(final.code);
    const tries = isRefusal ? 0 : await modem.sim.pinTriesLeft();
    if (tries === undefined)
      return forPerson(
        'the SIM answered the PIN with an error, and it is not known whether a try was spent: it is not tried again; remove the PIN lock with a phone',
      );
    if (tries !== fullTries) {
      await note('refused');
      return forPerson(
        `the SIM refused the PIN in pin_file, and it is not tried again: ${pinEnter}, and corrects the file`,
      );
    }
    const reason = 'the SIM took no PIN just now, and counted no try: tried again later';
    if (busyCodes.includes(final.code ?? 0) || /busy/i.test(final.text)) {
      await note(last ?? 'untried');
      this.#notBefore =
        performance.now() + Math.min(firstBusyMs * 2 ** this.#busyTries, longestBusyMs);
      this.#busyTries += 1;
      return { reason, isCurable: true, againAfterMs: pollMs };
    }
    // A modem may always claim all tries: whoever believes it twice would block the SIM.
    if (last === 'uncounted')
      return forPerson(
        'the modem answered the PIN with an error twice, and tells of no try that was spent: it is not tried again; check the PIN with a phone, then write the file anew',
      );
    await note('uncounted');
    this.#notBefore = performance.now() + secondTryMs;
    return { reason, isCurable: true, againAfterMs: pollMs };
  }
}

interface Permit {
  configured: ConfiguredPin;
  sim: SimNames;
  last: PinOutcome | undefined;
}

const forPerson = (reason: string): SimObstacle => ({ reason, isCurable: false });
const curable = (reason: string): SimObstacle => ({ reason, isCurable: true });
