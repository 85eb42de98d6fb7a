import { normalize, resolve } from 'node:path';
import type { TomlTable } from 'smol-toml';
import { holdsImei, nearest, type Problem } from './config-error.js';
import { isLoopback, parseListen, socketPathIn } from './listen.js';
import { leavesMachine, networkPlace } from './selector.js';
import type { KeysByTable } from './table.js';

/**
 * Keys that no table of this version has; `known` are those of each table. Their values are never
 * shown: they may be secrets in the wrong place.
 */
export function unknownKeys(file: TomlTable, known: KeysByTable): Problem[] {
  const tables = [['', '', file] as const, ...tablesWithin(file, '', '', known)];
  return tables.flatMap(([path, section, table]) => {
    const own = known.get(section);
    if (!own || typeof table !== 'object' || table === null || Array.isArray(table)) return [];
    const unknown = Object.keys(table).filter((key) => !own.includes(key));
    return unknown.map((key) => ({
      path: `${path}${key}`,
      message: unknownKey(section, key, known),
    }));
  });
}

/** What stands where a table belongs, with its path as `modem[0].credit.` and its section. */
function tablesWithin(
  table: object,
  path: string,
  section: string,
  known: KeysByTable,
): (readonly [path: string, section: string, table: unknown])[] {
  return Object.entries(table).flatMap(([key, value]: [string, unknown]) => {
    const own = section === '' ? key : `${section}.${key}`;
    if (!known.has(own)) return [];
    const each = Array.isArray(value)
      ? value.map((item: unknown, index) => [`${path}${key}[${index}].`, item] as const)
      : [[`${path}${key}.`, value] as const];
    return each.flatMap(([at, item]) => [
      [at, own, item] as const,
      ...(typeof item === 'object' && item !== null ? tablesWithin(item, at, own, known) : []),
    ]);
  });
}

function unknownKey(section: string, key: string, known: KeysByTable): string {
  const own = known.get(section) ?? [];
  if (['auth0', 'caller'].includes(section) && /^(?:previous_)?secret$/.test(key)) {
    return `a secret must not stand in this file: put it into a file of its own and name that with ${key}_file`;
  }
  if (section.startsWith('alerts') && /^(?:token|password)$/.test(key)) {
    return `a secret must not stand in this file: put it into a file of its own and name that with ${key}_file`;
  }
  if (section === 'shared' && key === 'password') {
    return 'a password must not stand in this file: put it into a file of its own and name that with password_file';
  }
  if (section === 'modem' && key === 'pin') {
    return 'a PIN must not stand in this file: put it into a file of its own and name that with pin_file';
  }
  const near = nearest(key, own);
  if (near !== undefined) return `unknown key: did you mean ${near}?`;
  const home = [...known].find(([other, keys]) => other !== section && keys.includes(key))?.[0];
  if (home !== undefined)
    return `unknown key: it belongs ${home === '' ? 'above the first table' : `to ${home}`}`;
  return `unknown key: known are ${own.join(', ')}`;
}

/** What paths mean that are not written, or written relative. */
export interface DefaultPaths {
  /** From which relative ones count. */
  folder: string;
  /** Absolute. */
  controlSocket: string;
}

/**
 * Rules between keys. They look at the file as written, so that they find what is wrong even while
 * something else is; a value of the wrong type is the schema's business.
 */
export function contradictions(file: TomlTable, paths: DefaultPaths): Problem[] {
  return [
    ...sharedModemKeys(file.modem),
    ...exposedModems(file.modem),
    ...callers(file),
    ...listeners(file, paths),
  ];
}

function sharedModemKeys(modems: unknown): Problem[] {
  const problems: Problem[] = [];
  for (const key of ['name', 'device'] as const) {
    const firstUse = new Map<string, number>();
    for (const [index, modem] of (Array.isArray(modems) ? modems : []).entries()) {
      const value = valueAt(modem, key);
      if (typeof value !== 'string' || isShareable(value)) continue;
      // One port by either protocol is one modem.
      const place = networkPlace(value);
      const use = place === undefined ? normalize(value) : `${place.host}:${place.port}`;
      const first = firstUse.get(use);
      if (first === undefined) firstUse.set(use, index);
      else {
        const message = `is already that of modem[${first}]: every modem has its own`;
        const path = `modem[${index}].${key}`;
        problems.push({
          path,
          message,
          ...(!holdsImei(value) && { value: JSON.stringify(value) }),
        });
      }
    }
  }
  return problems;
}

/** Modems on other machines, without the operator's word that what is said to them may be read. */
function exposedModems(modems: unknown): Problem[] {
  return (Array.isArray(modems) ? modems : []).flatMap((modem, index): Problem[] => {
    const device = valueAt(modem, 'device');
    const place = typeof device === 'string' ? networkPlace(device) : undefined;
    if (place === undefined || !leavesMachine(place) || valueAt(modem, 'insecure') === true)
      return [];
    const message =
      'is on another machine, and PINs and codes would travel there in the clear: lead it through stunnel, ' +
      'or, where the way is safe (WireGuard), say insecure = true: see docs/modems.md, "Modems over the network"';
    return [{ path: `modem[${index}].device`, message, value: JSON.stringify(device) }];
  });
}

/**
 * Several entries may be found each by itself, and identical sticks have identical ids: each entry
 * then takes another stick.
 */
const isShareable = (device: string): boolean => device === 'auto' || device.startsWith('usb:');

/** Names, and the modems that callers name. */
function callers({ auth0, caller, modem }: TomlTable): Problem[] {
  const problems: Problem[] = [];
  const known = new Map<unknown, string>(auth0 === undefined ? [] : [['auth0', '[auth0]']]);
  const modems = (Array.isArray(modem) ? modem : []).map((table) => valueAt(table, 'name'));
  for (const [index, table] of (Array.isArray(caller) ? caller : []).entries()) {
    const own = `caller[${index}]`;
    const name = valueAt(table, 'name');
    const other = known.get(name);
    if (other !== undefined && name !== undefined) {
      const message = `is already that of ${other}: every caller has its own`;
      problems.push({ path: `${own}.name`, message, value: JSON.stringify(name) });
    } else known.set(name, own);
    const asked = valueAt(table, 'modems');
    for (const wanted of Array.isArray(asked) ? asked : []) {
      if (typeof wanted !== 'string' || modems.includes(wanted)) continue;
      const message = `there is no [[modem]] of that name: there is ${modems.join(', ')}`;
      problems.push({ path: `${own}.modems`, message, value: JSON.stringify(wanted) });
    }
    const path = valueAt(table, 'path');
    if (path === '/livez' || path === '/readyz')
      problems.push({ path: `${own}.path`, message: 'is taken by the health of the gateway' });
  }
  return problems;
}

function listeners({ http, admin, control }: TomlTable, paths: DefaultPaths): Problem[] {
  const at = (path: string) => resolve(paths.folder, path);
  const path = 'admin.listen';
  const own = valueAt(admin, 'listen') ?? '127.0.0.1:8081';
  const socket = typeof own === 'string' ? socketPathIn(own) : undefined;
  const asked = valueAt(control, 'socket') ?? paths.controlSocket;
  if (socket && typeof asked === 'string' && at(socket) === at(asked))
    return [{ path, message: 'is the path of control.socket: choose another one' }];
  const address = typeof own === 'string' ? parseListen(own) : undefined;
  if (!address) return [];
  const keys = locks(admin);
  if (keys.length > 0) return keys;
  const isLocked =
    valueAt(admin, 'password_file') !== undefined || valueAt(admin, 'user_header') !== undefined;
  if (!isLoopback(address.host) && !isLocked) {
    const message =
      'can be reached from other machines and needs a password ("sudo simgate admin password" makes one, admin.password_file names it) or a proxy ' +
      'that names the user (admin.user_header, admin.trusted_proxies); else it must be a loopback address, as "127.0.0.1:8081", or a Unix socket';
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

/** A header that anybody can send names nobody. */
function locks(admin: unknown): Problem[] {
  const proxies = valueAt(admin, 'trusted_proxies');
  const isTrusting = Array.isArray(proxies) && proxies.length > 0;
  if (valueAt(admin, 'user_header') === undefined || isTrusting) return [];
  return [
    {
      path: 'admin.user_header',
      message:
        'needs admin.trusted_proxies, as ["192.0.2.7"]: only from there the header is believed',
    },
  ];
}

function valueAt(table: unknown, key: string): unknown {
  if (typeof table !== 'object' || table === null) return undefined;
  return Object.entries(table).find(([name]) => name === key)?.[1];
}
