/**
 * What the engine's scripts are given: HMACs, names of our own, and figures; no number, no text.
 */

import type { SharedMessage } from '../dispatch/shared-truth.js';
import type { Terms, TermWindow } from '../policy/terms.js';

/** Of a message. */
export function bodyOf(message: SharedMessage, terms: Terms, sk: string): object {
  const { id, caller, segments, key, cameAt, deadlineAt } = message;
  const now = performance.now();
  return {
    id,
    caller,
    segments,
    sk,
    age: Math.max(0, Math.round(now - cameAt)),
    left: Math.max(0, Math.round(deadlineAt - now)),
    ...(key && { key: key.keyHmac, rq: key.requestHmac, keyFor: Math.round(key.keyForMs) }),
    alert: terms.isAlert,
    rec: terms.recipientHmac,
    blk: terms.blockHmac,
    recWindow: windowKey({ of: 'all', name: 'per_recipient', key: terms.recipientHmac }),
    first: terms.lockOutFirstMs,
    longest: terms.lockOutLongestMs,
    windows: windowsOf(terms),
  };
}

export function windowsOf({ windows }: Pick<Terms, 'windows'>): object[] {
  return windows.map((window) => ({
    k: windowKey(window),
    l: window.limits.map(({ count, windowMs }) => [count, windowMs]),
    near: window.nearlyFull,
    ...(window.name === 'per_recipient' && window.of === 'all' && { r: true }),
  }));
}

/** Behind `w:`. */
export function windowKey({ of, name, key }: Pick<TermWindow, 'of' | 'name' | 'key'>): string {
  return `${of === 'all' ? 'l' : 'a'}:${name}:${key}`;
}
