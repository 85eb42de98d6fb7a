/** What would change in a connection's options, for people: secrets and numbers masked. */

import { isDeepStrictEqual } from 'node:util';
import { toE164 } from '../../number/e164.js';
import { maskNumber } from '../../number/mask.js';
import { escapeControls } from '../../words/foreign.js';
import type { ConnectionOptions } from './connection.js';

/** Names of values that nobody should see over a shoulder. */
const secretNames = /secret$|token|password|_key$/i;
const shownLength = 120;

/**
 * A line for each value that goes (`-`) or comes (`+`), and one that names what stays. Empty when
 * nothing changes.
 */
export function diffOptions(before: ConnectionOptions, after: ConnectionOptions): string[] {
  const [old, next] = [flatten(before), flatten(after)];
  const names = [...new Set([...old.keys(), ...next.keys()])].sort();
  const lines = names.flatMap((name) => diffOf(name, old, next));
  if (lines.length === 0) return [];
  const kept = names.filter((name) => isSame(name, old, next));
  return [
    ...lines,
    `  kept: ${kept.length === 0 ? 'nothing' : kept.map(escapeControls).join(', ')}`,
  ];
}

/** Whether Auth0 shows asterisks in a value's place. */
export function isMasked(value: unknown): boolean {
  return typeof value === 'string' && /^[*•]+$/.test(value);
}

/** The names of the values that Auth0 masks, as `gateway_authentication.secret`. */
export function maskedNames(options: ConnectionOptions): string[] {
  return [...flatten(options)].filter(([, value]) => isMasked(value)).map(([name]) => name);
}

/**
 * The names of what was sent and is not there afterwards. What is masked, or not shown, cannot be
 * compared.
 */
export function unlike(sent: ConnectionOptions, found: ConnectionOptions): string[] {
  const after = flatten(found);
  return [...flatten(sent)]
    .filter(([name, value]) => {
      const shownValue = after.get(name);
      const isHidden = secretNames.test(name) && !after.has(name);
      return !isHidden && !isMasked(shownValue) && !isDeepStrictEqual(value, shownValue);
    })
    .map(([name]) => name);
}

type Values = ReadonlyMap<string, unknown>;

const isSame = (name: string, old: Values, next: Values) =>
  old.has(name) === next.has(name) && isDeepStrictEqual(old.get(name), next.get(name));

function diffOf(name: string, old: Values, next: Values): string[] {
  if (isSame(name, old, next)) return [];
  const line = (sign: string, values: Values) =>
    values.has(name) ? [`${sign} ${escapeControls(name)}: ${shown(name, values.get(name))}`] : [];
  return [...line('-', old), ...line('+', next)];
}

/** `{a: {b: 1}}` as `a.b` → 1. */
function flatten(options: ConnectionOptions, prefix = ''): Map<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [key, value] of Object.entries(options)) {
    const isNested = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isNested || Object.keys(value).length === 0) values.set(prefix + key, value);
    else
      for (const [name, inner] of flatten(value as ConnectionOptions, `${prefix}${key}.`))
        values.set(name, inner);
  }
  return values;
}

function shown(name: string, value: unknown): string {
  if (secretNames.test(name)) return value === null || value === '' ? 'none' : '(secret)';
  if (typeof value === 'string' && toE164(value) !== undefined)
    return JSON.stringify(maskNumber(value));
  const text = escapeControls(JSON.stringify(value) ?? 'undefined');
  return text.length > shownLength ? `${text.slice(0, shownLength - 1)}…` : text;
}
