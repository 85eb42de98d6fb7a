/**
 * One modem on an open AT session: bring it up, look at it, send through it. Beside it
 * `upkeep.ts` keeps it alive.
 * Knows nothing of: HTTP, the queue and other modems.
 * Way: `upkeep` opens a tty → `bring-up` → ready; `supervisor` → `sends` → `submission`, segment
 * by segment → verdict; a fault → `ladder` → opened anew.
 */

import type { AtCommand, ExecuteOptions, RunCommand } from '../at/command.js';
import { AtCancelled, AtCommandError, AtTimeout } from '../at/errors.js';
import { submitReference, submitResponse } from '../at/lines.js';
import { anyText } from '../at/machine.js';
import type { AtSession } from '../at/session.js';
import { Dialogue, quickMs, restedMs, simMs, wakeUpMs } from './dialogue.js';
import type { InFlightSubmits, SubmitResult } from './in-flight-submits.js';
import { IndicationRouting, mayAskForReports, type ReportTuning } from './indications.js';
import { type DeafeningLines, InitLines } from './init-lines.js';
import { generic, type ModemProfile, profileFor } from './profiles.js';
import { Radio } from './radio.js';
import type { Registration } from './registration.js';
import { ServiceCentre } from './service-centre.js';
import { Sim } from './sim.js';
import { isOfSubmit } from './verdict.js';

/** What the operator set for this modem, where it overrides the profile. */
export interface ModemTuning extends ReportTuning {
  guardMs: number | undefined;
  submitTimeoutMs: number | undefined;
  roaming: boolean;
  /** The SMSC's number, where the SIM's is not to count. */
  smsc?: string | undefined;
  /** AT command lines for the modem, checked (`config/init-lines.ts`). */
  init?: readonly string[];
  /** Which of them have left this modem deaf, in this and earlier sessions. */
  deafening?: DeafeningLines;
}

/** Who made it. Texts are the modem's own and untrusted. */
export interface ModemIdentity {
  manufacturer: string | undefined;
  model: string | undefined;
}

/** Whether a message wants a modem that is lent to somebody. */
export interface Demand {
  /** Aborted when one comes; one that is there already does not count. */
  came: AbortSignal;
  /** Resolves when none is at the modem. */
  over: () => Promise<void>;
}

export interface TpduSubmission
  extends Pick<ExecuteOptions, 'mayCommit' | 'ready' | 'onCommitted' | 'onFreed' | 'onOk'> {
  /** What else is in the air, and whose a result is. */
  inFlight: Pick<InFlightSubmits, 'attribute' | 'expectsLateResult'>;
  /** Milliseconds between prompt and payload, where this modem was found to need them. */
  pauseMs: number;
  /**
   * Milliseconds after Ctrl-Z to the question for the result, where this modem is known to need
   * one; undefined: as usual.
   */
  probeAfterMs: number | undefined;
  /** Milliseconds to wait for `OK` behind `+CMGS`; undefined: as usual. */
  okGraceMs: number | undefined;
  /**
   * `performance.now()` milliseconds until which to wait for a proof whose the result is, where the
   * modem may be restarted instead; undefined: as long as an older one may come.
   */
  doubtUntil?: number | undefined;
}

/** A TPDU as `AT+CMGS` wants it. */
export interface EncodedTpdu {
  /** Upper-case hexadecimal, without the SMSC address. */
  hex: string;
  /** Octets of the TPDU, without the SMSC address. */
  octets: number;
}

const pduMode = 'AT+CMGF=0';
/**
 * Milliseconds to wait for `OK` behind `+CMGS`, which comes with it or not at all: the bare `AT`
 * that follows is answered by one that comes later, too.
 */
const usualOkMs = 3_000;
/** A burst goes on while each message takes no longer than that, in milliseconds. */
const longestStepMs = 5_000;

/**
 * Milliseconds after Ctrl-Z at which a bare `AT` may ask for the result: when the network's own
 * timers are over (TR1M < 45 s, 24.011 10), for some give a submit up at any octet. A submit
 * timeout of more than four minutes is NB-IoT's, where they take longer.
 */
function usualProbeMs(submitTimeoutMs: number): number {
  if (submitTimeoutMs <= 60_000) return submitTimeoutMs / 2;
  return submitTimeoutMs > 240_000 ? submitTimeoutMs - 60_000 : 60_000;
}

/**
 * The commands of one modem over one session. It keeps what it learnt of the modem's settings,
 * which end with the session.
 */
export class Modem extends Dialogue {
  readonly #tuning: ModemTuning;
  readonly sim = new Sim(this);
  readonly radio = new Radio(this, () => this.profile);
  readonly serviceCentre: ServiceCentre;
  /** The routing of what comes in: no send needs it. */
  readonly indications: IndicationRouting;
  /**
   * The operator's own lines; whether they were obeyed is known once {@link prepareSms} is through.
   */
  readonly init: InitLines;
  profile: ModemProfile = generic;
  identity: ModemIdentity = { manufacturer: undefined, model: undefined };
  /** True once the modem obeyed ATE0: an echo from then on means that it lost its settings. */
  #echoIsOff = false;
  /** Whether `AT+CMMS=2` is in force; undefined until it was tried. */
  #linkHeld: boolean | undefined;
  #echoedAtWake = false;
  /**
   * `performance.now()` milliseconds at which all that a submit depends on was last known to be in
   * force.
   */
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #isInPduMode = false;

  constructor(session: AtSession, tuning: ModemTuning) {
    super(session);
    this.#tuning = tuning;
    this.init = new InitLines(tuning.init ?? [], tuning.deafening);
    this.indications = new IndicationRouting(this, mayAskForReports(tuning));
    this.serviceCentre = new ServiceCentre((...asked) => this.askOptional(...asked), tuning.smsc);
  }

  /** True when the modem obeys ATE0; it then echoes again only after it has restarted. */
  get obeysEchoOff(): boolean {
    return this.#echoIsOff;
  }

  /**
   * True when the last command was echoed although echo was off: the modem has lost its settings.
   */
  get hasRestarted(): boolean {
    return this.#echoIsOff && this.session.echoes;
  }

  /** True when it echoed as {@link wake} began. */
  get echoedAtWake(): boolean {
    return this.#echoedAtWake;
  }

  get guardMs(): number {
    return this.#tuning.guardMs ?? this.profile.guardMs;
  }

  get submitTimeoutMs(): number {
    return this.#tuning.submitTimeoutMs ?? this.profile.submitTimeoutMs;
  }

  /**
   * From an unknown state to a modem that speaks: prompt left, echo off, numeric errors, identity.
   * Touches no SIM, resets nothing (ATZ is an ERROR on some, AT&F clears vendors' settings, CLAC
   * stalls). Rejects with `AtTimeout` when it is silent, or answers `AT` with errors for longer
   * than `busyForMs`.
   */
  async wake(attempts: number, busyForMs = 0): Promise<void> {
    await this.session.synchronise(attempts, { mayBeMute: true, busyForMs });
    this.#echoedAtWake = this.session.echoes;
    this.#isInPduMode = false;
    this.#confirmedAt = Number.NEGATIVE_INFINITY;
    this.indications.reset();
    this.#linkHeld = undefined;
    await this.attemptOptional({ text: 'ATE0', timeoutMs: quickMs });
    await this.attemptOptional({ text: 'AT+CMEE=1', timeoutMs: quickMs });
    this.#echoIsOff = !this.session.echoes;
    this.identity = {
      manufacturer: await this.#identify('AT+CGMI'),
      model: await this.#identify('AT+CGMM'),
    };
    this.profile = profileFor(`${this.identity.manufacturer ?? ''} ${this.identity.model ?? ''}`);
    this.session.guardMs = this.guardMs;
    for (const text of this.profile.vendorInit)
      await this.attemptUnlessMuted({ text, timeoutMs: quickMs });
    this.serviceCentre.reset();
    this.init.begin();
    await this.#sendInit();
  }

  #sendInit(): Promise<void> {
    return this.init.send((text, response, timeoutMs) =>
      this.attemptOptional({ text, response, timeoutMs, requiresResponse: false }),
    );
  }

  /** The modem's own serial number (27.007 5.4). */
  async imei(): Promise<string | undefined> {
    const lines = await this.attemptUnlessMuted({
      text: 'AT+CGSN',
      response: anyText,
      timeoutMs: quickMs,
    });
    return /\d{14,16}/.exec(lines?.join(' ') ?? '')?.[0];
  }

  /**
   * PDU mode, once per {@link wake}. False while the modem is not ready for SMS, which takes some
   * ten seconds after power-on. The routing of what comes in is tried beside it: no send needs it.
   */
  async prepareSms(): Promise<boolean> {
    if (!this.#isInPduMode) {
      const said = await this.attemptOptional({
        text: pduMode,
        response: anyText,
        timeoutMs: simMs,
      });
      if (said === undefined || !isPlainOk(said)) return false;
      this.#isInPduMode = true;
      await this.quietUssd();
      this.#confirmedAt = performance.now();
      await this.#sendInit();
    }
    await this.indications.route(this.profile);
    return true;
  }

  /** The modem says that it is further now: what it refused is due again. */
  noteProgress(): void {
    this.indications.hasten();
    this.mutes.forget();
  }

  /** Whether a message can be sent under `registration`, as the operator allows. */
  maySend(registration: Registration): boolean {
    return registration === 'home' || (registration === 'roaming' && this.#tuning.roaming);
  }

  /**
   * Keeps the radio link up between segments (27.005 3.5.6), so that a long message pays for one
   * set-up. Set once, at the first long message; a modem that refuses it, or is silent to it, is
   * not asked again.
   */
  async holdLink(): Promise<void> {
    if (this.#linkHeld !== undefined) return;
    this.#linkHeld =
      (await this.attemptOptional({ text: 'AT+CMMS=2', timeoutMs: quickMs })) !== undefined;
  }

  /**
   * Makes sure of what a submit and its verdict depend on, right before it: a modem that restarted
   * without a word, or another program, may have changed it. In text mode `AT+CMGS=32` would send
   * our PDU as a text to the number 32. In a burst nothing is asked. It wakes a modem whose UART
   * sleeps, too, and loses the first octets. Rejects as a command does, and with `AtCancelled` when
   * the modem has restarted: {@link wake} it.
   */
  async confirmSettings(): Promise<void> {
    if (performance.now() - this.#confirmedAt <= restedMs) return;
    await this.wakeUart();
    await this.session.exclusively(async (run) => {
      await this.#setPduMode(run);
      if (this.hasRestarted) throw new AtCancelled(pduMode, 'reset');
      if (this.hidesRestarts) {
        if (this.#linkHeld === true) this.#linkHeld = undefined;
        await run({ text: 'AT+CMEE=1', timeoutMs: quickMs }).catch((error: unknown) => {
          // Without it errors come in other words.
          if (!(error instanceof AtCommandError)) throw error;
        });
      }
      this.#confirmedAt = performance.now();
    });
  }

  /**
   * The first try may only wake it; what came of that, the session sorts out before the second. An
   * OK behind words that mean nothing is not believed.
   */
  async #setPduMode(run: RunCommand): Promise<void> {
    const command = { text: pduMode, response: anyText };
    let wasLost = false;
    try {
      if (isPlainOk(await run({ ...command, timeoutMs: wakeUpMs }))) return;
    } catch (error) {
      if (!(error instanceof AtTimeout) || error.command !== pduMode) throw error;
      wasLost = true;
    }
    if (!isPlainOk(await run({ ...command, timeoutMs: quickMs })))
      throw new AtCancelled(pduMode, 'reset');
    if (wasLost) this.sleeps = true;
  }

  /**
   * True for one that did not echo when it was woken: no echo tells when it has lost its settings.
   */
  get hidesRestarts(): boolean {
    return !this.#echoedAtWake;
  }

  /**
   * Whether it is in text mode by now, as after a restart or by another program's doing; only asked
   * where no echo would tell.
   */
  async hasLeftPduMode(): Promise<boolean> {
    if (!this.hidesRestarts) return false;
    return (await this.readValue('AT+CMGF?', /^\+CMGF:/, /^\+CMGF: *(\d)\b/)) === '1';
  }

  /**
   * Submits one TPDU (27.005 3.5.1): command, prompt, PDU, result, and, where that may be an older
   * submit's, whatever it takes to tell; nothing else is asked of the modem meanwhile. Resolves
   * with the message reference; undefined when it cannot be told. Rejects with the errors of
   * `at/errors.ts`; those of stage `result` came after Ctrl-Z.
   */
  submitTpdu(tpdu: EncodedTpdu, options: TpduSubmission): Promise<number | undefined> {
    return this.session.exclusively(async (run, ended) => {
      const command = this.#submitCommand(tpdu, options);
      const startedAt = performance.now();
      this.#confirmedAt = Number.NEGATIVE_INFINITY;
      const result = await run(command, options).then(
        (lines): SubmitResult => ({ reference: submitReference(lines[0] ?? '') ?? Number.NaN }),
        (error: unknown): SubmitResult => {
          // With its +CMGS before it, an error says that something came between.
          const isResult =
            error instanceof AtCommandError && error.stage === 'result' && error.lines.length === 0;
          if (isResult && !error.mayBeForeign) return { error: error.final };
          throw error;
        },
      );
      const attribution = await options.inFlight.attribute(result, ended, options.doubtUntil);
      // An error may be the first sign of a setting that was lost, and so may an OK that never
      // came: what counts is when the last reference did. One that took long says nothing of what
      // happened meanwhile.
      const isAccepted = attribution !== 'undecided' && !('error' in attribution.ours);
      const { lastResponseAt } = this.session;
      if (isAccepted && lastResponseAt - startedAt <= longestStepMs)
        this.#confirmedAt = lastResponseAt;
      if (attribution === 'undecided') return undefined;
      if ('error' in attribution.ours)
        throw new AtCommandError(command.text, attribution.ours.error, 'result', []);
      return attribution.ours.reference;
    });
  }

  #submitCommand(
    tpdu: EncodedTpdu,
    { inFlight, pauseMs, probeAfterMs, okGraceMs }: TpduSubmission,
  ): AtCommand {
    const { submitTimeoutMs } = this;
    const graceMs = Math.min(10_000, submitTimeoutMs / 6);
    return {
      text: `AT+CMGS=${tpdu.octets}`,
      response: submitResponse,
      timeoutMs: this.profile.promptTimeoutMs,
      payload: {
        text: `${this.serviceCentre.pduField}${tpdu.hex}`,
        resultTimeoutMs: submitTimeoutMs,
        probeAfterMs: Math.min(
          probeAfterMs ?? Number.POSITIVE_INFINITY,
          usualProbeMs(submitTimeoutMs),
        ),
        graceMs,
        okGraceMs: Math.min(okGraceMs ?? usualOkMs, graceMs),
        ...(this.profile.earlyOkGraceMs === undefined
          ? {}
          : { graceAfterOkMs: Math.min(this.profile.earlyOkGraceMs, submitTimeoutMs / 6) }),
        pauseMs,
        echoMeansReset: this.#echoIsOff,
        isOwnError: isOfSubmit,
        mayMeetForeignErrors: inFlight.expectsLateResult(performance.now()),
      },
    };
  }

  /**
   * No USSD that nobody asked for (27.007 7.15): its text is the network's, and could hold whatever
   * a reply does. `simgate ussd` switches it on for as long as it asks.
   */
  async quietUssd(): Promise<void> {
    await this.attemptUnlessMuted({ text: 'AT+CUSD=0', timeoutMs: quickMs });
  }

  async #identify(text: string): Promise<string | undefined> {
    const lines = await this.attemptUnlessMuted({ text, response: anyText, timeoutMs: quickMs });
    return lines?.[0]
      ?.replace(/^\+CGM[IM]: */, '')
      .replaceAll('"', '')
      .slice(0, 64);
  }
}

/** Nothing but OK; some say the new value, too. */
const isPlainOk = (lines: readonly string[]): boolean =>
  lines.every((line) => /^\+CMGF: *0/.test(line));
