/**
 * Changes single settings of a TOML file that a person wrote, and leaves every other octet as it
 * is.
 */

import { isDeepStrictEqual } from 'node:util';
import { parse, TomlError, type TomlTable } from 'smol-toml';
import { OperatorError } from '../../errors.js';
import {
  lineAt,
  type Pair,
  type Statement,
  scanToml,
  type TomlPath,
  UnreadableToml,
} from './toml-statements.js';

/** What a setting should be. Ends in a key; the tables above it are made where they are missing. */
export interface Edit {
  path: TomlPath;
  value: string | number | readonly string[];
}

/** A change by hand that must be made first. */
interface ByHand {
  line: number;
  sentence: string;
}

interface Splice {
  at: number;
  remove: number;
  insert: string;
}

/** A file of settings is far smaller. */
const maxLength = 1_048_576;

/**
 * The text with the edits made; settings that are so already are not touched. A changed value stays
 * where it stands, with its comment; a new one comes below its commented-out example, else at the
 * end of its table. The result is read back: it says what the text said and the edits, nothing
 * else. Throws {@link OperatorError}, with the lines to change by hand, where that cannot be had.
 */
export function editToml(text: string, edits: readonly Edit[], file: string): string {
  if (text.length > maxLength) throw new OperatorError(`${file} is too large for a configuration`);
  const table = readTable(text, file);
  const wanted = edits.filter(({ path, value }) => !isDeepStrictEqual(valueAt(table, path), value));
  if (wanted.length === 0) return text;
  const edited = applyAll(text, wanted, file);
  const expected = parse(text);
  for (const edit of wanted) put(expected, edit);
  if (!isDeepStrictEqual(parsed(edited), expected)) throw byHand(file, wanted.map(generalAdvice));
  return edited;
}

/**
 * The settings. Throws {@link OperatorError} when the text is no TOML; nothing of it is quoted, for
 * it may hold a secret in the wrong place.
 */
export function readTable(text: string, file: string): TomlTable {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [sentence = ''] = error.message.split('\n');
    throw new OperatorError(
      `${file}, line ${error.line}: ${sentence}. Correct it first; nothing was changed`,
    );
  }
}

function parsed(text: string): TomlTable | undefined {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return undefined;
  }
}

/** The setting at a path; undefined when there is none. */
export function valueAt(table: unknown, path: TomlPath): unknown {
  let value: unknown = table;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
}

/** As the parser would have it, whose tables have no prototype. */
function put(table: TomlTable, { path, value }: Edit): void {
  let inner = table as Record<string | number, unknown>;
  for (const [index, key] of path.slice(0, -1).entries()) {
    if (!Object.hasOwn(inner, key))
      inner[key] = typeof path[index + 1] === 'number' ? [] : (Object.create(null) as object);
    inner = inner[key] as Record<string | number, unknown>;
  }
  inner[path.at(-1)!] = value;
}

function applyAll(text: string, edits: readonly Edit[], file: string): string {
  const statements = scan(text, edits, file);
  const splices: Splice[] = [];
  const advice: ByHand[] = [];
  const inNewTables = new Map<string, Edit[]>();
  for (const edit of edits) {
    const place = placeOf(text, statements, edit);
    if (place === undefined) {
      const name = JSON.stringify(edit.path.slice(0, -1));
      inNewTables.set(name, [...(inNewTables.get(name) ?? []), edit]);
    } else if ('sentence' in place) advice.push(place);
    else splices.push(place);
  }
  if (advice.length > 0) throw byHand(file, advice);
  splices.push(...[...inNewTables.values()].map((group) => newTable(text, group)));
  return splice(text, splices);
}

function scan(text: string, edits: readonly Edit[], file: string): Statement[] {
  try {
    return scanToml(text);
  } catch (error) {
    if (!(error instanceof UnreadableToml)) throw error;
    throw byHand(file, edits.map(generalAdvice));
  }
}

/** From the end, so that the offsets hold; what goes to the same place keeps its order. */
function splice(text: string, splices: readonly Splice[]): string {
  let edited = text;
  for (const { at, remove, insert } of splices.toReversed().toSorted((a, b) => b.at - a.at))
    edited = edited.slice(0, at) + insert + edited.slice(at + remove);
  return edited;
}

/** Where an edit goes; undefined when its table is nowhere yet. */
function placeOf(
  text: string,
  statements: readonly Statement[],
  edit: Edit,
): Splice | ByHand | undefined {
  const pairs = statements.filter((statement) => statement.kind === 'pair');
  const same = pairs.find(({ path }) => isDeepStrictEqual(path, edit.path));
  if (same !== undefined) return replace(text, same, edit);
  const above = pairs.find(({ path }) => isBelow(edit.path, path));
  if (above !== undefined) {
    const what = `${nameOf(above.path)} is written on one line: write ${assignment(edit)} into it`;
    return { line: lineAt(text, above.start), sentence: what };
  }
  const table = edit.path.slice(0, -1);
  const index = statements.findIndex(
    ({ kind, path }) => kind === 'header' && isDeepStrictEqual(path, table),
  );
  if (index >= 0) return intoTable(text, statements, index, edit);
  const sibling = pairs.findLast(
    (pair) => isBelow(pair.path, table) && pair.table.length <= table.length,
  );
  return sibling === undefined ? undefined : besideDotted(text, sibling, edit);
}

const isBelow = (path: TomlPath, above: TomlPath) =>
  path.length > above.length && above.every((key, index) => path[index] === key);

function replace(text: string, pair: Pair, edit: Edit): Splice | ByHand {
  if (pair.hasInnerComment)
    return {
      line: lineAt(text, pair.start),
      sentence: `there are comments inside of ${nameOf(edit.path)}: make it ${rendered(edit.value)}`,
    };
  return { at: pair.valueStart, remove: pair.end - pair.valueStart, insert: rendered(edit.value) };
}

/**
 * Below the commented-out example of the key, else below the last setting of the table, else below
 * its header.
 */
function intoTable(
  text: string,
  statements: readonly Statement[],
  index: number,
  edit: Edit,
): Splice {
  const header = statements[index]!;
  const next = statements.findIndex(({ kind }, other) => other > index && kind === 'header');
  const own = statements.slice(index, next < 0 ? undefined : next);
  const key = String(edit.path.at(-1));
  const example = exampleOf(text, own, statements[next]?.start ?? text.length, key);
  const anchor = own.at(-1) ?? header;
  return insertLine(
    text,
    example ?? anchor.end,
    indentOf(text, anchor),
    `${keyText(key)} = ${rendered(edit.value)}`,
  );
}

/** An offset in the line `#key = …`, if there is one between the statements. */
function exampleOf(
  text: string,
  own: readonly Statement[],
  end: number,
  key: string,
): number | undefined {
  const pattern = new RegExp(String.raw`^[ \t]*#[ \t]*${key}[ \t]*=`, 'm');
  for (const [index, { end: gapStart }] of own.entries()) {
    const gap = text.slice(lineEnd(text, gapStart), own[index + 1]?.start ?? end);
    const found = pattern.exec(gap);
    if (found !== null) return lineEnd(text, gapStart) + found.index + found[0].length;
  }
  return undefined;
}

/** For a table that exists by dotted keys only: another of these. */
function besideDotted(text: string, sibling: Pair, edit: Edit): Splice {
  const relative = edit.path.slice(sibling.table.length).map(keyText).join('.');
  return insertLine(
    text,
    sibling.end,
    indentOf(text, sibling),
    `${relative} = ${rendered(edit.value)}`,
  );
}

/** At the end, where nothing that stands there changes its meaning. */
function newTable(text: string, edits: readonly Edit[]): Splice {
  const eol = eolOf(text);
  const table = edits[0]!.path.slice(0, -1);
  const isElement = typeof table.at(-1) === 'number';
  const name = table
    .filter((key) => typeof key === 'string')
    .map(keyText)
    .join('.');
  const lines = [
    isElement ? `[[${name}]]` : `[${name}]`,
    ...edits.map(({ path, value }) => `${keyText(path.at(-1)!)} = ${rendered(value)}`),
  ];
  const gap = text === '' ? '' : text.endsWith('\n') ? eol : eol + eol;
  return { at: text.length, remove: 0, insert: `${gap}${lines.join(eol)}${eol}` };
}

/** A line of its own below the one that `offset` is in. */
function insertLine(text: string, offset: number, indent: string, line: string): Splice {
  const at = lineEnd(text, offset);
  const eol = eolOf(text);
  const isUnended = at === text.length && !text.endsWith('\n');
  return { at, remove: 0, insert: isUnended ? `${eol}${indent}${line}` : `${indent}${line}${eol}` };
}

/** Behind the end of the line that `offset` is in. */
function lineEnd(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end + 1;
}

const eolOf = (text: string) => /\r?\n/.exec(text)?.[0] ?? '\n';

function indentOf(text: string, { start }: Statement): string {
  const before = text.slice(text.lastIndexOf('\n', start - 1) + 1, start);
  return /^[ \t]*$/.test(before) ? before : '';
}

/**
 * A basic string (TOML 1.0.0, "String"): JSON's escapes are all valid in it, and DEL has to be one.
 */
const quoted = (text: string) => JSON.stringify(text).replaceAll('\u007f', '\\u007f');

function rendered(value: Edit['value']): string {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? quoted(value) : `[${value.map(quoted).join(', ')}]`;
}

const keyText = (key: string | number) =>
  /^[A-Za-z0-9_-]+$/.test(String(key)) ? String(key) : quoted(String(key));

/** A path for people: `modem[0].device`. */
export function nameOf(path: TomlPath): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${keyText(key)}`))
    .join('')
    .slice(1);
}

/** An edit for people, as a line of TOML. */
export const assignment = ({ path, value }: Edit): string =>
  `${keyText(path.at(-1)!)} = ${rendered(value)}`;

const generalAdvice = ({ path, value }: Edit): ByHand => ({
  line: 0,
  sentence: `make ${nameOf(path)} ${rendered(value)}`,
});

function byHand(file: string, advice: readonly ByHand[]): OperatorError {
  const lines = advice.map(
    ({ line, sentence }) => `  ${line === 0 ? '' : `line ${line}: `}${sentence}`,
  );
  return new OperatorError(
    [`${file} cannot be changed safely here, so nothing was changed. By hand:`, ...lines].join(
      '\n',
    ),
  );
}
