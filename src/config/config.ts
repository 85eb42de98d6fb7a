/**
 * The configuration file: TOML in, one checked object of known units out, or every problem at once.
 * Knows nothing of: what the daemon does with it.
 * Way: file → `schema` → the rules between keys → `Config`; secrets are read apart, by `secrets`.
 */

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse as parseToml, TomlError, type TomlTable } from 'smol-toml';
import * as v from 'valibot';
import { OperatorError } from '../errors.js';
import type { PasswordHash } from '../secret/password.js';
import { whyFailed } from '../words/system-fault.js';
import { alertWarnings } from './alert-settings.js';
import { type CallerConfig, callerFlag, salvagedCaller } from './callers.js';
import { ConfigError, holdsImei, type Problem, shown } from './config-error.js';
import { inboundWarnings } from './inbound-settings.js';
import { isLoopback } from './listen.js';
import { policyWarnings } from './policy.js';
import { contradictions, unknownKeys } from './rules.js';
import { defaultControlSocket, fileSchema, type Settings } from './schema.js';
import { SecretReader } from './secret-reader.js';
import { readSecrets, type SecretPlaces, type Secrets } from './secrets.js';
import { keysByTable } from './table.js';
import { pathsFrom } from './values.js';

export type { CallerConfig } from './callers.js';
export { ConfigError, type Problem } from './config-error.js';
export { isLoopback, type ListenAddress, type ListenSocket } from './listen.js';
export { defaultControlSocket, type ModemConfig, type SharedConfig } from './schema.js';
export type { CallerSecrets, Secrets } from './secrets.js';

/** Where the configuration is when none is named. */
export const defaultConfigFile = '/etc/simgate/simgate.toml';

/** The whole configuration, valid, with defaults filled in and paths absolute. */
export interface Config extends Settings {
  /** Absolute path of the file. */
  file: string;
  /** What the operator should hear once the log is open. */
  warnings: string[];
}

/**
 * Reads and checks the TOML `file`; `env` has the directories that systemd gives. Throws a
 * {@link ConfigError} that names every problem at once.
 */
export function loadConfig(file: string, env: NodeJS.ProcessEnv): Config {
  const { config, problems } = readConfig(file, env);
  if (!config) throw new ConfigError(file, problems);
  return config;
}

/** The configuration as one caller of the kind `auth0` sees it. */
export interface Auth0View extends Config {
  /** Which. */
  caller: string;
  /** What `simgate auth0 …` needs beside it to mean this one: nothing, or ` --caller NAME`. */
  callerFlag: string;
  auth0: CallerConfig & { subject: string; audience: string };
}

/**
 * The configuration for the caller of that name, or for the only one of its kind.
 * @throws OperatorError when there is none, or several and none was named
 */
export function viewOfAuth0(config: Config, name?: string): Auth0View {
  const ofKind = config.callers.filter(({ kind }) => kind === 'auth0');
  const names = ofKind.map((caller) => caller.name).join(', ');
  const chosen = name === undefined && ofKind.length === 1 ? ofKind[0] : byName(ofKind, name);
  if (chosen === undefined) {
    const remedy = names === '' ? 'none of the kind auth0 is configured' : `name one of: ${names}`;
    throw new OperatorError(
      name === undefined
        ? `which caller is meant? --caller NAME; ${remedy}`
        : `${config.file} has no caller "${name}" of the kind auth0; ${remedy}`,
    );
  }
  const { subject, audience } = chosen;
  // The schema has it that this kind has both.
  return {
    ...config,
    caller: chosen.name,
    callerFlag: callerFlag(config.callers, chosen.name),
    auth0: { ...chosen, subject: subject!, audience: audience! },
  };
}

const byName = (callers: readonly CallerConfig[], name: string | undefined) =>
  callers.find((caller) => caller.name === name);

/**
 * Reads the callers' secrets and the PINs. Published sample secrets are refused. What is
 * merely unwise (a short key, a file that all can read) is added to `config.warnings`. Throws a
 * {@link ConfigError}; no message holds a secret.
 */
export function loadSecrets(config: Config, env: NodeJS.ProcessEnv): Secrets {
  const { secrets, problems, warnings } = readSecrets(config, env);
  if (!secrets) throw new ConfigError(config.file, problems);
  config.warnings.push(...warnings);
  return secrets;
}

/**
 * Both at once, for who needs both. Throws a {@link ConfigError} that names every problem of both.
 */
export function loadWhole(
  file: string,
  env: NodeJS.ProcessEnv,
): { config: Config; secrets: Secrets } {
  const { config, secrets, problems } = readWhole(file, env);
  if (!config || !secrets) throw new ConfigError(file, problems);
  return { config, secrets };
}

/**
 * All that is wrong with `file` and the secrets it names, and what is merely unwise. Throws
 * nothing.
 */
export function checkConfig(
  file: string,
  env: NodeJS.ProcessEnv,
): { problems: Problem[]; warnings: string[] } {
  const { config, problems, warnings } = readWhole(file, env);
  return { problems, warnings: config?.warnings ?? warnings };
}

/** The password of the admin listener; undefined when there is none. Throws {@link ConfigError}. */
export function loadAdminPassword({ file, admin }: Config): PasswordHash | undefined {
  if (admin.passwordFile === undefined) return undefined;
  const reader = new SecretReader();
  const hash = reader.passwordHash('admin.password_file', admin.passwordFile);
  if (hash === undefined) throw new ConfigError(file, reader.problems);
  return hash;
}

/** What a file and its secrets came to. */
interface WholeRead {
  config?: Config;
  secrets?: Secrets;
  problems: Problem[];
  /** Of the secrets. */
  warnings: string[];
}

function readWhole(file: string, env: NodeJS.ProcessEnv): WholeRead {
  const { config, table, problems } = readConfig(file, env);
  const places = config ?? (table && placesIn(table, resolve(file)));
  if (!places) return { problems, warnings: [] };
  const read = readSecrets(places, env);
  // Of a key that is wrong as it is written, no more needs to be said.
  const told = new Set(problems.map(({ path }) => path));
  const all = [...problems, ...read.problems.filter(({ path }) => !told.has(path))];
  const { warnings } = read;
  config?.warnings.push(...warnings);
  return {
    ...(config && { config }),
    ...(read.secrets && { secrets: read.secrets }),
    problems: all,
    warnings,
  };
}

/** Where secrets are by a file that is not valid, as far as it says so. */
function placesIn(table: TomlTable, file: string): SecretPlaces {
  const { admin, alerts, auth0, caller, inbound, modem, shared } = table;
  const paths = pathsFrom(dirname(file));
  const of = (entry: unknown, key: string): unknown =>
    new Map<string, unknown>(Object.entries(entry ?? {})).get(key);
  const fileOf = (entry: unknown, key: string): string | undefined => {
    const written = of(entry, key);
    return typeof written === 'string' ? paths.absolute(written) : undefined;
  };
  const listOf = (list: unknown): unknown[] => (Array.isArray(list) ? list : []);
  const callers = listOf(caller);
  return {
    file,
    admin: { passwordFile: fileOf(admin, 'password_file') },
    alerts: {
      heartbeatUrlFile: fileOf(alerts, 'heartbeat_url_file'),
      mail: { passwordFile: fileOf(of(alerts, 'mail'), 'password_file') },
      webhooks: listOf(of(alerts, 'webhook')).map((entry) => ({
        urlFile: fileOf(entry, 'url_file'),
        tokenFile: fileOf(entry, 'token_file'),
      })),
    },
    inbound: { secretFile: fileOf(inbound, 'secret_file') },
    shared: {
      passwordFile: fileOf(shared, 'password_file'),
      caFile: fileOf(shared, 'ca_file'),
      keyFile: fileOf(shared, 'key_file'),
    },
    callers: [
      ...(auth0 === undefined ? [] : [salvagedCaller(paths, auth0, 'auth0')]),
      ...callers.map((entry, index) => salvagedCaller(paths, entry, `caller[${index}]`)),
    ],
    modems: listOf(modem).map((entry) => ({ pinFile: fileOf(entry, 'pin_file') })),
  };
}

function readConfig(
  file: string,
  env: NodeJS.ProcessEnv,
): { config?: Config; table?: TomlTable; problems: Problem[] } {
  const raw = readToml(file);
  if ('message' in raw) return { problems: [raw] };
  const path = resolve(file);
  // Without any caller it is Auth0's keys that are asked for.
  const table = 'caller' in raw.table ? raw.table : { auth0: {}, ...raw.table };
  const schema = fileSchema(dirname(path), env);
  const parsed = v.safeParse(schema, table, { abortPipeEarly: true });
  const problems = [
    ...unknownKeys(table, keysByTable(schema)),
    ...(parsed.issues ?? []).map(toProblem),
    ...contradictions(table, { folder: dirname(path), controlSocket: defaultControlSocket(env) }),
  ];
  if (!parsed.success || problems.length > 0) return { table, problems };
  const settings = parsed.output;
  return { config: { file: path, ...settings, warnings: warningsOf(settings) }, problems };
}

function readToml(file: string): { table: TomlTable } | Problem {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
    const table = parseToml(text);
    // As the Debian package brings it.
    if (Object.keys(table).length === 0)
      return {
        path: '',
        message: 'sets nothing yet. "sudo simgate setup" asks for what is needed, and writes it',
      };
    return { table };
  } catch (error) {
    if (error instanceof TomlError) {
      // The rest of the message quotes the lines around, which may hold a secret.
      const [sentence = ''] = error.message.split('\n');
      return { path: '', message: `line ${error.line}, column ${error.column}: ${sentence}` };
    }
    if (!(error instanceof Error)) throw error;
    return { path: '', message: `cannot be read: ${whyUnread(error)}` };
  }
}

function whyUnread(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return `${whyFailed(error)}. "sudo simgate setup" writes one`;
  if (code === 'EACCES') return 'this user may not (EACCES): run it with sudo';
  return whyFailed(error);
}

function toProblem(issue: v.BaseIssue<unknown>): Problem {
  const keys = issue.path?.map(({ key }) => key) ?? [];
  const path = keys
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .slice(1);
  // A PIN or secret is easily put where the name of its file belongs, or into an AT command; an
  // address may hold one.
  const isPrivate =
    /(?:secret|pin|token|password|url|key)_file$|url$|\.init\[\d+\]$/.test(path) ||
    holdsImei(issue.input);
  const value = isPrivate ? undefined : shown(issue.input);
  return { path, message: issue.message, ...(value !== undefined && { value }) };
}

function warningsOf(settings: Settings): string[] {
  const { policy, message, http, admin, alerts, inbound, shared } = settings;
  const warnings = [
    ...policyWarnings(policy),
    ...alertWarnings(alerts),
    ...inboundWarnings(inbound),
  ];
  if (message.deadlineMs > 29_000) {
    warnings.push(
      'message.deadline_s is over 29: Auth0 hangs up after 30 seconds and never sees the answer',
    );
  }
  if ('host' in admin.listen && !isLoopback(admin.listen.host)) {
    warnings.push(
      'admin.listen can be reached from other machines without TLS: the password can be read on the way. Better is a proxy at a Unix socket. Under ' +
        'the shipped unit only this machine reaches it (IPAddressAllow=): see docs/systemd.md',
    );
  }
  if (!isLoopback(http.listen.host)) {
    warnings.push(
      'http.listen can be reached from other machines without TLS: codes and tokens can be read on the way. Under the shipped unit ' +
        'only this machine reaches it (IPAddressAllow=): see docs/systemd.md',
    );
  }
  if (shared !== undefined && !shared.url.isTls && !isLoopback(shared.url.host)) {
    warnings.push(
      'shared.url has no TLS and leaves this machine: the password and what boxes tell each other can be read and changed on the way. ' +
        'Use rediss://, or a tunnel',
    );
  }
  return warnings;
}
