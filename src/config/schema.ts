import { isIP, isIPv4, isIPv6 } from 'node:net';
import * as v from 'valibot';
import { toE164 } from '../number/e164.js';
import { mostInitLines, whyNotInitLine } from './init-lines.js';
import { policySchema } from './policy.js';
import { parseSelector } from './selector.js';

/** Where a listener is bound. */
export interface ListenAddress {
  /** An IP address (IPv6 without brackets) or a host name. */
  host: string;
  /** 0–65535; 0 lets the system choose one. */
  port: number;
}

function whole(unit: string, min: number, max: number) {
  const message = `must be a whole number of ${unit}, ${min} to ${max}`;
  return v.pipe(
    v.number(message),
    v.integer(message),
    v.minValue(min, message),
    v.maxValue(max, message),
  );
}

function text(message: string, pattern = /\S/) {
  return v.pipe(v.string(message), v.regex(pattern, message));
}

const flag = v.boolean('must be true or false');
const path = text('must be a path');

/** Octets of a Unix socket's path, less the closing NUL (unix(7)). */
const maxSocketPathOctets = 107;
const socketPath = v.pipe(
  path,
  v.check(
    (value) => Buffer.byteLength(value) <= maxSocketPathOctets,
    `must have ${maxSocketPathOctets} octets at most: Unix sockets have no longer paths`,
  ),
);

const listen = v.pipe(
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

const addressRange = v.pipe(
  v.string('must be an IP address or a range, as "10.0.0.0/8"'),
  v.check((range) => {
    const [address = '', bits, ...rest] = range.split('/');
    const widest = isIP(address) === 4 ? 32 : 128;
    const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= widest);
    return isIP(address) !== 0 && rest.length === 0 && fits;
  }, 'must be an IP address or a range of them, as "10.0.0.0/8"'),
);

const number = v.pipe(
  v.string('must be a telephone number in quotes'),
  v.rawTransform(({ dataset, addIssue, NEVER }): string => {
    const e164 = toE164(dataset.value);
    if (e164) return e164;
    addIssue({ message: 'must be an international number, + and 7 to 15 digits (ITU-T E.164)' });
    return NEVER;
  }),
);

const device = v.pipe(
  text('must be the path of a tty, best /dev/serial/by-id/…, or "auto"'),
  v.rawCheck(({ dataset, addIssue }) => {
    // Anything without such a prefix is a path, and may be relative to the file.
    if (!dataset.typed || !/^(usb|imei):/.test(dataset.value)) return;
    const parsed = parseSelector(dataset.value);
    if (!parsed.ok) addIssue({ message: parsed.message });
  }),
);

/** Only digits count; an SMSC may have a short or a national number. */
const serviceCentre = v.pipe(
  v.string('must be a telephone number in quotes'),
  v.transform((value) => value.replace(/[\s().-]/g, '')),
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
const initLines = v.pipe(
  v.array(initLine, 'must be a list of AT command lines, as ["AT+CGSMS=1"]'),
  v.maxLength(mostInitLines, `must have ${mostInitLines} lines at most`),
);

const ussdServiceNames = ['call_forwarding', 'call_barring', 'password', 'pin'] as const;

/** What a USSD code can change (3GPP TS 22.030), as far as it is refused unless allowed. */
export type UssdService = (typeof ussdServiceNames)[number];

const ussdServices = `must be a list of ${ussdServiceNames.map((name) => `"${name}"`).join(', ')}`;
const ussdService = v.picklist(ussdServiceNames, ussdServices);

const notATable = 'must be a table, written as a line [name] above its keys';

const modem = v.object(
  {
    name: text(
      'must be 1 to 32 letters, digits, ".", "_" or "-"',
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/,
    ),
    device,
    pin_file: v.optional(path),
    number: v.optional(number),
    baud: v.optional(whole('bits per second', 300, 4_000_000), 115_200),
    guard_ms: v.optional(whole('milliseconds', 0, 10_000)),
    submit_timeout_s: v.optional(whole('seconds', 1, 600)),
    roaming: v.optional(flag, true),
    status_report: v.optional(flag, false),
    idle_probe_s: v.optional(whole('seconds', 1, 86_400), 60),
    init: v.optional(initLines, []),
    smsc: v.optional(serviceCentre),
    recovery_hook: v.optional(flag, false),
    per_day: v.optional(whole('SMS', 1, 1_000_000)),
    per_month: v.optional(whole('SMS', 1, 10_000_000)),
    recipients_per_month: v.optional(whole('recipients', 1, 100_000)),
  },
  'must be a table, written as a line [[modem]] above its keys',
);

const atLeastOneModem =
  'at least one modem is needed: a line [[modem]] (two brackets) above its name and device';

/**
 * The TOML file, keys as they are spelled there; defaults are filled in. Unknown keys are looked
 * for apart, so that all of them are found.
 */
export const configSchema = v.object({
  state_dir: v.optional(path),
  recovery_drop_dir: v.optional(path),
  http: v.object(
    {
      listen: v.optional(listen, '127.0.0.1:8080'),
      trusted_proxies: v.optional(v.array(addressRange, 'must be a list, as ["127.0.0.1"]'), []),
    },
    notATable,
  ),
  admin: v.object({ listen: v.optional(listen, '127.0.0.1:8081') }, notATable),
  control: v.object(
    {
      socket: v.optional(socketPath),
      ussd_allow: v.optional(v.array(ussdService, ussdServices), []),
    },
    notATable,
  ),
  auth0: v.object(
    {
      subject: text('must be the text that Auth0 puts into the token as sub'),
      audience: text('must be the text that Auth0 puts into the token as aud'),
      secret_file: v.optional(path),
      previous_secret_file: v.optional(path),
      secret_base64_encoded: v.optional(flag, false),
      max_token_age_s: v.optional(whole('seconds', 1, 31_536_000)),
      clock_tolerance_s: v.optional(whole('seconds', 0, 300), 30),
    },
    notATable,
  ),
  modem: v.pipe(v.array(modem, atLeastOneModem), v.minLength(1, atLeastOneModem)),
  message: v.object(
    {
      deadline_s: v.optional(whole('seconds', 1, 600), 25),
      // TP-VP in the relative format says 5 minutes at least and 63 weeks at most (3GPP TS 23.040
      // 9.2.3.12.1).
      validity_s: v.optional(whole('seconds', 300, 38_102_400), 300),
      // The maximum number of a concatenated message is one octet (3GPP TS 23.040 9.2.3.24.1).
      max_segments: v.optional(whole('segments', 1, 255), 3),
      max_waiting: v.optional(whole('messages', 1, 10_000), 50),
    },
    notATable,
  ),
  policy: policySchema,
  journal: v.object({ retention_days: v.optional(whole('days', 1, 36_500), 30) }, notATable),
  log: v.object(
    {
      level: v.optional(
        v.picklist(['error', 'warn', 'info', 'debug'], oneOf('error', 'warn', 'info', 'debug')),
        'info',
      ),
      format: v.optional(
        v.picklist(['auto', 'json', 'text'], oneOf('auto', 'json', 'text')),
        'auto',
      ),
    },
    notATable,
  ),
});

/** The file's content once it is valid. */
export type ConfigFile = v.InferOutput<typeof configSchema>;

function oneOf(...choices: string[]): string {
  return `must be one of ${choices.map((choice) => `"${choice}"`).join(', ')}`;
}

/** `host:port` or `[IPv6]:port` taken apart; `undefined` if it is neither. */
export function parseListen(address: string): ListenAddress | undefined {
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<name>[^:\s]+)):(?<port>\d{1,5})$/.exec(address);
  const { v6, name, port } = match?.groups ?? {};
  const host = v6 ?? name ?? '';
  const isHost = v6 === undefined ? isIPv4(host) || isHostName(host) : isIPv6(host);
  return isHost && Number(port) <= 65_535 ? { host, port: Number(port) } : undefined;
}

/** RFC 1123 2.1; a name of digits and dots only is a mistyped address. */
function isHostName(name: string): boolean {
  const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
  return new RegExp(`^${label}(?:\\.${label})*$`).test(name) && /[A-Za-z]/.test(name);
}

/**
 * Whether only this machine can reach a listener bound to `host` (127.0.0.0/8, `::1`, `localhost`).
 */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
