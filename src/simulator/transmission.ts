import { airTexts } from './air-texts.js';
import { isRegistered } from './commands/network-registration.js';
import { type DecodedSubmit, decodeSubmit, TpduMalformed, toHex } from './decode-submit.js';
import type { Settle } from './handler.js';
import { CommandRefused } from './result-codes.js';
import type { ModemPort } from './state.js';
import type { SubmitPlan } from './submit-plan.js';

/** Distinct from any reply: where a flood has no newline, nothing may look like one. */
const floodAlphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/**
 * How long the network keeps the link open for another message, in milliseconds; 3GPP TS 27.005
 * 3.5.6 says 1 to 5 seconds.
 */
const linkHeldMs = 5000;

/** One TPDU on its way from the modem to the network. */
export interface Submit {
  readonly modem: ModemPort;
  /** The faults that meet it. */
  readonly plan: SubmitPlan;
  readonly command: '+CMGS' | '+CMSS';
  readonly tpdu: Uint8Array;
  /** The SMSC named in the PDU; empty: none. */
  readonly namedServiceCentre: string;
  /** Milliseconds between prompt and PDU; 0 where there was no prompt. */
  readonly pauseMs: number;
  readonly settle: Settle;
}

/**
 * Submits by the SMSC that the PDU names, else by the SIM's; the result goes to `settle`, unless
 * the modem falls silent or goes away.
 */
export function transmit(submit: Submit): void {
  const { modem, plan, tpdu } = submit;
  const { network, options } = modem;
  const reference = options.references === 'submits' ? network.nextReference() : undefined;
  let decoded: DecodedSubmit;
  try {
    decoded = decodeSubmit(tpdu);
  } catch (error) {
    if (!(error instanceof TpduMalformed)) throw error;
    refuse(submit, new CommandRefused('CMS', 304), error.message);
    return;
  }
  if (plan.registrationLostMs !== undefined) network.lose(plan.registrationLostMs);
  const serviceCentre = serviceCentreFor(submit);
  if (!isRegistered(modem)) refuse(submit, new CommandRefused('CMS', 331));
  else if (modem.settings.cfun !== 1) refuse(submit, new CommandRefused('CMS', 302));
  else if (serviceCentre === '') refuse(submit, new CommandRefused('CMS', 330));
  else
    carry(submit, () =>
      network.accept(tpdu, decoded, {
        imei: modem.vendor.imei,
        iccid: modem.sim.iccid,
        serviceCentre,
        submit: plan.submit,
        faults: plan.faults,
        reference,
      }),
    );
}

/** Empty when the modem knows none. */
function serviceCentreFor({ modem, plan, namedServiceCentre: named }: Submit): string {
  const { volatile, sim } = modem;
  volatile.serviceCentreTrouble = plan.serviceCentreTrouble ?? volatile.serviceCentreTrouble;
  if (volatile.serviceCentreTrouble === 'unwritten') return '';
  if (volatile.serviceCentreTrouble === 'not_in_pdu') return named;
  return named === '' ? sim.serviceCentre : named;
}

/** Over the air, as planned. `accept`: the network takes it, and returns its TP-MR. */
function carry(submit: Submit, accept: () => number): void {
  const { modem, plan } = submit;
  const { options, settings } = modem;
  sayBetween(submit);
  if (plan.saysOkEarly) modem.say('OK');
  const replyMs = linkSetup(submit) + options.submitLatencyMs + plan.replyDelayMs;
  const isWrongPath = options.onlyCgsms !== undefined && settings.cgsms !== options.onlyCgsms;
  const refusal = plan.refusal ?? (isWrongPath ? new CommandRefused('CMS', 500) : undefined);
  if (refusal !== undefined) {
    answerAfter(modem, replyMs, () => refuse(submit, refusal));
    return;
  }
  const { silenceMs } = plan;
  if (!plan.accepts)
    modem.record.write({ kind: 'lost', submit: plan.submit, phase: 'after-ctrl-z' });
  const isTakenAtOnce = plan.acceptsAtOnce === true || silenceMs !== undefined;
  const mr = plan.accepts && isTakenAtOnce ? accept() : undefined;
  if (plan.break?.at === 'after-ctrl-z') {
    modem.break(plan.break);
    if (plan.break.how !== 'glitch') return;
  }
  modem.volatile.answerToOthers = plan.answerToOthers;
  if (silenceMs !== undefined) answerAfter(modem, silenceMs, () => endSilence(submit));
  else if (plan.accepts) {
    answerAfter(modem, replyMs, () => reply(submit, mr ?? accept()));
  }
}

/** The submit stays open on the line until `run`, after `ms`. */
function answerAfter(modem: ModemPort, ms: number, run: () => void): void {
  modem.volatile.submitsToAnswer += 1;
  modem.after(ms, () => {
    modem.volatile.submitsToAnswer -= 1;
    run();
  });
}

function reply(submit: Submit, mr: number): void {
  const { modem, plan, pauseMs } = submit;
  const { volatile } = modem;
  endSubmit(modem);
  if (plan.heldUnlessPauseMs === undefined || pauseMs >= plan.heldUnlessPauseMs) {
    sayReply(submit, mr);
    return;
  }
  volatile.submitsToAnswer += 1;
  volatile.heldReplies.push(() => {
    volatile.submitsToAnswer -= 1;
    sayReply(submit, mr);
  });
}

function sayReply({ modem, plan, command, settle }: Submit, mr: number): void {
  if (modem.vendor.okBehindPrompt) {
    fallSilent(settle);
    return;
  }
  const { refusalThoughAccepted, refusalBehindCmgs } = plan;
  if (refusalThoughAccepted !== undefined) {
    settle({ kind: 'refused', refusal: refusalThoughAccepted });
    return;
  }
  modem.record.write({ kind: 'reply', submit: plan.submit, mr });
  if (refusalBehindCmgs !== undefined) {
    modem.sayRaw(`\r\n${command}: ${mr}\r\n`);
    settle({ kind: 'refused', refusal: refusalBehindCmgs });
    return;
  }
  settle({
    kind: plan.omitsOk ? 'unterminated' : 'lines',
    lines: plan.omitsCmgs ? [] : [`${command}: ${mr}`],
    distortion: plan.distortion,
  });
  if (plan.break?.at === 'after-reply') modem.break(plan.break);
}

function endSilence({ modem, plan, settle }: Submit): void {
  modem.volatile.answerToOthers = undefined;
  if (plan.saysOkAtLast) settle({ kind: 'lines', lines: [] });
  else fallSilent(settle);
}

const fallSilent = (settle: Settle): void => settle({ kind: 'unterminated', lines: [] });

function refuse(
  { modem, plan, tpdu, settle }: Submit,
  refusal: CommandRefused,
  why?: string,
): void {
  const { submit, faults, distortion } = plan;
  endSubmit(modem);
  modem.record.write({
    kind: 'refused',
    submit,
    cause: why === undefined ? refusal.message : `${refusal.message}: ${why}`,
    tpdu: toHex(tpdu),
    ...(faults.length > 0 && { faults: [...faults] }),
  });
  settle({ kind: 'refused', refusal, distortion });
}

/** Milliseconds that setting up the radio link costs this submit. */
function linkSetup({ modem, plan }: Submit): number {
  const { options, record, volatile } = modem;
  if (options.linkSetupMs === 0 || modem.nowMs < volatile.linkHeldUntilMs) return 0;
  record.write({ kind: 'link_setup', submit: plan.submit });
  return options.linkSetupMs;
}

/** `+CMMS` (27.005 3.5.6): 0 drops the link, 1 and 2 hold it a while. */
function endSubmit({ settings, volatile, nowMs }: ModemPort): void {
  volatile.linkHeldUntilMs = settings.cmms === 0 ? 0 : nowMs + linkHeldMs;
  volatile.answerToOthers = undefined;
}

/** What comes between Ctrl-Z and the result. */
function sayBetween({ modem, plan }: Submit): void {
  const { vendor, options, random } = modem;
  for (const line of vendor.submitNoise) modem.say(line);
  const burst = plan.burstLines + (options.urcNoisePerSecond > 0 ? 2 : 0);
  for (let count = 0; count < burst; count++) modem.sayNoise();
  if (plan.airText !== undefined) for (const line of airTexts[plan.airText]) modem.say(line);
  const flood = Array.from({ length: plan.floodOctets }, () =>
    floodAlphabet.charAt(random.below(floodAlphabet.length)),
  );
  modem.sayRaw(flood.join(''));
}
