import { type FaultKindEntry, type FaultParameter, faultKinds } from './fault-kinds.js';
import { OptionSyntaxError } from './option-syntax.js';
import type { Random } from './random.js';
import { faultlessPlan, type SubmitPlan } from './submit-plan.js';
import { troubleKinds } from './troubles.js';

/**
 * Not tied to a submit: the modem wakes in the middle of somebody's PDU, where a Ctrl-Z would
 * submit garbage. WHEN counts power-ons.
 */
export const stuckPrompt = 'stuck-prompt';

export type SubmitFaultKind = keyof typeof faultKinds;
export type FaultKind = SubmitFaultKind | typeof stuckPrompt;

/**
 * Which submits (or power-ons) a fault hits: a range, 1-based and inclusive, or a share of them.
 */
export type FaultWhen = { from: number; to: number } | { probability: number };

export interface FaultSpec {
  kind: FaultKind;
  /** As many as the kind has parameters; presets are filled in. */
  args: readonly string[];
  when: FaultWhen;
  /** As written. */
  text: string;
}

/**
 * Reads `KIND[:ARG…][@WHEN]`, where WHEN is `N`, `N-M`, `N%` or `*` (the default). The last
 * argument may hold colons. Throws {@link OptionSyntaxError}.
 */
export function parseFault(text: string): FaultSpec {
  const [, body = '', when = '*'] =
    /^(.*?)(?:@(\*|\d+(?:\.\d+)?%|\d+(?:-\d+)?))?$/s.exec(text) ?? [];
  const [kind = '', ...given] = body.split(':');
  if (!isFaultKind(kind)) {
    throw new OptionSyntaxError(
      `unknown fault "${kind}"; known: ${[...Object.keys(faultKinds), stuckPrompt, ...Object.keys(troubleKinds)].join(', ')}`,
    );
  }
  const parameters: readonly FaultParameter[] =
    kind === stuckPrompt ? [] : faultKinds[kind].parameters;
  return { kind, args: readArguments(text, parameters, given), when: readWhen(when), text };
}

function isFaultKind(kind: string): kind is FaultKind {
  return kind === stuckPrompt || Object.hasOwn(faultKinds, kind);
}

function readArguments(
  text: string,
  parameters: readonly FaultParameter[],
  given: readonly string[],
): string[] {
  const last = parameters.length - 1;
  const merged =
    given.length > parameters.length && last >= 0
      ? [...given.slice(0, last), given.slice(last).join(':')]
      : given;
  if (merged.length > parameters.length)
    throw new OptionSyntaxError(`"${text}": takes no argument`);
  return parameters.map((parameter, index) => {
    const value = merged[index] ?? parameter.preset;
    if (value === undefined) throw new OptionSyntaxError(`"${text}": ${parameter.name} is missing`);
    if (parameter.words !== undefined && !parameter.words.includes(value)) {
      throw new OptionSyntaxError(
        `"${text}": ${parameter.name} must be one of ${parameter.words.join(', ')}`,
      );
    }
    if (parameter.words === undefined && !isFree(parameter) && !/^\d{1,9}$/.test(value)) {
      throw new OptionSyntaxError(
        `"${text}": ${parameter.name} must be a whole number, not "${value}"`,
      );
    }
    return value;
  });
}

const isFree = ({ name }: FaultParameter): boolean => name === 'TEXT' || name === 'RESULT';

function readWhen(when: string): FaultWhen {
  if (when === '*') return { from: 1, to: Number.POSITIVE_INFINITY };
  if (when.endsWith('%')) return { probability: Number(when.slice(0, -1)) / 100 };
  const [from = '', to = from] = when.split('-');
  return { from: Number(from), to: Number(to) };
}

/**
 * Decides which faults hit which submit. Every submit draws the same number of times, so a seed
 * replays.
 */
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

  /** What is queued is not played any more. */
  forgetQueued(): void {
    this.#queued = [];
  }

  /** The plan of the next submit. */
  nextSubmit(): SubmitPlan {
    this.#submits += 1;
    const plan = faultlessPlan(this.#submits);
    const standing = this.#standing.filter((spec) => this.#hits(spec, this.#submits));
    for (const spec of [...standing, ...this.#queued.map((entry) => entry.spec)]) {
      if (spec.kind === stuckPrompt) continue;
      const { changes }: FaultKindEntry = faultKinds[spec.kind];
      const { distortion, ...others } = changes(spec.args);
      Object.assign(plan, others);
      if (distortion !== undefined) plan.distortion = { ...plan.distortion, ...distortion };
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
    return this.#standing.some(
      (spec) => spec.kind === stuckPrompt && this.#hits(spec, this.#powerOns),
    );
  }

  #hits(spec: FaultSpec, count: number): boolean {
    if ('probability' in spec.when) return this.#random.next() < spec.when.probability;
    return count >= spec.when.from && count <= spec.when.to;
  }
}
