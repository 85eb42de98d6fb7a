/**
 * One modem on an open AT session: bring it up, look at it, send through it. Beside it
 * `supervisor.ts` keeps it alive.
 * Knows nothing of: HTTP, the queue and other modems.
 * Way: supervisor opens a tty → `bring-up` → `sendSegments` through `submission` → verdict; a fault
 * → `ladder` → opened anew.
 */

import type { AtCommand } from '../at/command.js';
import { AtCancelled, AtCommandError, AtTimeout } from '../at/errors.js';
import { anyText } from '../at/machine.js';
import type { AtSession, ExecuteOptions, RunCommand } from '../at/session.js';
import { Dialogue, restedMs, wakeUpMs } from './dialogue.js';
import { iccidLine, readIccid } from './iccid.js';
import type { InFlightSubmits, SubmitResult } from './in-flight-submits.js';
import { type DeafeningLines, InitLines } from './init-lines.js';
import { Indications, longestNeededMuteMs } from './patience.js';
import { generic, type ModemProfile, profileFor } from './profiles.js';
import { askRegistration, type Registration } from './registration.js';
import { ServiceCentre } from './service-centre.js';
import { readSimState, type SimState, simStateOfError } from './sim-state.js';
import { isOfSubmit } from './verdict.js';

/** What the operator set for this modem, where it overrides the profile. */
export interface ModemTuning {
  guardMs: number | undefined;
  submitTimeoutMs: number | undefined;
  roaming: boolean;
  statusReport: boolean;
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

export interface TpduSubmission
  extends Pick<ExecuteOptions, 'mayCommit' | 'onCommitted' | 'onFreed'> {
  /** What else is in the air, and whose a result is. */
  inFlight: Pick<InFlightSubmits, 'attribute' | 'expectsLateResult'>;
  /** Milliseconds between prompt and payload, where this modem was found to need them. */
  pauseMs: number;
  /**
   * Milliseconds after Ctrl-Z to the question for the result, where this modem is known to need
   * one; undefined: as usual.
   */
  probeAfterMs: number | undefined;
}

/** A TPDU as `AT+CMGS` wants it. */
export interface EncodedTpdu {
  /** Upper-case hexadecimal, without the SMSC address. */
  hex: string;
  /** Octets of the TPDU, without the SMSC address. */
  octets: number;
}

/**
 * Most commands answer at once; those that touch the SIM right after power-on take a few seconds.
 */
const quickMs = 5_000;
/** For a command whose final result code is known not to come. */
const syncedMs = 1_000;
const simMs = 10_000;
/**
 * The card computes nothing, but some modems say OK only when they have read it: 12 s were seen.
 */
const enterPinMs = 30_000;
/** Switching the radio takes as long as its leave of the network (Quectel's manuals: 15 s). */
const radioMs = 30_000;
const pduMode = 'AT+CMGF=0';
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
/** Milliseconds that the radio stays off for a registration to begin anew. */
const radioPauseMs = 2_000;

/**
 * The commands of one modem over one session: the only file that spells AT. It keeps what it learnt
 * of the modem's settings, which end with the session.
 */
export class Modem extends Dialogue {
  readonly #tuning: ModemTuning;
  readonly serviceCentre: ServiceCentre;
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
  #indications = new Indications();
  /**
   * Wavecom's `+CPIN?` has no final result code: once that was seen, it is not waited for so long.
   */
  #cpinEndsOpen = false;
  /** What may tell the ICCID: no standard does. Once one has, only that. */
  #iccidCommands = ['AT+CCID', 'AT+ICCID', 'AT+CICCID', 'AT^ICCID?', 'AT+QCCID', 'AT#CCID'];

  constructor(session: AtSession, tuning: ModemTuning) {
    super(session);
    this.#tuning = tuning;
    this.init = new InitLines(tuning.init ?? [], tuning.deafening);
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
   * stalls). Rejects with `AtTimeout` when it is silent.
   */
  async wake(attempts: number): Promise<void> {
    await this.session.synchronise(attempts, { mayBeMute: true });
    this.#echoedAtWake = this.session.echoes;
    this.#isInPduMode = false;
    this.#confirmedAt = Number.NEGATIVE_INFINITY;
    this.#indications = new Indications();
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

  /**
   * Switches the radio on where it is off (27.007 8.2); a modem without `+CFUN` has it on.
   * Undefined when it is on or was switched on, else what stands in the way, for people.
   */
  async switchOn(): Promise<string | undefined> {
    const lines = await this.attemptUnlessMuted({
      text: 'AT+CFUN?',
      response: /^\+CFUN:/,
      timeoutMs: quickMs,
    });
    const level = /^\+CFUN: *(\d{1,3})\b/.exec(lines?.[0] ?? '')?.[1];
    if (level === undefined || level === '1') return undefined;
    const done = await this.attemptOptional({ text: 'AT+CFUN=1', timeoutMs: radioMs });
    return done
      ? undefined
      : `the radio is off (+CFUN: ${level}), and the modem does not take AT+CFUN=1`;
  }

  /**
   * Radio off and on again (27.007 8.2), for a registration that comes by nothing else. Settles
   * whatever the modem makes of it.
   */
  async cycleRadio(): Promise<void> {
    await this.attemptOptional({ text: `AT+CFUN=${this.profile.radioOff}`, timeoutMs: radioMs });
    await new Promise((resolve) => setTimeout(resolve, radioPauseMs));
    await this.attemptOptional({ text: 'AT+CFUN=1', timeoutMs: radioMs });
  }

  /**
   * Asks what the SIM wants; `unknown` when the modem says an error, is silent, or says what 27.007
   * does not know.
   */
  async simState(): Promise<SimState> {
    const command = {
      text: 'AT+CPIN?',
      response: /^\+CPIN:/,
      timeoutMs: this.#cpinEndsOpen ? syncedMs : simMs,
    };
    if (this.mutes.isMute(command.text)) return 'unknown';
    try {
      const lines = await this.run(command);
      this.mutes.spoke(command.text);
      return readSimState(lines[0]);
    } catch (error) {
      if (error instanceof AtTimeout) {
        await this.resynchronise(error);
        if (error.lines.length === 0) this.mutes.wasSilent(command.text, longestNeededMuteMs);
        else this.#cpinEndsOpen = true;
        return readSimState(error.lines[0]);
      }
      if (!(error instanceof AtCommandError)) throw error;
      return simStateOfError(error.final);
    }
  }

  /**
   * The SIM's serial number (ITU-T E.118), by whichever command the modem knows; many tell it
   * before the PIN.
   */
  async iccid(): Promise<string | undefined> {
    for (const text of this.#iccidCommands) {
      const lines = await this.attemptUnlessMuted({
        text,
        response: iccidLine,
        timeoutMs: quickMs,
      });
      const iccid = readIccid(lines?.[0]);
      if (iccid === undefined) continue;
      this.#iccidCommands = [text];
      return iccid;
    }
    return undefined;
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
   * Tries left for the PIN; undefined when the modem cannot tell. `+CPINR` (27.007 8.65), else
   * VERIFY without data (TS 102.221 11.1.9: status 63CX), which spends no try.
   */
  async pinTriesLeft(): Promise<number | undefined> {
    const response = /^\+CPINR: *"?SIM PIN"?,/;
    const lines = await this.attemptOptional({
      text: 'AT+CPINR="SIM PIN"',
      response,
      timeoutMs: simMs,
    });
    const told = /, *(\d+)/.exec(lines?.[0] ?? '')?.[1];
    if (told !== undefined) return Number(told);
    const verify = await this.attemptOptional({
      text: 'AT+CSIM=10,"0020000100"',
      response: /^\+CSIM:/,
      timeoutMs: simMs,
    });
    const status = /63C([0-9A-F])"?$/i.exec(verify?.[0] ?? '')?.[1];
    return status === undefined ? undefined : Number.parseInt(status, 16);
  }

  /**
   * `AT+CPIN=` (27.007 8.3): spends a try when wrong. Rejects with `AtCommandError` when refused,
   * `AtTimeout` when unanswered.
   */
  async enterPin(pin: string): Promise<void> {
    await this.run({ text: `AT+CPIN="${pin}"`, timeoutMs: enterPinMs });
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
    await this.routeIndications();
    return true;
  }

  /**
   * `+CNMI` (27.005 3.4.1), where it is not set yet and is due: modems that are still starting
   * refuse it for a while (CMS 314), so it is tried again, but not for ever. `mayGoOn` is asked
   * between its tries: a message that came meanwhile goes first.
   */
  async routeIndications(mayGoOn = () => true): Promise<void> {
    if (this.#indications.dueInMs() !== 0) return;
    const acknowledges = await this.#demandsAcknowledgement();
    const choices = this.#tuning.statusReport
      ? this.profile.indicationsWithReports.filter(
          (choice) => !acknowledges || !routesReports(choice),
        )
      : this.profile.indications;
    // An advertised value can be an ERROR, so it is chosen by setting it.
    let isSet = false;
    for (const choice of choices) {
      isSet =
        (await this.attemptUnlessMuted({ text: `AT+CNMI=${choice}`, timeoutMs: quickMs })) !==
        undefined;
      if (isSet || !mayGoOn()) break;
    }
    this.#indications.tried(isSet);
  }

  /**
   * Milliseconds until {@link routeIndications} has something to do; undefined when it is done, or
   * given up.
   */
  get indicationsDueInMs(): number | undefined {
    return this.#indications.dueInMs();
  }

  /** The modem says that it is further now: what it refused is due again. */
  noteProgress(): void {
    this.#indications.hasten();
    this.mutes.forget();
  }

  /**
   * True when `+CSMS` (27.005 3.2.1) is 1 and stays so: each message that is routed to us must then
   * be acknowledged by `+CNMA`, and modems stop routing after one that was not (Telit after 17 s).
   * Somebody before us may have left it behind, so it is set to 0.
   */
  async #demandsAcknowledgement(): Promise<boolean> {
    if (!(await this.#isCsms1())) return false;
    await this.attemptOptional({
      text: 'AT+CSMS=0',
      response: /^\+CSMS:/,
      timeoutMs: quickMs,
      requiresResponse: false,
    });
    return this.#isCsms1();
  }

  async #isCsms1(): Promise<boolean> {
    const lines = await this.attemptUnlessMuted({
      text: 'AT+CSMS?',
      response: /^\+CSMS:/,
      timeoutMs: quickMs,
    });
    return /^\+CSMS: *1\b/.test(lines?.[0] ?? '');
  }

  /** What all the registrations come to. One that is not answered is left alone for a while. */
  registration(): Promise<Registration> {
    return askRegistration((text, response) =>
      this.attemptUnlessMuted({ text, response, timeoutMs: quickMs }, longestNeededMuteMs),
    );
  }

  /** Whether a message can be sent under `registration`, as the operator allows. */
  maySend(registration: Registration): boolean {
    return registration === 'home' || (registration === 'roaming' && this.#tuning.roaming);
  }

  /** `AT+CSQ` (27.007 8.5) in dBm; undefined when unknown. */
  async signalDbm(): Promise<number | undefined> {
    const lines = await this.attemptUnlessMuted({
      text: 'AT+CSQ',
      response: /^\+CSQ:/,
      timeoutMs: quickMs,
    });
    const rssi = Number(/^\+CSQ: *(\d+)/.exec(lines?.[0] ?? '')?.[1] ?? 99);
    return rssi <= 31 ? -113 + 2 * rssi : undefined;
  }

  /** The operator's name (27.007 7.3); untrusted. */
  async operator(): Promise<string | undefined> {
    const lines = await this.attemptUnlessMuted({
      text: 'AT+COPS?',
      response: /^\+COPS:/,
      timeoutMs: simMs,
    });
    return /"([^"]*)"/.exec(lines?.[0] ?? '')?.[1];
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
      if (this.hasRestarted) throw new AtCancelled('AT+CMGF=0', 'reset');
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
    const lines = await this.attemptUnlessMuted({
      text: 'AT+CMGF?',
      response: /^\+CMGF:/,
      timeoutMs: quickMs,
    });
    return /^\+CMGF: *1\b/.test(lines?.[0] ?? '');
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
        (lines): SubmitResult => ({ reference: Number(/\d+/.exec(lines[0] ?? '')?.[0]) }),
        (error: unknown): SubmitResult => {
          // With its +CMGS before it, an error says that something came between.
          const isResult =
            error instanceof AtCommandError && error.stage === 'result' && error.lines.length === 0;
          if (isResult && !error.mayAnswerProbe) return { error: error.final };
          throw error;
        },
      );
      const attribution = await options.inFlight.attribute(result, ended);
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
    { inFlight, pauseMs, probeAfterMs }: TpduSubmission,
  ): AtCommand {
    const { submitTimeoutMs } = this;
    return {
      text: `AT+CMGS=${tpdu.octets}`,
      response: /^\+CMGS: *\d{1,3}\b/,
      timeoutMs: this.profile.promptTimeoutMs,
      payload: {
        text: `${this.serviceCentre.pduField}${tpdu.hex}`,
        resultTimeoutMs: submitTimeoutMs,
        probeAfterMs: Math.min(
          probeAfterMs ?? Number.POSITIVE_INFINITY,
          usualProbeMs(submitTimeoutMs),
        ),
        graceMs: Math.min(10_000, submitTimeoutMs / 6),
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
   * Restarts the modem (27.007 8.2), as a last resort: its settings and whatever it was doing are
   * lost. Written even to one that does not answer; settles when it has answered or stayed silent,
   * and rejects for neither.
   */
  async restart(): Promise<void> {
    try {
      await this.session.execute({ text: 'AT+CFUN=1,1', timeoutMs: quickMs }, { outOfStep: true });
    } catch (error) {
      // Silence, an ERROR, or the tty's going away: the next opening shows what it has done.
      if (!(error instanceof Error)) throw error;
    }
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

/**
 * `<ds>` 1 of `+CNMI` (27.005 3.4.1): status reports come as `+CDS`, which `+CSMS: 1` wants
 * acknowledged.
 */
const routesReports = (indications: string): boolean => indications.split(',')[3] === '1';
