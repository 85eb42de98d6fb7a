/** The kinds of values that keys of the configuration have, and what to say of a wrong one. */

import { isIP } from 'node:net';
import { resolve } from 'node:path';
import * as v from 'valibot';
import { toE164, withoutSeparators } from '../number/e164.js';
import { mostInitLines, whyNotInitLine } from './init-lines.js';
import { type ListenAddress, type ListenSocket, parseListen, socketPathIn } from './listen.js';
import { whyNoDevice } from './selector.js';

/** `unit` in the plural. */
export function whole(unit: string, min: number, max: number) {
  const message = `must be a whole number of ${unit}, ${min} to ${max}`;
  return v.pipe(
    v.number(message),
    v.integer(message),
    v.minValue(min, message),
    v.maxValue(max, message),
  );
}

/** Text that is not empty, or that has a `pattern`. */
export function text(message: string, pattern = /\S/) {
  return v.pipe(v.string(message), v.regex(pattern, message));
}

export const flag = v.boolean('must be true or false');

/** One of `choices`. */
export function oneOf<const Choices extends readonly string[]>(...choices: Choices) {
  return v.picklist(choices, `must be one of ${quoted(choices)}`);
}

/** Any number of `choices`, which may be none. */
export function someOf<const Choices extends readonly string[]>(choices: Choices) {
  const message = `must be a list of ${quoted(choices)}`;
  return v.array(v.picklist(choices, message), message);
}

const quoted = (words: readonly string[]) => words.map((word) => `"${word}"`).join(', ');

/** Octets of a Unix socket's path, less the closing NUL (unix(7)). */
const maxSocketPathOctets = 107;

/** Paths, made absolute: relative ones count from `folder`. */
export function pathsFrom(folder: string) {
  const absolute = (path: string) => resolve(folder, path);
  const isShort = (path: string) => Buffer.byteLength(path) <= maxSocketPathOctets;
  const tooLong = `must have ${maxSocketPathOctets} octets at most: Unix sockets have no longer paths`;
  const written = text('must be a path');
  const listenOrSocket = v.pipe(
    v.string('must be "host:port" or "unix:/path"'),
    v.rawTransform(({ dataset, addIssue, NEVER }): ListenAddress | ListenSocket => {
      const path = socketPathIn(dataset.value);
      const listened = path === undefined ? parseListen(dataset.value) : undefined;
      if (listened) return listened;
      if (path && isShort(absolute(path))) return { path: absolute(path) };
      const message = path
        ? tooLong
        : 'must be "host:port" with a port of 0 to 65535, as "127.0.0.1:8081", or a Unix socket, as "unix:/run/simgate/admin.sock"';
      addIssue({ message });
      return NEVER;
    }),
  );
  return {
    absolute,
    listenOrSocket,
    path: v.pipe(written, v.transform(absolute)),
    socketPath: v.pipe(written, v.check(isShort, tooLong), v.transform(absolute)),
  };
}

export const listen = v.pipe(
  v.string('must be "host:port"'),
  v.rawTransform(({ dataset, addIssue, NEVER }): ListenAddress => {
    const address = parseListen(dataset.value);
    if (address) return address;
    addIssue({
      message: 'must be "host:port" with a port of 0 to 65535, as "127.0.0.1:8080" or "[::1]:8080"',
    });
    return NEVER;
  }),
);

const publicUrlMessage = 'must be a URL as "https://sms.example.com/sms"';
export const publicUrl = v.pipe(
  v.string(publicUrlMessage),
  v.check((url) => {
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) return false;
    const { username, password, search, hash } = new URL(url);
    return [username, password, search, hash].every((part) => part === '');
  }, publicUrlMessage),
);

export const addressRange = v.pipe(
  v.string('must be an IP address or a range, as "10.0.0.0/8"'),
  v.check((range) => {
    const [address = '', bits, ...rest] = range.split('/');
    const widest = isIP(address) === 4 ? 32 : 128;
    const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= widest);
    return isIP(address) !== 0 && rest.length === 0 && fits;
  }, 'must be an IP address or a range of them, as "10.0.0.0/8"'),
);

/** Read as E.164. */
export const telephoneNumber = v.pipe(
  v.string('must be a telephone number in quotes'),
  v.rawTransform(({ dataset, addIssue, NEVER }): string => {
    const e164 = toE164(dataset.value);
    if (e164) return e164;
    addIssue({ message: 'must be an international number, + and 7 to 15 digits (ITU-T E.164)' });
    return NEVER;
  }),
);

export const device = v.pipe(
  text('must be the path of a tty, best /dev/serial/by-id/…, or "auto"'),
  v.rawCheck(({ dataset, addIssue }) => {
    const message = dataset.typed ? whyNoDevice(dataset.value) : undefined;
    if (message !== undefined) addIssue({ message });
  }),
);

/** Only digits count; an SMSC may have a short or a national number. */
export const serviceCentre = v.pipe(
  v.string('must be a telephone number in quotes'),
  v.transform(withoutSeparators),
  v.regex(
    /^\+?\d{3,20}$/,
    'must be the number of the SMSC, with + in front when international, as "+491710760000"',
  ),
);

const initLine = v.pipe(
  v.string('must be an AT command line in quotes, as "AT+CGSMS=1"'),
  v.rawCheck(({ dataset, addIssue }) => {
    const message = dataset.typed ? whyNotInitLine(dataset.value) : undefined;
    if (message !== undefined) addIssue({ message });
  }),
);
export const initLines = v.pipe(
  v.array(initLine, 'must be a list of AT command lines, as ["AT+CGSMS=1"]'),
  v.maxLength(mostInitLines, `must have ${mostInitLines} lines at most`),
);

/** How an entry calls itself in logs and answers. */
export const entryName = text(
  'must be 1 to 32 letters, digits, ".", "_" or "-"',
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/,
);
