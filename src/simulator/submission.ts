import { CommandRefused, type Result, type Settle } from './answer.js';
import { type DecodedSubmit, decodeSubmit, TpduMalformed, toHex } from './decode.js';
import type { Modem } from './modem.js';
import type { SubmitPlan } from './submit-plan.js';

/** Distinct from any reply: where a flood has no newline, nothing may look like one. */
const floodAlphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** One TPDU on its way from the modem to the network, with the faults that meet it. */
export class Submission {
  readonly #modem: Modem;
  readonly #plan: SubmitPlan;
  readonly #command: '+CMGS' | '+CMSS';
  readonly #settle: Settle;
  /** Milliseconds between prompt and PDU; undefined where there was no prompt. */
  readonly #pauseMs: number | undefined;
  /** The TP-MR, where each submit gets one. */
  readonly #reference: number | undefined;
  #serviceCentre = '';

  constructor(
    modem: Modem,
    plan: SubmitPlan,
    command: '+CMGS' | '+CMSS',
    settle: Settle,
    pauseMs?: number,
  ) {
    this.#pauseMs = pauseMs;
    this.#reference =
      modem.options.references === 'submits' ? modem.network.nextReference() : undefined;
    this.#modem = modem;
    this.#plan = plan;
    this.#command = command;
    this.#settle = settle;
  }

  /**
   * Submits `tpdu` by the SMSC `named` in the PDU, else by the SIM's; the result goes to `settle`,
   * unless the modem falls silent or goes away.
   */
  start(tpdu: Uint8Array, named = ''): void {
    const plan = this.#plan;
    let decoded: DecodedSubmit;
    try {
      decoded = decodeSubmit(tpdu);
    } catch (error) {
      if (!(error instanceof TpduMalformed)) throw error;
      this.#refuse(new CommandRefused('CMS', 304), tpdu, error.message);
      return;
    }
    if (plan.registrationLostMs !== undefined) this.#modem.network.lose(plan.registrationLostMs);
    this.#serviceCentre = this.#serviceCentreFor(named);
    if (!this.#modem.isRegistered) this.#refuse(new CommandRefused('CMS', 331), tpdu);
    else if (this.#serviceCentre === '') this.#refuse(new CommandRefused('CMS', 330), tpdu);
    else this.#transmit(tpdu, decoded);
  }

  /** Empty when the modem knows none. */
  #serviceCentreFor(named: string): string {
    const { sim } = this.#modem;
    this.#modem.serviceCentreTrouble =
      this.#plan.serviceCentreTrouble ?? this.#modem.serviceCentreTrouble;
    if (this.#modem.serviceCentreTrouble === 'unwritten') return '';
    if (this.#modem.serviceCentreTrouble === 'not_in_pdu') return named;
    return named === '' ? sim.serviceCentre : named;
  }

  #transmit(tpdu: Uint8Array, decoded: DecodedSubmit): void {
    const plan = this.#plan;
    this.#sayBetween();
    if (plan.saysOkEarly) this.#modem.say('OK');
    const airMs = this.#linkSetup() + this.#modem.options.submitLatencyMs;
    let mr: number | undefined;
    const accept = (): void => {
      mr ??= this.#accept(tpdu, decoded);
    };
    const { onlyCgsms } = this.#modem.options;
    const isWrongPath = onlyCgsms !== undefined && this.#modem.settings.cgsms !== onlyCgsms;
    if (plan.refusal !== undefined || isWrongPath) {
      const refusal = refusalOf(plan.refusal ?? { cms: 500 });
      this.#later(airMs + plan.replyDelayMs, () => this.#refuse(refusal, tpdu));
      return;
    }
    if (!plan.accepts)
      this.#modem.record.write({ kind: 'lost', submit: plan.submit, phase: 'after-ctrl-z' });
    else if (plan.acceptsAtOnce || plan.silenceMs !== undefined) accept();
    if (plan.break?.at === 'after-ctrl-z') {
      this.#modem.break(plan.break);
      if (plan.break.how !== 'glitch') return;
    }
    if (plan.silenceMs !== undefined) {
      this.#later(plan.silenceMs, () => this.#fallSilent());
      return;
    }
    if (!plan.accepts) return;
    this.#modem.answerToOthers = plan.answerToOthers;
    this.#later(airMs + plan.replyDelayMs, () => {
      accept();
      this.#reply(mr ?? 0);
    });
  }

  /** What ends the submit on the line, after `ms`. */
  #later(ms: number, run: () => void): void {
    this.#modem.submitsToAnswer += 1;
    this.#modem.after(ms, () => {
      this.#modem.submitsToAnswer -= 1;
      run();
    });
  }

  #accept(tpdu: Uint8Array, decoded: DecodedSubmit): number {
    const { submit, faults } = this.#plan;
    return this.#modem.network.accept(tpdu, decoded, {
      imei: this.#modem.vendor.imei,
      iccid: this.#modem.sim.iccid,
      serviceCentre: this.#serviceCentre,
      submit,
      faults,
      reference: this.#reference,
    });
  }

  #reply(mr: number): void {
    const plan = this.#plan;
    this.#endOfLink();
    this.#modem.answerToOthers = undefined;
    const { heldUnlessPauseMs } = plan;
    if (heldUnlessPauseMs !== undefined && (this.#pauseMs ?? 0) < heldUnlessPauseMs)
      return this.#modem.hold(() => this.#say(mr));
    this.#say(mr);
  }

  #say(mr: number): void {
    const plan = this.#plan;
    if (this.#modem.vendor.okBehindPrompt) {
      this.#fallSilent();
      return;
    }
    this.#modem.record.write({ kind: 'reply', submit: plan.submit, mr });
    const lines = plan.omitsCmgs ? [] : [`${this.#command}: ${mr}`];
    this.#settle({
      kind: plan.omitsOk ? 'unterminated' : 'lines',
      lines,
      distortion: plan.distortion,
    });
    if (plan.break?.at === 'after-reply') this.#modem.break(plan.break);
  }

  #fallSilent(): void {
    this.#settle({ kind: 'unterminated', lines: [] });
  }

  #refuse(refusal: CommandRefused, tpdu: Uint8Array, why?: string): void {
    const { submit, faults, distortion } = this.#plan;
    this.#endOfLink();
    this.#modem.answerToOthers = undefined;
    this.#modem.record.write({
      kind: 'refused',
      submit,
      cause: why === undefined ? refusal.message : `${refusal.message}: ${why}`,
      tpdu: toHex(tpdu),
      ...(faults.length > 0 && { faults: [...faults] }),
    });
    const result: Result = { kind: 'refused', refusal, distortion };
    this.#settle(result);
  }

  /** Milliseconds that setting up the radio link costs this submit. */
  #linkSetup(): number {
    const { options, radioLink, record } = this.#modem;
    if (options.linkSetupMs === 0 || radioLink.isUp) return 0;
    record.write({ kind: 'link_setup', submit: this.#plan.submit });
    return options.linkSetupMs;
  }

  /** `+CMMS` (27.005 3.5.6): 0 drops the link, 1 and 2 hold it a while. */
  #endOfLink(): void {
    if (this.#modem.settings.cmms === 0) this.#modem.radioLink.drop();
    else this.#modem.radioLink.hold();
  }

  #sayBetween(): void {
    const { vendor, options, random } = this.#modem;
    for (const line of vendor.submitNoise) this.#modem.say(line);
    const burst = this.#plan.burstLines + (options.urcNoisePerSecond > 0 ? 2 : 0);
    for (let count = 0; count < burst; count++) this.#modem.sayNoise();
    if (this.#plan.airText !== undefined) this.#modem.sayFromAir(this.#plan.airText);
    if (this.#plan.floodOctets === 0) return;
    const octets = Array.from({ length: this.#plan.floodOctets }, () =>
      floodAlphabet.charAt(random.below(floodAlphabet.length)),
    );
    this.#modem.sayRaw(octets.join(''));
  }
}

function refusalOf(refusal: NonNullable<SubmitPlan['refusal']>): CommandRefused {
  if ('cms' in refusal) return new CommandRefused('CMS', refusal.cms);
  if ('text' in refusal) return new CommandRefused('CMS', 500, refusal.text);
  return new CommandRefused('bare', 0, 'ERROR');
}
