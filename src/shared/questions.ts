/**
 * What the engine's scripts are given: HMACs, names of our own, and figures; no number, no text.
 */

import type { Limit } from '../config/policy.js';
import type { SharedMessage } from '../dispatch/shared-truth.js';
import { mostCountries, type SharedWindows } from '../policy/shared-uses.js';
import type { Terms, TermWindow } from '../policy/terms.js';

/**
 * What is the same each time that a message is asked or told about, as JSON without its end: it is
 * made once.
 */
export function fixedPartOf(message: SharedMessage, terms: Terms, sk: string, box: string): string {
  const { id, caller, segments, key } = message;
  const part = {
    id,
    caller,
    segments,
    sk,
    box,
    ...(key && { key: key.keyHmac, rq: key.requestHmac, keyFor: Math.round(key.keyForMs) }),
    ...rulesOf(terms),
  };
  return JSON.stringify(part).slice(0, -1);
}

/** What a message is judged by. */
export function rulesOf(terms: Terms): object {
  return {
    alert: terms.isAlert,
    rec: terms.recipientHmac,
    blk: terms.blockHmac,
    recWindow: windowKey({ of: 'all', name: 'per_recipient', key: terms.recipientHmac }),
    first: terms.lockOutFirstMs,
    longest: terms.lockOutLongestMs,
    windows: windowsOf(terms),
  };
}

/** The whole, with what is so now. */
export function questionOf(
  fixedPart: string,
  { cameAt, deadlineAt }: SharedMessage,
  more: object,
): string {
  const now = performance.now();
  const [age, left] = [Math.max(0, now - cameAt), Math.max(0, deadlineAt - now)].map(Math.round);
  return `${fixedPart},${JSON.stringify({ age, left, ...more }).slice(1)}`;
}

export function windowsOf({ windows }: Pick<Terms, 'windows'>): object[] {
  return windows.map((window) => ({
    k: windowKey(window),
    l: window.limits.map(asPair),
    near: window.nearlyFull,
    ...(window.name === 'per_recipient' && window.of === 'all' && { r: true }),
  }));
}

/** Which limits are asked for that many share; of countries, those to which most was sent. */
export function usesQuestion({ windows, perCountry }: SharedWindows): object {
  return {
    windows: windows.map(({ name, key = '', limits }) => ({
      k: windowKey({ of: 'all', name, key }),
      l: limits.map(asPair),
    })),
    country: perCountry.map(asPair),
    most: perCountry.length === 0 ? 0 : mostCountries,
  };
}

const asPair = ({ count, windowMs }: Limit): [number, number] => [count, windowMs];

/** Behind `w:`. */
export function windowKey({ of, name, key }: Pick<TermWindow, 'of' | 'name' | 'key'>): string {
  return `${of === 'all' ? 'l' : 'a'}:${name}:${key}`;
}
