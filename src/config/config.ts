/**
 * The configuration file: TOML in, one checked object of known units out, or every problem at once.
 * Knows nothing of: what the daemon does with it.
 * Way: file → `schema` → the rules between keys → `Config`; secrets are read apart, by `secrets`.
 */

import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parse as parseToml, TomlError, type TomlTable } from 'smol-toml';
import * as v from 'valibot';
import { type PolicyConfig, policyWarnings, toPolicyConfig } from './policy.js';
import { ConfigError, type Problem, shown } from './problem.js';
import { contradictions, unknownKeys } from './rules.js';
import {
  type ConfigFile,
  configSchema,
  isLoopback,
  type ListenAddress,
  type UssdService,
} from './schema.js';
import { readSecrets, type Secrets } from './secrets.js';
import { parseSelector, type Selector } from './selector.js';

export { ConfigError, type Problem } from './problem.js';
export { isLoopback, type ListenAddress } from './schema.js';
export type { Secrets } from './secrets.js';

/** One modem as configured. `undefined` stands for "by the modem's profile" or "none". */
export interface ModemConfig {
  name: string;
  /** As configured: the path of a tty, `auto`, USB ids, or an IMEI. */
  device: string;
  /** What `device` means. */
  selector: Selector;
  pinFile: string | undefined;
  /** E.164; what a caller's `sender` may ask for. */
  number: string | undefined;
  /** Bits per second. */
  baud: number;
  /** Least time between a reply and the next command. */
  guardMs: number | undefined;
  /** Longest wait for the final result after Ctrl-Z. */
  submitTimeoutMs: number | undefined;
  /** Whether to send while registered in a foreign network. */
  roaming: boolean;
  /** Whether to ask the SMSC for status reports (TP-SRR, 3GPP TS 23.040 9.2.3.5). */
  statusReport: boolean;
  /** AT command lines that the modem is given each time it is brought up. */
  init: readonly string[];
  /** The SMSC's number; undefined: the SIM's. */
  smsc: string | undefined;
  /** Whether to leave a note for the operator's own recovery hook when nothing else helps. */
  recoveryHook: boolean;
  /**
   * Most segments that the SIM may send within 24 hours and 30 days, and most recipients within 30
   * days; undefined: no cap.
   */
  caps: {
    perDay: number | undefined;
    perMonth: number | undefined;
    recipientsPerMonth: number | undefined;
  };
  /** Time without traffic after which the modem is asked whether it is alive. */
  idleProbeMs: number;
}

/** Where the configuration is when none is named. */
export const defaultConfigFile = '/etc/simgate/simgate.toml';

/** The whole configuration, valid, with defaults filled in and paths absolute. */
export interface Config {
  /** Absolute path of the file. */
  file: string;
  stateDir: string;
  /** Where notes for the recovery hook are left: a directory of root's. */
  recoveryDropDir: string;
  http: {
    listen: ListenAddress;
    /**
     * IP addresses and CIDR ranges of the proxies whose `X-Forwarded-For` is believed, for the log
     * only.
     */
    trustedProxies: string[];
  };
  admin: { listen: ListenAddress };
  /** The Unix socket on which the daemon is asked things. */
  control: {
    socket: string;
    /** What USSD codes may change; none by default. */
    ussdAllow: UssdService[];
  };
  auth0: {
    subject: string;
    audience: string;
    secretFile: string | undefined;
    previousSecretFile: string | undefined;
    /**
     * Whether the secret is base64url (RFC 4648 5) of the key, else its UTF-8 octets are the key.
     */
    secretBase64Encoded: boolean;
    /** Oldest `iat` that is taken, in seconds; `undefined`: `iat` is not looked at. */
    maxTokenAgeS: number | undefined;
    /** Leeway for `exp`, `nbf` and `iat`, in seconds. */
    clockToleranceS: number;
  };
  /** At least one; names and devices are unique. */
  modems: ModemConfig[];
  message: { deadlineMs: number; validityMs: number; maxSegments: number; maxWaiting: number };
  policy: PolicyConfig;
  journal: {
    /** Days after which what happened to a message is forgotten. */
    retentionDays: number;
  };
  log: { level: 'error' | 'warn' | 'info' | 'debug'; format: 'auto' | 'json' | 'text' };
  /** What the operator should hear once the log is open. */
  warnings: string[];
}

/**
 * Reads and checks the TOML `file`. Relative paths in it are relative to its directory; `state_dir`
 * falls back to `$STATE_DIRECTORY` (systemd.exec(5): several are separated by `:`, the first
 * counts) and `/var/lib/simgate`. Throws a {@link ConfigError} that names every problem at once.
 */
export function loadConfig(file: string, env: NodeJS.ProcessEnv): Config {
  const { config, problems } = readConfig(file, env);
  if (!config) throw new ConfigError(file, problems);
  return config;
}

/**
 * Reads Auth0's secret or secrets and the PINs. Published sample secrets are refused. What is
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
 * All that is wrong with `file` and the secrets it names, and what is merely unwise. Throws
 * nothing.
 */
export function checkConfig(
  file: string,
  env: NodeJS.ProcessEnv,
): { problems: Problem[]; warnings: string[] } {
  const { config, problems } = readConfig(file, env);
  if (!config) return { problems, warnings: [] };
  const secrets = readSecrets(config, env);
  return { problems: secrets.problems, warnings: [...config.warnings, ...secrets.warnings] };
}

/**
 * Where the control socket is when no configuration says so: in `$RUNTIME_DIRECTORY`
 * (systemd.exec(5): several are separated by `:`, the first counts), else where the unit has it.
 */
export function defaultControlSocket(env: NodeJS.ProcessEnv): string {
  return join(env.RUNTIME_DIRECTORY?.split(':')[0] || '/run/simgate', 'control.sock');
}

function readConfig(
  file: string,
  env: NodeJS.ProcessEnv,
): { config?: Config; problems: Problem[] } {
  const raw = readToml(file);
  if ('message' in raw) return { problems: [raw] };
  // What is left out is empty, so that its missing keys are told one by one and its defaults are
  // filled in.
  const sections = {
    http: {},
    admin: {},
    control: {},
    auth0: {},
    modem: [],
    message: {},
    policy: {},
    journal: {},
    log: {},
  };
  const parsed = v.safeParse(configSchema, { ...sections, ...raw.table }, { abortPipeEarly: true });
  const problems = [
    ...unknownKeys(raw.table),
    ...(parsed.issues ?? []).map(toProblem),
    ...contradictions(raw.table),
  ];
  if (!parsed.success || problems.length > 0) return { problems };
  return { config: toConfig(resolve(file), parsed.output, env), problems };
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
    const isMissing = 'code' in error && error.code === 'ENOENT';
    const remedy = isMissing ? '. "sudo simgate setup" writes one' : '';
    return { path: '', message: `cannot be read: ${error.message}${remedy}` };
  }
}

type Issue = v.InferIssue<typeof configSchema>;

/** What a person needs to fill in a key that has no default. */
const whereFrom: Record<string, string> = {
  'auth0.subject': 'the subject of gateway_authentication in Auth0, as "urn:Auth0"',
  'auth0.audience': 'the audience of gateway_authentication in Auth0, as "urn:MySmsGateway"',
  'modem[].name': 'a short name for logs, as "main"',
  'modem[].device': 'the path of its tty, best /dev/serial/by-id/…',
  'policy.countries':
    'the countries that may be written to, as ["DE", "AT"], or ["*"] for every one',
};

function toProblem(issue: Issue): Problem {
  const keys = issue.path?.map(({ key }) => key) ?? [];
  const path = keys
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .slice(1);
  const hint = whereFrom[path.replace(/\[\d+\]/, '[]')];
  if (issue.input === undefined && hint) return { path, message: `is missing: ${hint}` };
  // A PIN or secret is easily put where the name of its file belongs, or into an AT command.
  const value = /(?:secret|pin)_file$|\.init\[\d+\]$/.test(path) ? undefined : shown(issue.input);
  return { path, message: issue.message, ...(value !== undefined && { value }) };
}

function selectorOf(device: string, absolute: (path: string) => string): Selector {
  const parsed = parseSelector(device);
  return parsed.ok ? parsed.selector : { kind: 'path', path: absolute(device) };
}

function toConfig(file: string, toml: ConfigFile, env: NodeJS.ProcessEnv): Config {
  const absolute = (path: string) => resolve(dirname(file), path);
  const optional = (path: string | undefined) => (path === undefined ? undefined : absolute(path));
  const { auth0, message } = toml;
  return {
    file,
    stateDir: absolute(
      toml.state_dir ?? (env.STATE_DIRECTORY?.split(':')[0] || '/var/lib/simgate'),
    ),
    recoveryDropDir: absolute(toml.recovery_drop_dir ?? '/run/simgate-drop'),
    http: { listen: toml.http.listen, trustedProxies: toml.http.trusted_proxies },
    admin: toml.admin,
    control: {
      socket: optional(toml.control.socket) ?? defaultControlSocket(env),
      ussdAllow: toml.control.ussd_allow,
    },
    auth0: {
      subject: auth0.subject,
      audience: auth0.audience,
      secretFile: optional(auth0.secret_file),
      previousSecretFile: optional(auth0.previous_secret_file),
      secretBase64Encoded: auth0.secret_base64_encoded,
      maxTokenAgeS: auth0.max_token_age_s,
      clockToleranceS: auth0.clock_tolerance_s,
    },
    modems: toml.modem.map((modem) => ({
      name: modem.name,
      device: modem.device,
      selector: selectorOf(modem.device, absolute),
      recoveryHook: modem.recovery_hook,
      pinFile: optional(modem.pin_file),
      number: modem.number,
      baud: modem.baud,
      guardMs: modem.guard_ms,
      submitTimeoutMs:
        modem.submit_timeout_s === undefined ? undefined : modem.submit_timeout_s * 1000,
      roaming: modem.roaming,
      statusReport: modem.status_report,
      init: modem.init,
      smsc: modem.smsc,
      idleProbeMs: modem.idle_probe_s * 1000,
      caps: {
        perDay: modem.per_day,
        perMonth: modem.per_month,
        recipientsPerMonth: modem.recipients_per_month,
      },
    })),
    message: {
      deadlineMs: message.deadline_s * 1000,
      validityMs: message.validity_s * 1000,
      maxSegments: message.max_segments,
      maxWaiting: message.max_waiting,
    },
    policy: toPolicyConfig(toml.policy),
    journal: { retentionDays: toml.journal.retention_days },
    log: toml.log,
    warnings: warningsOf(toml),
  };
}

function warningsOf(toml: ConfigFile): string[] {
  const warnings = policyWarnings(toPolicyConfig(toml.policy));
  if (toml.message.deadline_s > 29) {
    warnings.push(
      'message.deadline_s is over 29: Auth0 hangs up after 30 seconds and never sees the answer',
    );
  }
  if (!isLoopback(toml.http.listen.host)) {
    warnings.push(
      'http.listen can be reached from other machines without TLS: codes and tokens can be read on the way. Under the shipped unit ' +
        'only this machine reaches it (IPAddressAllow=): see docs/systemd.md',
    );
  }
  return warnings;
}
