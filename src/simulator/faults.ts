import type { Random } from './random.js';

/** How the bytes of one reply are spoilt on their way to the tty. */
export interface Distortion {
  /** Flips one bit in about one octet of eight, at least in one. */
  garble?: boolean;
  /** Loses about one octet of eight, at least one. */
  drop?: boolean;
  /** Sends octet by octet with this pause before each. */
  splitPauseMs?: number;
}

/** The network's or the modem's no to a submit. */
export type Refusal = { cms: number } | { text: string } | { bare: true };

/** Points of a submit at which the modem can go away. */
export type BreakPoint = 'before-prompt' | 'during-pdu' | 'after-ctrl-z' | 'after-reply';

export interface Break {
  at: BreakPoint;
  /** `reboot`: it restarts. `unplug`: tty and power go. `glitch`: the tty goes, the modem lives and works on. */
  how: 'reboot' | 'unplug' | 'glitch';
  /** Milliseconds until the tty is back; of no use to a reboot. */
  downMs: number;
  /** Milliseconds from the break point to the break, so that bytes already said can be read. */
  delayMs: number;
}

/** What is to happen in one submit, from its AT+CMGS to its last reply. Faults change the fields. */
export interface SubmitPlan {
  /** 1-based, counted over the life of the simulator, refused submits included. */
  readonly submit: number;
  /** The faults at work, as they were written. */
  readonly faults: string[];
  promptDelayMs: number;
  /** How often the prompt is printed; 1 is right. */
  prompts: number;
  /** With no prompt: how long the modem stays deaf before it takes commands again. */
  promptlessMs: number;
  break: Break | undefined;
  garblesReceived: boolean;
  /** Whether the network takes the TPDU, when nothing else stands against it. */
  accepts: boolean;
  /** The network takes it at Ctrl-Z, not when the reply is due. */
  acceptsAtOnce: boolean;
  refusal: Refusal | undefined;
  /** Added to the time from Ctrl-Z to the reply. */
  replyDelayMs: number;
  /** No reply ever; the modem takes commands again after this time. */
  silenceMs: number | undefined;
  registrationLostMs: number | undefined;
  omitsOk: boolean;
  omitsCmgs: boolean;
  /** Noise lines between Ctrl-Z and the reply. */
  burstLines: number;
  /** Octets without a newline before the reply. */
  floodOctets: number;
  readonly distortion: Distortion;
}

export function faultlessPlan(submit: number): SubmitPlan {
  return {
    submit,
    faults: [],
    promptDelayMs: 0,
    prompts: 1,
    promptlessMs: 0,
    break: undefined,
    garblesReceived: false,
    accepts: true,
    acceptsAtOnce: false,
    refusal: undefined,
    replyDelayMs: 0,
    silenceMs: undefined,
    registrationLostMs: undefined,
    omitsOk: false,
    omitsCmgs: false,
    burstLines: 0,
    floodOctets: 0,
    distortion: {},
  };
}

interface Parameter {
  name: string;
  /** Used when the argument is left out; without one it must be given. */
  preset?: string;
}

interface FaultKindEntry {
  parameters: readonly Parameter[];
  /** For `--help` and for people: what the modem does, and whether the network has the message. */
  does: string;
  apply(plan: SubmitPlan, args: readonly string[]): void;
}

const number = (args: readonly string[], index: number): number => Number(args[index]);
const milliseconds = (preset: number): Parameter => ({ name: 'MS', preset: String(preset) });
const reattach: readonly Parameter[] = [milliseconds(500)];

function breaksAt(at: BreakPoint, how: Break['how'], accepts: boolean): FaultKindEntry['apply'] {
  return (plan, args) => {
    plan.break = { at, how, downMs: number(args, 0), delayMs: args[1] === undefined ? 0 : number(args, 1) };
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

/** Not tied to a submit: the modem wakes in the middle of somebody's PDU, where a Ctrl-Z would submit garbage. WHEN counts power-ons. */
export const stuckPrompt = 'stuck-prompt';

export type SubmitFaultKind = keyof typeof faultKinds;
export type FaultKind = SubmitFaultKind | typeof stuckPrompt;

/** Which submits (or power-ons) a fault hits: a range, 1-based and inclusive, or a share of them. */
export type FaultWhen = { from: number; to: number } | { probability: number };

export interface FaultSpec {
  kind: FaultKind;
  /** As many as the kind has parameters; presets are filled in. */
  args: readonly string[];
  when: FaultWhen;
  /** As written. */
  text: string;
}

/** The text is no fault; the message says what was expected. */
export class FaultSyntaxError extends Error {
  override readonly name = 'FaultSyntaxError';
}

/**
 * Reads `KIND[:ARG…][@WHEN]`, where WHEN is `N`, `N-M`, `N%` or `*` (the default). The last argument may hold colons.
 * Throws {@link FaultSyntaxError}.
 */
export function parseFault(text: string): FaultSpec {
  const [, body = '', when = '*'] = /^(.*?)(?:@(\*|\d+(?:\.\d+)?%|\d+(?:-\d+)?))?$/s.exec(text) ?? [];
  const [kind = '', ...given] = body.split(':');
  if (!isFaultKind(kind)) {
    throw new FaultSyntaxError(
      `unknown fault "${kind}"; known: ${[...Object.keys(faultKinds), stuckPrompt].join(', ')}`,
    );
  }
  const parameters: readonly Parameter[] = kind === stuckPrompt ? [] : faultKinds[kind].parameters;
  return { kind, args: readArguments(text, parameters, given), when: readWhen(when), text };
}

function isFaultKind(kind: string): kind is FaultKind {
  return kind === stuckPrompt || Object.hasOwn(faultKinds, kind);
}

function readArguments(text: string, parameters: readonly Parameter[], given: readonly string[]): string[] {
  const last = parameters.length - 1;
  const merged =
    given.length > parameters.length && last >= 0
      ? [...given.slice(0, last), given.slice(last).join(':')]
      : given;
  if (merged.length > parameters.length) throw new FaultSyntaxError(`"${text}": takes no argument`);
  return parameters.map((parameter, index) => {
    const value = merged[index] ?? parameter.preset;
    if (value === undefined) throw new FaultSyntaxError(`"${text}": ${parameter.name} is missing`);
    if (parameter.name !== 'TEXT' && !/^\d{1,9}$/.test(value)) {
      throw new FaultSyntaxError(`"${text}": ${parameter.name} must be a whole number, not "${value}"`);
    }
    return value;
  });
}

function readWhen(when: string): FaultWhen {
  if (when === '*') return { from: 1, to: Number.POSITIVE_INFINITY };
  if (when.endsWith('%')) return { probability: Number(when.slice(0, -1)) / 100 };
  const [from = '', to = from] = when.split('-');
  return { from: Number(from), to: Number(to) };
}

/** Decides which faults hit which submit. Every submit draws the same number of times, so a seed replays. */
export class FaultPlanner {
  readonly #random: Random;
  readonly #standing: readonly FaultSpec[];
  #queued: { spec: FaultSpec; submitsLeft: number }[] = [];
  #submits = 0;
  #powerOns = 0;

  constructor(faults: readonly FaultSpec[], random: Random) {
    this.#standing = faults;
    this.#random = random;
  }

  get submits(): number {
    return this.#submits;
  }

  /** Plays `spec` on the next `submits` submits, whatever its own WHEN says. */
  queue(spec: FaultSpec, submits: number): void {
    this.#queued.push({ spec, submitsLeft: submits });
  }

  /** The plan of the next submit. */
  nextSubmit(): SubmitPlan {
    this.#submits += 1;
    const plan = faultlessPlan(this.#submits);
    const standing = this.#standing.filter((spec) => this.#hits(spec, this.#submits));
    for (const spec of [...standing, ...this.#queued.map((entry) => entry.spec)]) {
      if (spec.kind === stuckPrompt) continue;
      faultKinds[spec.kind].apply(plan, spec.args);
      plan.faults.push(spec.text);
    }
    this.#queued = this.#queued
      .map((entry) => ({ ...entry, submitsLeft: entry.submitsLeft - 1 }))
      .filter((entry) => entry.submitsLeft > 0);
    return plan;
  }

  /** Whether the modem wakes with somebody's prompt open. */
  nextPowerOnIsStuck(): boolean {
    this.#powerOns += 1;
    return this.#standing.some((spec) => spec.kind === stuckPrompt && this.#hits(spec, this.#powerOns));
  }

  #hits(spec: FaultSpec, count: number): boolean {
    if ('probability' in spec.when) return this.#random.next() < spec.when.probability;
    return count >= spec.when.from && count <= spec.when.to;
  }
}
