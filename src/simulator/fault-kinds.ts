import { type AirText, airTextNames } from './air.js';
import { refusal } from './answer.js';
import type { Break, BreakPoint, SubmitPlan } from './submit-plan.js';

/** An argument of a fault. */
export interface FaultParameter {
  name: string;
  /** The words it can be; else it is a number, or any text where it is called TEXT. */
  words?: readonly string[];
  /** Used when the argument is left out; without one it must be given. */
  preset?: string;
}

interface FaultKindEntry {
  parameters: readonly FaultParameter[];
  /** For `--help` and for people: what the modem does, and whether the network has the message. */
  does: string;
  apply(plan: SubmitPlan, args: readonly string[]): void;
}

const number = (args: readonly string[], index: number): number => Number(args[index]);
const milliseconds = (preset: number): FaultParameter => ({ name: 'MS', preset: String(preset) });
const reattach: readonly FaultParameter[] = [milliseconds(500)];

function breaksAt(at: BreakPoint, how: Break['how'], accepts: boolean): FaultKindEntry['apply'] {
  return (plan, args) => {
    plan.break = {
      at,
      how,
      downMs: number(args, 0),
      delayMs: args[1] === undefined ? 0 : number(args, 1),
    };
    plan.accepts = accepts;
    plan.acceptsAtOnce = accepts;
  };
}

/** Every fault that can be played on a submit. */
export const faultKinds = {
  cms: {
    parameters: [{ name: 'CODE' }],
    does: 'refused with +CMS ERROR: CODE; not accepted',
    apply: (plan, args) => {
      plan.refusal = { cms: number(args, 0) };
    },
  },
  'cms-verbose': {
    parameters: [{ name: 'TEXT' }],
    does: 'refused with +CMS ERROR: TEXT; not accepted',
    apply: (plan, args) => {
      plan.refusal = { text: args[0] ?? '' };
    },
  },
  error: {
    parameters: [],
    does: 'refused with a bare ERROR; not accepted',
    apply: (plan) => {
      plan.refusal = { bare: true };
    },
  },
  'cms-late': {
    parameters: [{ name: 'CODE' }, { name: 'MS' }],
    does: 'refused with +CMS ERROR: CODE after MS more; not accepted',
    apply: (plan, args) => {
      plan.refusal = { cms: number(args, 0) };
      plan.replyDelayMs = number(args, 1);
    },
  },
  silence: {
    parameters: [milliseconds(30_000)],
    does: 'accepted, never answered; deaf for MS, then free again',
    apply: (plan, args) => {
      plan.silenceMs = number(args, 0);
    },
  },
  'silence-lost': {
    parameters: [milliseconds(30_000)],
    does: 'not accepted, never answered; deaf for MS, then free again',
    apply: (plan, args) => {
      plan.silenceMs = number(args, 0);
      plan.accepts = false;
    },
  },
  late: {
    parameters: [{ name: 'MS' }],
    does: 'accepted at Ctrl-Z, +CMGS comes MS later than usual',
    apply: (plan, args) => {
      plan.replyDelayMs = number(args, 0);
      plan.acceptsAtOnce = true;
    },
  },
  'early-ok': {
    parameters: [milliseconds(14_000)],
    does: 'accepted; OK at Ctrl-Z, +CMGS MS later than usual',
    apply: (plan, args) => {
      plan.replyDelayMs = number(args, 0);
      plan.acceptsAtOnce = true;
      plan.saysOkEarly = true;
      plan.omitsOk = true;
    },
  },
  'others-refused': {
    parameters: [{ name: 'RESULT' }, { name: 'MS' }],
    does: 'accepted at Ctrl-Z, +CMGS comes MS later; any other command meanwhile is answered with RESULT: CME515, CMS314 …',
    apply: (plan, args) => {
      plan.answerToOthers = refusal(args[0]);
      plan.replyDelayMs = number(args, 1);
      plan.acceptsAtOnce = true;
    },
  },
  held: {
    parameters: [milliseconds(100)],
    does: 'accepted; where the PDU came less than MS after the prompt, +CMGS is kept back until the next command',
    apply: (plan, args) => {
      plan.heldUnlessPauseMs = number(args, 0);
    },
  },
  'prompt-refused': {
    parameters: [],
    does: 'AT+CMGS is answered with ERROR; not accepted',
    apply: (plan) => {
      plan.refusesPrompt = true;
    },
  },
  'no-prompt': {
    parameters: [milliseconds(10_000)],
    does: 'AT+CMGS is never answered; deaf for MS, then free again',
    apply: (plan, args) => {
      plan.prompts = 0;
      plan.promptlessMs = number(args, 0);
    },
  },
  'prompt-late': {
    parameters: [{ name: 'MS' }],
    does: 'the prompt comes MS late',
    apply: (plan, args) => {
      plan.promptDelayMs = number(args, 0);
    },
  },
  prompts: {
    parameters: [{ name: 'COUNT', preset: '2' }],
    does: 'the prompt is printed COUNT times',
    apply: (plan, args) => {
      plan.prompts = Math.max(1, number(args, 0));
    },
  },
  garble: {
    parameters: [],
    does: 'accepted; bit errors in the reply',
    apply: (plan) => {
      plan.distortion.garble = true;
    },
  },
  'garble-rx': {
    parameters: [],
    does: 'a bit error in the PDU as the modem receives it',
    apply: (plan) => {
      plan.garblesReceived = true;
    },
  },
  'drop-bytes': {
    parameters: [],
    does: 'accepted; bytes of the reply are lost',
    apply: (plan) => {
      plan.distortion.drop = true;
    },
  },
  split: {
    parameters: [milliseconds(2)],
    does: 'accepted; the reply comes in single bytes, MS apart',
    apply: (plan, args) => {
      plan.distortion.splitPauseMs = number(args, 0);
    },
  },
  'ok-missing': {
    parameters: [],
    does: 'accepted; +CMGS without OK',
    apply: (plan) => {
      plan.omitsOk = true;
    },
  },
  'cmgs-missing': {
    parameters: [],
    does: 'accepted; OK without +CMGS',
    apply: (plan) => {
      plan.omitsCmgs = true;
    },
  },
  'urc-burst': {
    parameters: [{ name: 'COUNT', preset: '5' }],
    does: 'accepted; COUNT unsolicited lines between Ctrl-Z and the reply',
    apply: (plan, args) => {
      plan.burstLines = number(args, 0);
    },
  },
  air: {
    parameters: [{ name: 'WHAT', words: airTextNames }],
    does: 'accepted; what is not the modem’s own is said between Ctrl-Z and the reply',
    apply: (plan, args) => {
      plan.airText = args[0] as AirText;
    },
  },
  'air-lost': {
    parameters: [{ name: 'WHAT', words: airTextNames }, milliseconds(30_000)],
    does: 'not accepted, never answered but by what is not the modem’s own; deaf for MS, then free again',
    apply: (plan, args) => {
      plan.airText = args[0] as AirText;
      plan.silenceMs = number(args, 1);
      plan.accepts = false;
    },
  },
  flood: {
    parameters: [{ name: 'KIB', preset: '64' }],
    does: 'accepted; KIB KiB without a newline between Ctrl-Z and the reply',
    apply: (plan, args) => {
      plan.floodOctets = number(args, 0) * 1024;
    },
  },
  'registration-lost': {
    parameters: [{ name: 'MS' }],
    does: 'the network drops the modem for MS: +CMS ERROR: 331; not accepted',
    apply: (plan, args) => {
      plan.registrationLostMs = number(args, 0);
    },
  },
  'smsc-unwritten': {
    parameters: [],
    does: '+CMS ERROR: 330 until +CSCA is written; not accepted before',
    apply: (plan) => {
      plan.serviceCentreTrouble = 'unwritten';
    },
  },
  'smsc-not-in-pdu': {
    parameters: [],
    does: '+CMS ERROR: 330 for each PDU without SMSC until the next restart; those are not accepted',
    apply: (plan) => {
      plan.serviceCentreTrouble = 'not_in_pdu';
    },
  },
  'reboot-before-prompt': {
    parameters: [],
    does: 'restarts instead of the prompt; not accepted',
    apply: breaksAt('before-prompt', 'reboot', false),
  },
  'reboot-before-ctrlz': {
    parameters: [],
    does: 'restarts during the PDU; not accepted',
    apply: breaksAt('during-pdu', 'reboot', false),
  },
  'reboot-after-ctrlz': {
    parameters: [],
    does: 'accepted, then restarts without a reply',
    apply: breaksAt('after-ctrl-z', 'reboot', true),
  },
  'reboot-after-ctrlz-lost': {
    parameters: [],
    does: 'restarts after Ctrl-Z without a reply; not accepted',
    apply: breaksAt('after-ctrl-z', 'reboot', false),
  },
  'hangup-before': {
    parameters: reattach,
    does: 'unplugged instead of the prompt, back after MS; not accepted',
    apply: breaksAt('before-prompt', 'unplug', false),
  },
  'hangup-during-pdu': {
    parameters: reattach,
    does: 'unplugged during the PDU, back after MS; not accepted',
    apply: breaksAt('during-pdu', 'unplug', false),
  },
  'hangup-after-ctrlz': {
    parameters: reattach,
    does: 'accepted, then unplugged without a reply, back after MS',
    apply: breaksAt('after-ctrl-z', 'unplug', true),
  },
  'hangup-after-ctrlz-lost': {
    parameters: reattach,
    does: 'unplugged after Ctrl-Z, back after MS; not accepted',
    apply: breaksAt('after-ctrl-z', 'unplug', false),
  },
  'glitch-after-ctrlz': {
    parameters: reattach,
    does: 'accepted; the tty goes and is back after MS, the modem keeps its power and says +CMGS when due',
    apply: breaksAt('after-ctrl-z', 'glitch', true),
  },
  'hangup-after-reply': {
    parameters: [milliseconds(500), { name: 'DELAY_MS', preset: '20' }],
    does: 'accepted and answered, unplugged DELAY_MS later, back after MS',
    apply: breaksAt('after-reply', 'unplug', true),
  },
} satisfies Record<string, FaultKindEntry>;
