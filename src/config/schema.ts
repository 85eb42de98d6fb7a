/**
 * The configuration file: each key once, with its type, bounds, unit, default and problem text. The
 * code knows a key by the name that `CodeName` makes of it; all types are inferred from here.
 */

import { hostname } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { alerts } from './alert-settings.js';
import { asCaller, auth0, type CallerConfig, caller } from './callers.js';
import { credit } from './credit.js';
import { carrierMessage, inbound } from './inbound-settings.js';
import { policySchema } from './policy.js';
import { parseSelector, type Selector } from './selector.js';
import { engineUrl } from './shared.js';
import { codeName, inCode, orEmpty, plainTable, required, table } from './table.js';
import {
  addressRange,
  device,
  entryName,
  flag,
  initLines,
  listen,
  oneOf,
  pathsFrom,
  publicUrl,
  serviceCentre,
  someOf,
  telephoneNumber,
  text,
  whole,
} from './values.js';

/** What a USSD code can change (3GPP TS 22.030), as far as it is refused unless allowed. */
const ussdServices = ['call_forwarding', 'call_barring', 'password', 'pin'] as const;
export type UssdService = (typeof ussdServices)[number];

/** The public listener. */
const http = table({
  listen: v.optional(listen, '127.0.0.1:8080'),
  // Under which the world reaches it, for what is set up elsewhere; no answer depends on it.
  public_url: v.optional(publicUrl),
  // Proxies whose `X-Forwarded-For` is believed, for the log only.
  trusted_proxies: v.optional(v.array(addressRange, 'must be a list, as ["127.0.0.1"]'), []),
});

/** The page, the metrics and health, for this machine. */
const admin = ({ listenOrSocket, path }: Paths) =>
  table({
    listen: v.optional(listenOrSocket, '127.0.0.1:8081'),
    // The hash that `simgate admin password` makes.
    password_file: v.optional(path),
    // In which a proxy of `trusted_proxies` names the user that it let through.
    user_header: v.optional(
      text('must be the name of a header field, as "Remote-User"', /^[A-Za-z0-9-]{1,64}$/),
    ),
    trusted_proxies: v.optional(v.array(addressRange, 'must be a list, as ["192.0.2.7"]'), []),
  });

/** What is asked of a running daemon through its Unix socket. */
const control = ({ socketPath }: Paths, env: NodeJS.ProcessEnv) =>
  table({
    socket: v.optional(socketPath, defaultControlSocket(env)),
    ussd_allow: v.optional(someOf(ussdServices), []),
  });

/** What the SIM in a modem may send; without a key there is no such cap. */
const caps = {
  // Segments within 24 hours, and within 30 days.
  per_day: v.optional(whole('SMS', 1, 1_000_000)),
  per_month: v.optional(whole('SMS', 1, 10_000_000)),
  // Within 30 days.
  recipients_per_month: v.optional(whole('recipients', 1, 100_000)),
};

/** Those of a `[[modem]]`, but for {@link caps}. */
function modemKeys({ path }: Pick<Paths, 'path'>) {
  return {
    name: required(entryName, 'a short name for logs, as "main"'),
    // The path of a tty, `auto`, USB ids, an IMEI, or an address; what it means is `selector`.
    device: required(device, 'the path of its tty, best /dev/serial/by-id/…'),
    // Whether PINs and codes may travel to a modem on another machine in the clear.
    insecure: v.optional(flag, false),
    pin_file: v.optional(path),
    // What a caller's `sender` may ask for.
    number: v.optional(telephoneNumber),
    baud: v.optional(whole('bits per second', 300, 4_000_000), 115_200),
    // Least time between a reply and the next command; default by the modem's profile.
    guard_ms: v.optional(whole('milliseconds', 0, 10_000)),
    // Longest wait for the final result after Ctrl-Z; default by the modem's profile.
    submit_timeout_s: v.optional(whole('seconds', 1, 600)),
    // Whether to send while registered in a foreign network.
    roaming: v.optional(flag, true),
    // Whether to ask the SMSC for status reports (TP-SRR, 3GPP TS 23.040 9.2.3.5); without it,
    // where the caller wants them.
    status_report: v.optional(flag),
    // Time without traffic after which the modem is asked whether it is alive.
    idle_probe_s: v.optional(whole('seconds', 1, 86_400), 60),
    // AT command lines that the modem is given each time it is brought up.
    init: v.optional(initLines, []),
    // The SMSC's number; without it the SIM's.
    smsc: v.optional(serviceCentre),
    // Whether to leave a note for the operator's own recovery hook when nothing else helps.
    recovery_hook: v.optional(flag, false),
    // What the SIM has left, and how it is kept from lapsing.
    credit: v.optional(credit),
  };
}

function modem(paths: Paths) {
  const keys = modemKeys(paths);
  const { absolute } = paths;
  const selectorOf = (written: string): Selector => {
    const parsed = parseSelector(written);
    return parsed.ok ? parsed.selector : { kind: 'path', path: absolute(written) };
  };
  return v.pipe(
    plainTable({ ...keys, ...caps }, 'must be a table, written as a line [[modem]] above its keys'),
    v.transform((read) => ({
      ...inCode(keys, read),
      selector: selectorOf(read.device),
      caps: inCode(caps, read),
    })),
  );
}

const aTableEach = 'must be tables, each written as a line [[caller]] above its keys';

const atLeastOneModem =
  'at least one modem is needed: a line [[modem]] (two brackets) above its name and device';

const modems = (paths: Paths) =>
  v.pipe(v.array(modem(paths), atLeastOneModem), v.minLength(1, atLeastOneModem));

const message = table({
  deadline_s: v.optional(whole('seconds', 1, 600), 25),
  // TP-VP in the relative format says 5 minutes at least and 63 weeks at most (3GPP TS 23.040
  // 9.2.3.12.1).
  validity_s: v.optional(whole('seconds', 300, 38_102_400), 300),
  // The maximum number of a concatenated message is one octet (3GPP TS 23.040 9.2.3.24.1).
  max_segments: v.optional(whole('segments', 1, 255), 3),
  max_waiting: v.optional(whole('messages', 1, 10_000), 50),
});

/** What several boxes know together; without the table a box knows its own alone. */
const shared = ({ path }: Paths) =>
  table({
    // A Valkey or Redis; `rediss` is TLS, and a user may stand in it, as
    // rediss://simgate@host:6379/0.
    url: required(engineUrl, 'where the engine is, as "rediss://simgate@10.0.0.5:6379"'),
    password_file: v.optional(path),
    // Of who signed the engine's certificate; without it those that Node trusts.
    ca_file: v.optional(path),
    // 32 octets, the same at all boxes: without it no key says what it is of.
    key_file: required(path, 'the file with the 32 octets that all boxes have alike'),
    // How this box calls itself among them.
    box: v.optional(entryName, defaultBoxName),
    // What a login waits for an answer before it goes on by the box's own books.
    budget_ms: v.optional(whole('milliseconds', 5, 1_000), 50),
  });

/** The host's, as far as it can be a name here. */
function defaultBoxName(): string {
  const [first = ''] = hostname().split('.');
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/.test(first) ? first : 'box';
}

/** Days after which what happened to a message is forgotten. */
const journal = table({ retention_days: v.optional(whole('days', 1, 36_500), 30) });

const log = table({
  level: v.optional(oneOf('error', 'warn', 'info', 'debug'), 'info'),
  format: v.optional(oneOf('auto', 'json', 'text'), 'auto'),
});

/**
 * The TOML file. `state_dir` falls back to `$STATE_DIRECTORY` (systemd.exec(5): several are
 * separated by `:`, the first counts). Unknown keys are looked for apart, so that all of them are
 * found.
 */
export function fileSchema(folder: string, env: NodeJS.ProcessEnv) {
  const paths = pathsFrom(folder);
  const { path } = paths;
  const file = table({
    state_dir: v.optional(path, env.STATE_DIRECTORY?.split(':')[0] || '/var/lib/simgate'),
    // Where notes for the recovery hook are left: a directory of root's.
    recovery_drop_dir: v.optional(path, '/run/simgate-drop'),
    http: orEmpty(http),
    admin: orEmpty(admin(paths)),
    control: orEmpty(control(paths, env)),
    auth0: v.optional(auth0(paths)),
    modem: v.optional(modems(paths), []),
    message: orEmpty(message),
    policy: orEmpty(policySchema),
    journal: orEmpty(journal),
    alerts: alerts(paths),
    log: orEmpty(log),
    shared: v.optional(shared(paths)),
    inbound: v.optional(inbound(paths)),
    carrier_message: v.optional(
      v.array(carrierMessage, 'must be tables, each written as a line [[carrier_message]]'),
      [],
    ),
    caller: v.optional(v.array(caller(paths), aTableEach), []),
  });
  return v.pipe(
    file,
    v.transform(({ modem, caller, ...settings }) => {
      const callers = [
        // Those that [auth0] stands for come first.
        ...(settings.auth0 ? [asCaller(settings.auth0, settings.message.deadlineMs)] : []),
        ...caller.map((one, index) => ({ ...one, place: `caller[${index}]` })),
      ];
      return {
        ...settings,
        modems: modem.map((one) => ({ ...one, callersWantReports: wantReports(callers, one) })),
        callers,
      };
    }),
  );
}

/** Whether any caller who may send by this modem wants status reports. */
function wantReports(callers: readonly CallerConfig[], { name }: { name: string }): boolean {
  return callers.some(
    ({ statusReport, modems }) => statusReport === true && (modems?.includes(name) ?? true),
  );
}

type Paths = ReturnType<typeof pathsFrom>;

/**
 * Where the control socket is when no configuration says so: in `$RUNTIME_DIRECTORY`
 * (systemd.exec(5): several are separated by `:`, the first counts), else where the unit has it.
 */
export function defaultControlSocket(env: NodeJS.ProcessEnv): string {
  return join(env.RUNTIME_DIRECTORY?.split(':')[0] || '/run/simgate', 'control.sock');
}

/** What the file says once it is valid, by the code's names; defaults are filled in. */
export type Settings = v.InferOutput<ReturnType<typeof fileSchema>>;

/** The engine that boxes share. */
export type SharedConfig = NonNullable<Settings['shared']>;

/** One modem as configured. `undefined` stands for "by the modem's profile" or "none". */
export type ModemConfig = Settings['modems'][number];

/** The keys of the file by which two readings of a `[[modem]]` differ. */
export function differingKeys(before: ModemConfig, after: ModemConfig): string[] {
  const differing = (a: object, b: object, keys: object) => {
    const [own, other] = [a, b].map((one) => new Map<string, unknown>(Object.entries(one)));
    return Object.keys(keys).filter((key) => {
      const name = codeName(key);
      return !isDeepStrictEqual(own!.get(name), other!.get(name));
    });
  };
  return [
    ...differing(before, after, modemKeys(pathsFrom('/'))),
    ...differing(before.caps, after.caps, caps),
    ...(before.callersWantReports === after.callersWantReports ? [] : ['status_report of callers']),
  ];
}
