import { type AirText, airTextNames } from './air-texts.js';
import { CommandRefused, refusal, refusedAs } from './result-codes.js';
import type { Break, BreakPoint, SubmitPlan } from './submit-plan.js';

/** An argument of a fault. */
export interface FaultParameter {
  name: string;
  /** The words it can be; else it is a number, or any text where it is called TEXT. */
  words?: readonly string[];
  /** Used when the argument is left out; without one it must be given. */
  preset?: string;
}

export interface FaultKindEntry {
  parameters: readonly FaultParameter[];
  /** For `--help` and for people: what the modem does, and whether the network has the message. */
  does: string;
  /** Of the submit's plan; `args` are as many as `parameters`. */
  changes: (args: readonly string[]) => Partial<SubmitPlan>;
}

const milliseconds = (preset: number): FaultParameter => ({ name: 'MS', preset: String(preset) });
const reattach: readonly FaultParameter[] = [milliseconds(500)];

const breaksAt =
  (at: BreakPoint, how: Break['how'], accepts: boolean): FaultKindEntry['changes'] =>
  ([downMs, delayMs = 0]) => ({
    break: { at, how, downMs: Number(downMs), delayMs: Number(delayMs) },
    accepts,
    acceptsAtOnce: accepts,
  });

const busyFor = (result: string | undefined, ms: string | undefined): Partial<SubmitPlan> => ({
  answerToOthers: refusal(result),
  silenceMs: Number(ms),
  saysOkAtLast: true,
});

/** Every fault that can be played on a submit. */
export const faultKinds = {
  cms: {
    parameters: [{ name: 'CODE' }],
    does: 'refused with +CMS ERROR: CODE; not accepted',
    changes: ([code]) => ({ refusal: new CommandRefused('CMS', Number(code)) }),
  },
  'cms-verbose': {
    parameters: [{ name: 'TEXT' }],
    does: 'refused with +CMS ERROR: TEXT; not accepted',
    changes: ([text]) => ({ refusal: new CommandRefused('CMS', 500, text) }),
  },
  error: {
    parameters: [],
    does: 'refused with a bare ERROR; not accepted',
    changes: () => ({ refusal: refusedAs('ERROR') }),
  },
  'cms-late': {
    parameters: [{ name: 'CODE' }, { name: 'MS' }],
    does: 'refused with +CMS ERROR: CODE after MS more; not accepted',
    changes: ([code, ms]) => ({
      refusal: new CommandRefused('CMS', Number(code)),
      replyDelayMs: Number(ms),
    }),
  },
  'cms-though-accepted': {
    parameters: [{ name: 'CODE' }, { name: 'MS' }],
    does: 'accepted at Ctrl-Z, the network’s word for it is lost: +CMS ERROR: CODE after MS more',
    changes: ([code, ms]) => ({
      refusalThoughAccepted: new CommandRefused('CMS', Number(code)),
      replyDelayMs: Number(ms),
      acceptsAtOnce: true,
    }),
  },
  'cms-behind-cmgs': {
    parameters: [{ name: 'CODE' }],
    does: 'accepted; +CMGS, and +CMS ERROR: CODE instead of OK',
    changes: ([code]) => ({ refusalBehindCmgs: new CommandRefused('CMS', Number(code)) }),
  },
  silence: {
    parameters: [milliseconds(30_000)],
    does: 'accepted, never answered; deaf for MS, then free again',
    changes: ([ms]) => ({ silenceMs: Number(ms) }),
  },
  'silence-lost': {
    parameters: [milliseconds(30_000)],
    does: 'not accepted, never answered; deaf for MS, then free again',
    changes: ([ms]) => ({ silenceMs: Number(ms), accepts: false }),
  },
  late: {
    parameters: [{ name: 'MS' }],
    does: 'accepted at Ctrl-Z, +CMGS comes MS later than usual',
    changes: ([ms]) => ({ replyDelayMs: Number(ms), acceptsAtOnce: true }),
  },
  'early-ok': {
    parameters: [milliseconds(14_000)],
    does: 'accepted; OK at Ctrl-Z, +CMGS MS later than usual',
    changes: ([ms]) => ({
      replyDelayMs: Number(ms),
      acceptsAtOnce: true,
      saysOkEarly: true,
      omitsOk: true,
    }),
  },
  'others-refused': {
    parameters: [{ name: 'RESULT' }, { name: 'MS' }],
    does: 'accepted at Ctrl-Z, +CMGS comes MS later; any other command meanwhile is answered with RESULT: CME515, CMS314 …',
    changes: ([result, ms]) => ({
      answerToOthers: refusal(result),
      replyDelayMs: Number(ms),
      acceptsAtOnce: true,
    }),
  },
  busy: {
    parameters: [{ name: 'RESULT' }, { name: 'MS' }],
    does: 'accepted, +CMGS never comes; any other command is answered with RESULT for MS: ERROR, CME515 …; then OK comes alone',
    changes: ([result, ms]) => busyFor(result, ms),
  },
  'busy-lost': {
    parameters: [{ name: 'RESULT' }, { name: 'MS' }],
    does: 'not accepted, +CMGS never comes; any other command is answered with RESULT for MS; then OK comes alone',
    changes: ([result, ms]) => ({ ...busyFor(result, ms), accepts: false }),
  },
  held: {
    parameters: [milliseconds(100)],
    does: 'accepted; where the PDU came less than MS after the prompt, +CMGS is kept back until the next command',
    changes: ([ms]) => ({ heldUnlessPauseMs: Number(ms) }),
  },
  'prompt-refused': {
    parameters: [{ name: 'RESULT', preset: 'ERROR' }],
    does: 'AT+CMGS is answered with RESULT: ERROR, CMS304 …; not accepted',
    changes: ([result = 'ERROR']) => ({ refusesPrompt: refusedAs(result) }),
  },
  'no-prompt': {
    parameters: [milliseconds(10_000)],
    does: 'AT+CMGS is never answered; deaf for MS, then free again',
    changes: ([ms]) => ({ prompts: 0, promptlessMs: Number(ms) }),
  },
  'prompt-late': {
    parameters: [{ name: 'MS' }],
    does: 'the prompt comes MS late',
    changes: ([ms]) => ({ promptDelayMs: Number(ms) }),
  },
  prompts: {
    parameters: [{ name: 'COUNT', preset: '2' }],
    does: 'the prompt is printed COUNT times',
    changes: ([count]) => ({ prompts: Math.max(1, Number(count)) }),
  },
  garble: {
    parameters: [],
    does: 'accepted; bit errors in the reply',
    changes: () => ({ distortion: { garble: true } }),
  },
  'garble-rx': {
    parameters: [],
    does: 'a bit error in the PDU as the modem receives it',
    changes: () => ({ garblesReceived: true }),
  },
  'drop-bytes': {
    parameters: [],
    does: 'accepted; bytes of the reply are lost',
    changes: () => ({ distortion: { drop: true } }),
  },
  split: {
    parameters: [milliseconds(2)],
    does: 'accepted; the reply comes in single bytes, MS apart',
    changes: ([ms]) => ({ distortion: { splitPauseMs: Number(ms) } }),
  },
  'ok-missing': {
    parameters: [],
    does: 'accepted; +CMGS without OK',
    changes: () => ({ omitsOk: true }),
  },
  'cmgs-missing': {
    parameters: [],
    does: 'accepted; OK without +CMGS',
    changes: () => ({ omitsCmgs: true }),
  },
  'urc-burst': {
    parameters: [{ name: 'COUNT', preset: '5' }],
    does: 'accepted; COUNT unsolicited lines between Ctrl-Z and the reply',
    changes: ([count]) => ({ burstLines: Number(count) }),
  },
  air: {
    parameters: [{ name: 'WHAT', words: airTextNames }],
    does: 'accepted; what is not the modem’s own is said between Ctrl-Z and the reply',
    changes: ([what]) => ({ airText: what as AirText }),
  },
  'air-lost': {
    parameters: [{ name: 'WHAT', words: airTextNames }, milliseconds(30_000)],
    does: 'not accepted, never answered but by what is not the modem’s own; deaf for MS, then free again',
    changes: ([what, ms]) => ({ airText: what as AirText, silenceMs: Number(ms), accepts: false }),
  },
  flood: {
    parameters: [{ name: 'KIB', preset: '64' }],
    does: 'accepted; KIB KiB without a newline between Ctrl-Z and the reply',
    changes: ([kib]) => ({ floodOctets: Number(kib) * 1024 }),
  },
  'registration-lost': {
    parameters: [{ name: 'MS' }],
    does: 'the network drops the modem for MS: +CMS ERROR: 331; not accepted',
    changes: ([ms]) => ({ registrationLostMs: Number(ms) }),
  },
  'smsc-unwritten': {
    parameters: [],
    does: '+CMS ERROR: 330 until +CSCA is written; not accepted before',
    changes: () => ({ serviceCentreTrouble: 'unwritten' }),
  },
  'smsc-not-in-pdu': {
    parameters: [],
    does: '+CMS ERROR: 330 for each PDU without SMSC until the next restart; those are not accepted',
    changes: () => ({ serviceCentreTrouble: 'not_in_pdu' }),
  },
  'reboot-before-prompt': {
    parameters: [],
    does: 'restarts instead of the prompt; not accepted',
    changes: breaksAt('before-prompt', 'reboot', false),
  },
  'reboot-before-ctrlz': {
    parameters: [],
    does: 'restarts during the PDU; not accepted',
    changes: breaksAt('during-pdu', 'reboot', false),
  },
  'reboot-after-ctrlz': {
    parameters: [],
    does: 'accepted, then restarts without a reply',
    changes: breaksAt('after-ctrl-z', 'reboot', true),
  },
  'reboot-after-ctrlz-lost': {
    parameters: [],
    does: 'restarts after Ctrl-Z without a reply; not accepted',
    changes: breaksAt('after-ctrl-z', 'reboot', false),
  },
  'hangup-before': {
    parameters: reattach,
    does: 'unplugged instead of the prompt, back after MS; not accepted',
    changes: breaksAt('before-prompt', 'unplug', false),
  },
  'hangup-during-pdu': {
    parameters: reattach,
    does: 'unplugged during the PDU, back after MS; not accepted',
    changes: breaksAt('during-pdu', 'unplug', false),
  },
  'hangup-after-ctrlz': {
    parameters: reattach,
    does: 'accepted, then unplugged without a reply, back after MS',
    changes: breaksAt('after-ctrl-z', 'unplug', true),
  },
  'hangup-after-ctrlz-lost': {
    parameters: reattach,
    does: 'unplugged after Ctrl-Z, back after MS; not accepted',
    changes: breaksAt('after-ctrl-z', 'unplug', false),
  },
  'glitch-after-ctrlz': {
    parameters: reattach,
    does: 'accepted; the tty goes and is back after MS, the modem keeps its power and says +CMGS when due',
    changes: breaksAt('after-ctrl-z', 'glitch', true),
  },
  'hangup-after-reply': {
    parameters: [milliseconds(500), { name: 'DELAY_MS', preset: '20' }],
    does: 'accepted and answered, unplugged DELAY_MS later, back after MS',
    changes: breaksAt('after-reply', 'unplug', true),
  },
} satisfies Record<string, FaultKindEntry>;
