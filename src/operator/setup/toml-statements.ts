/**
 * Where everything stands in a TOML file (TOML 1.0.0), so that a line of it can be changed and all
 * others stay as they are.
 */

import { parse } from 'smol-toml';

/**
 * Keys and, after the name of an array of tables, the index of the element: `['modem', 0,
 * 'device']`.
 */
export type TomlPath = readonly (string | number)[];

/**
 * A line `[table]` or `[[array of tables]]`. Offsets count UTF-16 units from the beginning of the
 * text.
 */
export interface Header {
  kind: 'header';
  path: TomlPath;
  /** Of its first character, behind any indent. */
  start: number;
  /** Of what follows the closing bracket. */
  end: number;
}

/** A `key = value`. */
export interface Pair {
  kind: 'pair';
  /** With that of the table it stands in. */
  path: TomlPath;
  /** The table's. */
  table: TomlPath;
  start: number;
  valueStart: number;
  /** Of what follows the value. */
  end: number;
  /** Whether the value, an array over several lines, has comments in it. */
  hasInnerComment: boolean;
}

export type Statement = Header | Pair;

/** The scanner and the parser do not agree about a file. */
export class UnreadableToml extends Error {
  override readonly name = 'UnreadableToml';
}

const blank = /(?:[ \t\r\n\ufeff]+|#[^\n]*)+/y;
const simpleKey = String.raw`(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')`;
const dottedKey = new RegExp(String.raw`${simpleKey}(?:[ \t]*\.[ \t]*${simpleKey})*`, 'y');
/**
 * The four kinds of strings; those of several lines may end with two quotes of their own before the
 * closing three.
 */
const string =
  /"""(?:[^\\]|\\[\s\S])*?"{3,5}(?!")|'''[\s\S]*?'{3,5}(?!')|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y;
const equals = /[ \t]*=[ \t]*/y;
const openBracket = /\[\[?[ \t]*/y;
const closeBracket = /[ \t]*\]\]?/y;

/**
 * The statements of a text that `parse` of smol-toml takes, in order. Throws {@link UnreadableToml}
 * where it cannot follow.
 */
export function scanToml(text: string): Statement[] {
  const statements: Statement[] = [];
  /** How many elements each array of tables has so far, by its path. */
  const counts = new Map<string, number>();
  let table: TomlPath = [];
  for (let at = skip(text, 0); at < text.length; at = skip(text, at)) {
    const statement = text[at] === '[' ? scanHeader(text, at, counts) : scanPair(text, at, table);
    if (statement.kind === 'header') table = statement.path;
    statements.push(statement);
    at = statement.end;
  }
  return statements;
}

const skip = (text: string, at: number): number => at + (match(blank, text, at)?.length ?? 0);

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function expect(pattern: RegExp, text: string, at: number): string {
  const found = match(pattern, text, at);
  if (found === undefined)
    throw new UnreadableToml(`line ${lineAt(text, at)} cannot be understood`);
  return found;
}

/** The number of the line, from 1, that an offset is in. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** The parser itself takes quoted and dotted keys apart. */
function keysOf(dotted: string): string[] {
  const keys: string[] = [];
  let value: unknown = parse(`${dotted} = 0`);
  while (typeof value === 'object' && value !== null) {
    const [key, inner] = Object.entries(value)[0]!;
    keys.push(key);
    value = inner;
  }
  return keys;
}

function scanHeader(text: string, start: number, counts: Map<string, number>): Header {
  const open = expect(openBracket, text, start);
  const dotted = expect(dottedKey, text, start + open.length);
  const close = expect(closeBracket, text, start + open.length + dotted.length);
  const end = start + open.length + dotted.length + close.length;
  const isArray = open.startsWith('[[');
  const path: (string | number)[] = [];
  const keys = keysOf(dotted);
  for (const [index, key] of keys.entries()) {
    path.push(key);
    const name = JSON.stringify(path);
    const count = counts.get(name);
    if (isArray && index === keys.length - 1) {
      counts.set(name, (count ?? 0) + 1);
      path.push(count ?? 0);
    } else if (count !== undefined) path.push(count - 1); // a table inside the last element
  }
  return { kind: 'header', path, start, end };
}

function scanPair(text: string, start: number, table: TomlPath): Pair {
  const dotted = expect(dottedKey, text, start);
  const valueStart = start + dotted.length + expect(equals, text, start + dotted.length).length;
  const value = scanValue(text, valueStart);
  return { kind: 'pair', path: [...table, ...keysOf(dotted)], table, start, valueStart, ...value };
}

function scanValue(text: string, start: number): { end: number; hasInnerComment: boolean } {
  let hasInnerComment = false;
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const character = text[at]!;
    if (character === '"' || character === "'") at += expect(string, text, at).length;
    else if (character === '#' || character === '\n') {
      if (depth === 0) break;
      hasInnerComment ||= character === '#';
      at += character === '#' ? expect(blank, text, at).length : 1;
    } else {
      if (character === '[' || character === '{') depth += 1;
      if (character === ']' || character === '}') depth -= 1;
      at += 1;
    }
  }
  return { end: start + text.slice(start, at).trimEnd().length, hasInnerComment };
}
