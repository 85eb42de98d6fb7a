import { existsSync } from 'node:fs';
import { type AlertSecrets, alertSecretFiles } from './alert-settings.js';
import { kinds } from './caller-kinds.js';
import { type CallerConfig, callerFlag } from './callers.js';
import type { Problem } from './config-error.js';
import type { ModemConfig, Settings, SharedConfig } from './schema.js';
import { SecretReader } from './secret-reader.js';

/** What the daemon must know of one caller and must never say. */
export interface CallerSecrets {
  /** What it signs with, or shows. */
  current: Uint8Array;
  /** The one before the last rotation, still valid. */
  previous?: Uint8Array;
}

/** By the callers' names. */
export type Secrets = ReadonlyMap<string, CallerSecrets>;

export interface SecretsRead {
  secrets: Secrets | undefined;
  problems: Problem[];
  warnings: string[];
}

type SharedSecrets = Pick<SharedConfig, 'passwordFile' | 'caFile'> & {
  keyFile: string | undefined;
};

/** Where a configuration says that secrets are; undefined where it does not, or is not valid. */
export interface SecretPlaces extends Pick<Settings, 'callers'> {
  alerts?: AlertSecrets;
  shared?: SharedSecrets | undefined;
  modems: readonly Pick<ModemConfig, 'pinFile'>[];
  /** Where SMS that come in go. */
  inbound?: { secretFile: string | undefined } | undefined;
  /** Of the admin listener. */
  admin?: { passwordFile: string | undefined };
  /** The configuration file itself. */
  file: string;
}

/**
 * Reads the files and the environment that hold secrets; reports all that is wrong with them, never
 * their content.
 */
export function readSecrets(config: SecretPlaces, env: NodeJS.ProcessEnv): SecretsRead {
  const reader = new SecretReader();
  const secrets = new Map<string, CallerSecrets>();
  for (const caller of config.callers) {
    const current = readCurrent(reader, caller, env);
    const previous = readPrevious(reader, caller, config);
    if (current) secrets.set(caller.name, { current, ...(previous && { previous }) });
  }
  for (const [index, { pinFile }] of config.modems.entries()) {
    if (pinFile !== undefined) reader.checkPin(`modem[${index}].pin_file`, pinFile);
  }
  const passwordFile = config.admin?.passwordFile;
  if (passwordFile !== undefined) reader.passwordHash('admin.password_file', passwordFile);
  for (const [path, file] of config.alerts ? alertSecretFiles(config.alerts) : [])
    reader.checkOther(path, file);
  if (config.shared) checkShared(config.shared, reader);
  const inboundFile = config.inbound?.secretFile;
  if (inboundFile !== undefined) reader.webhookSecret('inbound.secret_file', inboundFile);
  tellAlike(config, secrets, reader);
  const { problems, warnings } = reader;
  return { secrets: problems.length > 0 ? undefined : secrets, problems, warnings };
}

/** They are read again: the password at each connection, the key at the start. */
function checkShared({ passwordFile, caFile, keyFile }: SharedSecrets, reader: SecretReader): void {
  if (passwordFile !== undefined && reader.content('shared.password_file', passwordFile) === '')
    reader.refuse('shared.password_file', 'is empty');
  if (caFile !== undefined) {
    const text = reader.content('shared.ca_file', caFile, 'all may read it');
    if (text !== undefined && !text.includes('-----BEGIN CERTIFICATE-----'))
      reader.refuse('shared.ca_file', 'holds no certificate in PEM');
  }
  if (keyFile !== undefined) reader.checkKey('shared.key_file', keyFile);
}

/** Two callers whose requests would look the same: nobody could say whose a message was. */
function tellAlike(
  config: SecretPlaces,
  secrets: ReadonlyMap<string, CallerSecrets>,
  reader: SecretReader,
): void {
  const seen = new Map<string, string>();
  for (const caller of config.callers) {
    const { current, previous } = secrets.get(caller.name) ?? {};
    const own = [current, previous].flatMap((secret) => (secret ? shownBy(caller, secret) : []));
    for (const shown of own) {
      const id = `${caller.path} ${shown}`;
      const other = seen.get(id);
      if (other === undefined) seen.set(id, caller.name);
      else if (other !== caller.name) {
        const which = `holds the secret of caller "${other}", which has the same path and shows it alike`;
        reader.refuse(
          `${caller.place}.secret_file`,
          `${which}: the two cannot be told apart. Give each its own`,
        );
        break;
      }
    }
  }
}

/** What the requests of a caller with this secret may show, in words that others can be held to. */
function shownBy(caller: CallerConfig, secret: Uint8Array): string[] {
  const octets = Buffer.from(secret).toString('base64');
  return kinds[caller.kind].shows(caller).map((shown) => JSON.stringify([...shown, octets]));
}

/**
 * Where `simgate auth0 rotate` keeps the old secret while both are valid: beside the new one, so
 * that no configuration has to be edited.
 */
export function previousSecretFileOf(secretFile: string): string {
  return `${secretFile}.previous`;
}

/**
 * The secret before the last rotation. Whoever forgets it has two keys to the gateway, so it is
 * told as long as it is there.
 */
function readPrevious(
  reader: SecretReader,
  caller: CallerConfig,
  { file, callers }: SecretPlaces,
): Uint8Array | undefined {
  const { place } = caller;
  const path = `${place}.previous_secret_file`;
  const configured = caller.previousSecretFile;
  const previousFile = configured ?? rotatedFrom(caller.secretFile);
  if (previousFile === undefined) return undefined;
  const previous = reader.key(path, caller, previousFile, undefined);
  const who = caller.kind === 'auth0' ? 'Auth0' : 'the caller';
  const rotate = `simgate auth0 rotate${callerFlag(callers, caller.name)}`;
  const end =
    configured !== undefined
      ? `take ${path} out of ${file} once ${who} no longer signs with the old one`
      : caller.kind === 'auth0'
        ? `finish with \`${rotate}\`, or remove ${previousFile} once Auth0 no longer signs with the old one`
        : `remove ${previousFile} once ${who} no longer signs with the old one`;
  if (previous)
    reader.warnings.push(
      place === 'auth0'
        ? `two secrets are accepted, the present and an old one: ${end}`
        : `two secrets of caller "${caller.name}" are accepted, the present and an old one: ${end}`,
    );
  return previous;
}

/** Undefined when there is none. */
function rotatedFrom(secretFile: string | undefined): string | undefined {
  if (secretFile === undefined) return undefined;
  const file = previousSecretFileOf(secretFile);
  return existsSync(file) ? file : undefined;
}

function readCurrent(
  reader: SecretReader,
  caller: CallerConfig,
  env: NodeJS.ProcessEnv,
): Uint8Array | undefined {
  const { place } = caller;
  const path = `${place}.secret_file`;
  const file = caller.secretFile;
  // The environment has one secret, for the one caller that there always was.
  const value = place === 'auth0' ? env.SIMGATE_AUTH0_SECRET : undefined;
  if (file === undefined && value === undefined) {
    reader.refuse(
      path,
      place === 'auth0'
        ? "is missing: name a file that holds Auth0's secret, or set SIMGATE_AUTH0_SECRET"
        : `is missing: name a file that holds the secret of caller "${caller.name}"`,
    );
    return undefined;
  }
  if (file !== undefined && value !== undefined) {
    reader.refuse(
      path,
      'is set and so is SIMGATE_AUTH0_SECRET: remove one, so that it is sure which one counts',
    );
    return undefined;
  }
  return reader.key(file === undefined ? 'SIMGATE_AUTH0_SECRET' : path, caller, file, value);
}
