import { AtCommandError } from '../at/errors.js';
import { SendError } from '../errors.js';
import { HabitMemory } from './habits.js';
import { asksForReport } from './indications.js';
import { hasMessage, type LifeChange } from './life.js';
import { stepMs } from './liveness.js';
import type { Modem } from './modem.js';
import type { ModemConnection } from './modem-connection.js';
import { SendOutcomes } from './send-outcomes.js';
import { smscNotTaken } from './service-centre.js';
import type { OutgoingSms, SubmitControl, SubmitReceipt } from './sms-modem.js';
import { type SubmissionContext, submitSms } from './submission.js';
import { saysNoServiceCentre } from './submit-failure.js';
import type { Upkeep, UpkeepOptions } from './upkeep.js';
import { isMemoryFull } from './verdict.js';

export interface SendsOptions extends Pick<UpkeepOptions, 'name' | 'tuning' | 'inFlight' | 'log'> {
  /** What was learnt of this modem and others; undefined: nothing, and nothing is kept. */
  habits?: HabitMemory | undefined;
  /**
   * An attempt to submit a segment failed; `cause` is what the AT dialogue threw. Must not throw.
   */
  onAttemptFailed?: ((cause: unknown) => void) | undefined;
}

/**
 * Milliseconds after Ctrl-Z at which a modem counts as stalled; ordinary sends have taken up to
 * 14.4 s.
 */
const stallAfterMs = 15_000;
/**
 * Milliseconds in which no SIM is changed for another that is then in its network: it may have been
 * changed without a word between two segments that lie further apart.
 */
const quickestSimChangeMs = 5_000;

/**
 * The messages of one modem, one at a time: each from its beginning to what its end says of the
 * modem.
 */
export class Sends {
  readonly #options: SendsOptions;
  readonly #upkeep: Upkeep;
  readonly #outcomes: SendOutcomes;
  #stallTimer: NodeJS.Timeout | undefined;

  constructor(options: SendsOptions, upkeep: Upkeep) {
    this.#options = options;
    this.#upkeep = upkeep;
    this.#outcomes = new SendOutcomes(upkeep.recovery, upkeep.idleProbe, options.inFlight);
  }

  /** The last cause, as a phrase, when every send fails; else undefined. */
  get whySendsFail(): string | undefined {
    return this.#outcomes.whySendsFail;
  }

  /** The contract is `SmsModem.submit`. */
  async submit(sms: OutgoingSms, control: SubmitControl): Promise<SubmitReceipt> {
    const upkeep = this.#upkeep;
    const { connection, life } = upkeep;
    if (life.phase !== 'ready' || !connection) {
      const detail = `modem "${this.#options.name}" is ${life.phase}: ${life.reason ?? 'busy'}`;
      throw new SendError('no_modem_ready', { detail, elsewhere: true });
    }
    upkeep.take('submitting');
    upkeep.unsolicited.hold();
    let change: LifeChange = { event: 'submitted' };
    try {
      await connection.takeStorageShare();
      control.onBegun?.();
      const receipt = await submitSms(this.#context(connection), sms, control);
      this.#outcomes.accepted();
      upkeep.modemLog.notice('sends', undefined);
      upkeep.modemLog.notice('smsc', undefined);
      return receipt;
    } catch (error) {
      change = this.#outcomes.failed(error, sms.recipient);
      if (saysNoServiceCentre(error)) upkeep.modemLog.notice('smsc', smscNotTaken);
      if (saysMemoryFull(error)) connection.sweeper.soon();
      throw error;
    } finally {
      upkeep.unsolicited.release();
      if (connection === upkeep.connection) this.#ended(connection.modem, change);
    }
  }

  #ended(modem: Modem, change: LifeChange): void {
    const isAsBefore = change.event === 'submitted';
    // A modem that is still out of step did not come back when asked: what it says next could
    // answer anything.
    if (isAsBefore && modem.needsSynchronising)
      return this.#upkeep.lose('silent', 'it does not answer any more');
    const { event, reason } = (isAsBefore ? this.#upkeep.idleProbe.found : undefined) ?? change;
    this.#upkeep.take(event, reason);
  }

  #context(connection: ModemConnection): SubmissionContext {
    const { name, tuning, inFlight, log, onAttemptFailed } = this.#options;
    const { habits = HabitMemory.forgetful() } = this.#options;
    const { modem, bringUp } = connection;
    return {
      modem,
      name,
      inFlight,
      mayRestart: () => this.#upkeep.recovery.mayReset,
      habits: habits.of(name, modem.identity, bringUp.iccid),
      hasOtherSim: this.#simWatch(connection),
      asksForReport: (wish) => asksForReport(tuning, wish),
      log,
      onInFlight: (isInFlight) => this.#noteInFlight(isInFlight, modem.submitTimeoutMs),
      onAttemptFailed: (cause) => onAttemptFailed?.(cause),
    };
  }

  /** Tells whether the SIM is not the one any more that it is now. */
  #simWatch({ modem, bringUp }: ModemConnection): () => Promise<boolean> {
    const { idleProbe } = this.#upkeep;
    const { iccid } = bringUp;
    let knownAt = performance.now();
    return async () => {
      const isDue = performance.now() - knownAt > quickestSimChangeMs;
      const isAsked = iccid !== undefined && (isDue || idleProbe.isSimSuspect);
      const told = isAsked ? await modem.sim.iccid() : undefined;
      if (isAsked) knownAt = performance.now();
      if (told !== undefined && told !== iccid) idleProbe.suspect();
      return (told ?? bringUp.iccid) !== iccid;
    };
  }

  /** A Ctrl-Z goes out, or its outcome is known as far as it will be. */
  #noteInFlight(isInFlight: boolean, submitTimeoutMs: number): void {
    const { phase, unsolicited, liveness } = this.#upkeep;
    clearTimeout(this.#stallTimer);
    if (isInFlight) unsolicited.release();
    else if (hasMessage(phase)) unsolicited.hold();
    if (hasMessage(phase)) {
      liveness.beginAnew();
      if (isInFlight) liveness.expect('a result', submitTimeoutMs + stepMs);
      else liveness.expect('what follows a result', stepMs);
    }
    if (isInFlight)
      this.#stallTimer = setTimeout(
        () =>
          this.#upkeep.take(
            'overdue',
            'the network has not said yet whether it took the last message',
          ),
        Math.min(stallAfterMs, submitTimeoutMs / 4),
      );
    this.#options.inFlight.note();
  }
}

const saysMemoryFull = (error: unknown): boolean =>
  error instanceof SendError &&
  error.cause instanceof AtCommandError &&
  isMemoryFull(error.cause.final);
