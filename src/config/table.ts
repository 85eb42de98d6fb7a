import * as v from 'valibot';

/**
 * What the code calls a key of the file: in camelCase, and in milliseconds where the file has
 * seconds (`submit_timeout_s`: `submitTimeoutMs`).
 */
export type CodeName<Key extends string> = Key extends `${infer Stem}_s`
  ? `${CamelCase<Stem>}Ms`
  : CamelCase<Key>;

type CamelCase<Words extends string> = Words extends `${infer Word}_${infer Rest}`
  ? `${Word}${Capitalize<CamelCase<Rest>>}`
  : Words;

/** A table by the code's names. A key without a default that is left out is there as undefined. */
export type InCode<Table> = {
  [Key in keyof Required<Table> as CodeName<Key & string>]: Table[Key];
};

/** The keys that may stand in a table, each with its type, bounds, default and problem text. */
export type Keys = v.ObjectEntries;

/** What a table with these keys says once it is valid, by the file's names. */
type Read<K extends Keys> = v.InferOutput<v.ObjectSchema<K, undefined>>;

/** The keys that `keys` names, by the code's names; others of the table are left out. */
export function inCode<const K extends Keys>(keys: K, table: Read<K>): InCode<Read<K>> {
  const values = new Map<string, unknown>(Object.entries(table));
  const renamed = Object.keys(keys).map((key): [string, unknown] => {
    const value = values.get(key);
    if (!key.endsWith('_s')) return [codeName(key), value];
    return [codeName(key), value === undefined ? value : Number(value) * 1000];
  });
  return Object.fromEntries(renamed) as InCode<Read<K>>;
}

/** What the code calls a key; see {@link CodeName}. */
export const codeName = (key: string): string =>
  key.endsWith('_s') ? `${camelCase(key.slice(0, -2))}Ms` : camelCase(key);

/** The keys that `keys` names, by the file's names. */
export function asWritten<const K extends Keys>(keys: K, table: Read<K>): Read<K> {
  return Object.fromEntries(Object.entries(table).filter(([key]) => key in keys)) as Read<K>;
}

const camelCase = (words: string): string =>
  words.replace(/_([a-z0-9])/g, (_, initial: string) => initial.toUpperCase());

const notATable = 'must be a table, written as a line [name] above its keys';

/** A table as the file spells it; for a table whose keys are regrouped by what reads it. */
export function plainTable<const K extends Keys>(keys: K, message = notATable) {
  return v.object(keys, ({ path }) => {
    // An issue of the object itself has a path only where a key is missing.
    const missing = path?.[0] && keys[String(path[0].key)];
    const hint = missing && v.getDescription(missing);
    return hint === undefined ? message : `is missing: ${hint}`;
  });
}

/** A table that is read into the code's names. */
export function table<const K extends Keys>(keys: K, message?: string) {
  return v.pipe(
    plainTable(keys, message),
    v.transform((read) => inCode(keys, read)),
  );
}

/** A table that may be left out: it is then empty, so that its missing keys are told one by one. */
export function orEmpty<const Table extends v.GenericSchema<object>>(schema: Table) {
  return v.optional(schema, {} as v.InferInput<Table>);
}

/** A key that has no default; `hint` is what a person needs to fill it in. */
export function required<const Value extends v.GenericSchema>(schema: Value, hint: string) {
  return v.pipe(schema, v.description(hint));
}

/**
 * The keys of each table in the file, by its name (`modem`, `alerts.mail`); those above the first
 * table by `''`.
 */
export type KeysByTable = ReadonlyMap<string, readonly string[]>;

export function keysByTable(file: { entries: Keys }): KeysByTable {
  return new Map([['', Object.keys(file.entries)], ...tablesIn(file.entries, '')]);
}

function tablesIn(entries: object, path: string): [string, string[]][] {
  return Object.entries(entries).flatMap(([name, schema]): [string, string[]][] => {
    const keys = keysOf(schema as object);
    if (keys === undefined) return [];
    return [[`${path}${name}`, Object.keys(keys)], ...tablesIn(keys, `${path}${name}.`)];
  });
}

/** Those of a `[table]` or of each `[[table]]`; undefined for a value. */
function keysOf(schema: object): object | undefined {
  if ('wrapped' in schema) return keysOf(schema.wrapped as object);
  if ('item' in schema) return keysOf(schema.item as object);
  return 'entries' in schema ? (schema.entries as object) : undefined;
}
