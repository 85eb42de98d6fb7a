/** Messages of the carrier that the operator wants to know of: low credit, a SIM that expires. */

import { isSameSender } from '../number/e164.js';
import type { Condition } from '../words/condition.js';
import { Expression } from '../words/expression.js';

/** A `[[carrier_message]]`. */
export interface CarrierRule {
  kind: string;
  /** Senders; undefined: everybody. */
  from: readonly string[] | undefined;
  match: string;
}

/** For so long a message is told of, and another one of its kind says nothing new. */
const toldForMs = 86_400_000;

export class CarrierMessages {
  readonly #expressions = new Map<string, Expression>();
  /** By kind and modem, wall-clock milliseconds at which it was first told today. */
  readonly #told = new Map<string, { kind: string; modem: string; sinceMs: number }>();

  /** The kinds that are new with this text; each counts once a day and modem. */
  look(
    rules: readonly CarrierRule[],
    { from, text, modem }: { from: string; text: string | undefined; modem: string },
    nowMs: number,
  ): string[] {
    if (text === undefined) return [];
    this.#forgetOld(nowMs);
    const fitting = rules.filter(
      ({ from: senders, match }) =>
        (senders === undefined || senders.some((one) => isSameSender(one, from))) &&
        this.#expression(match).find(text) !== undefined,
    );
    const fresh = [...new Set(fitting.map(({ kind }) => kind))].filter(
      (kind) => !this.#told.has(`${kind} ${modem}`),
    );
    for (const kind of fresh) this.#told.set(`${kind} ${modem}`, { kind, modem, sinceMs: nowMs });
    return fresh;
  }

  conditions(nowMs: number): Condition[] {
    this.#forgetOld(nowMs);
    return [...this.#told.values()].map(({ kind, modem, sinceMs }) => ({
      kind: 'carrier_message' as const,
      about: `${kind} ${modem}`,
      sentence: `the carrier of modem ${modem} has written: ${kind} (a [[carrier_message]] of the configuration)`,
      remedy: 'simgate keeps no text: read it at the receiver of [inbound], or at the carrier',
      sinceMs,
    }));
  }

  #forgetOld(nowMs: number): void {
    for (const [key, { sinceMs }] of this.#told)
      if (Math.abs(nowMs - sinceMs) >= toldForMs) this.#told.delete(key);
  }

  #expression(match: string): Expression {
    const known = this.#expressions.get(match);
    if (known !== undefined) return known;
    // Those of the configuration only: they are few, and were checked when it was read.
    const expression = new Expression(match);
    this.#expressions.set(match, expression);
    return expression;
  }
}
