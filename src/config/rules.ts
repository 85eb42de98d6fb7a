import { normalize } from 'node:path';
import type { TomlTable } from 'smol-toml';
import { nearest, type Problem } from './problem.js';
import { configSchema, isLoopback, parseListen } from './schema.js';

/** The keys that may stand in each table of the file. */
const knownKeys = new Map<string, readonly string[]>([
  ['', Object.keys(configSchema.entries)],
  ['modem', Object.keys(configSchema.entries.modem.pipe[0].item.entries)],
  ...Object.entries(configSchema.entries).flatMap(([section, schema]): [string, string[]][] =>
    'entries' in schema ? [[section, Object.keys(schema.entries)]] : [],
  ),
]);

/**
 * Keys that no table of this version has. Their values are never shown: they may be secrets in the
 * wrong place.
 */
export function unknownKeys(file: TomlTable): Problem[] {
  const tables: [path: string, section: string, table: unknown][] = [['', '', file]];
  for (const [key, value] of Object.entries(file)) {
    if (key === 'modem' && Array.isArray(value)) {
      tables.push(
        ...value.map((item, index): [string, string, unknown] => [`modem[${index}].`, key, item]),
      );
    } else tables.push([`${key}.`, key, value]);
  }
  return tables.flatMap(([path, section, table]) => {
    const known = knownKeys.get(section);
    if (!known || typeof table !== 'object' || table === null || Array.isArray(table)) return [];
    const unknown = Object.keys(table).filter((key) => !known.includes(key));
    return unknown.map((key) => ({
      path: `${path}${key}`,
      message: unknownKey(section, key, known),
    }));
  });
}

function unknownKey(section: string, key: string, known: readonly string[]): string {
  if (section === 'auth0' && /^(?:previous_)?secret$/.test(key)) {
    return `a secret must not stand in this file: put it into a file of its own and name that with ${key}_file`;
  }
  if (section === 'modem' && key === 'pin') {
    return 'a PIN must not stand in this file: put it into a file of its own and name that with pin_file';
  }
  const near = nearest(key, known);
  if (near !== undefined) return `unknown key: did you mean ${near}?`;
  const home = [...knownKeys].find(([other, keys]) => other !== section && keys.includes(key))?.[0];
  if (home !== undefined)
    return `unknown key: it belongs ${home === '' ? 'above the first table' : `to ${home}`}`;
  return `unknown key: known are ${known.join(', ')}`;
}

/**
 * Rules between keys. They look at the file as written, so that they find what is wrong even while
 * something else is; a value of the wrong type is the schema's business.
 */
export function contradictions(file: TomlTable): Problem[] {
  return [...sharedModemKeys(file.modem), ...listeners(file)];
}

function sharedModemKeys(modems: unknown): Problem[] {
  const problems: Problem[] = [];
  for (const key of ['name', 'device'] as const) {
    const firstUse = new Map<string, number>();
    for (const [index, modem] of (Array.isArray(modems) ? modems : []).entries()) {
      const value = valueAt(modem, key);
      if (typeof value !== 'string' || isShareable(value)) continue;
      const first = firstUse.get(normalize(value));
      if (first === undefined) firstUse.set(normalize(value), index);
      else {
        const message = `is already that of modem[${first}]: every modem has its own`;
        problems.push({ path: `modem[${index}].${key}`, message, value: JSON.stringify(value) });
      }
    }
  }
  return problems;
}

/**
 * Several entries may be found each by itself, and identical sticks have identical ids: each entry
 * then takes another stick.
 */
const isShareable = (device: string): boolean => device === 'auto' || device.startsWith('usb:');

function listeners({ http, admin }: TomlTable): Problem[] {
  const path = 'admin.listen';
  const own = valueAt(admin, 'listen') ?? '127.0.0.1:8081';
  const address = typeof own === 'string' ? parseListen(own) : undefined;
  if (!address) return [];
  if (!isLoopback(address.host)) {
    const message =
      'must be a loopback address, as "127.0.0.1:8081": this version has no password for the admin pages';
    return [{ path, message, value: JSON.stringify(own) }];
  }
  if (address.port === 0 || own !== (valueAt(http, 'listen') ?? '127.0.0.1:8080')) return [];
  return [
    {
      path,
      message: 'is the address of http.listen: choose another port',
      value: JSON.stringify(own),
    },
  ];
}

function valueAt(table: unknown, key: string): unknown {
  if (typeof table !== 'object' || table === null) return undefined;
  return Object.entries(table).find(([name]) => name === key)?.[1];
}
