import { existsSync, readFileSync, statSync } from 'node:fs';
import { counted } from '../words/counted.js';
import { type CallerConfig, type CallerKind, callerFlag, staticKinds } from './callers.js';
import type { Problem } from './config-error.js';
import type { Settings } from './schema.js';

/** What the daemon must know of one caller and must never say. */
export interface CallerSecrets {
  /** What it signs with, or shows. */
  current: Uint8Array;
  /** The one before the last rotation, still valid. */
  previous?: Uint8Array;
}

/** By the callers' names. */
export type Secrets = ReadonlyMap<string, CallerSecrets>;

/**
 * Secrets that stand in guides, in the documentation of JWT libraries and in RFCs, as people copy
 * them; in small letters.
 */
const publishedSecrets = new Set(
  [
    // Auth0's guide to SMS gateways
    'MySecretToSignTheToken',
    // the gateway of MessageMedia, which has it built in
    'MessageMedia',
    // jwt.io, now and before
    'a-string-secret-at-least-256-bits-long',
    'a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long',
    'your-256-bit-secret',
    'your-384-bit-secret',
    'your-512-bit-secret',
    // the documentation of jose and of jsonwebtoken
    'cc7e0d44fd473002f1c42167459001140ec6389b7353f8088f4d9a95f2f596f2',
    'shhhhh',
    'shared-secret',
    // RFC 7515 A.1 and 3.5 of RFC 7520, base64url
    'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
    'hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg',
    // README and example configuration of this project
    'what stands in /etc/simgate/auth0-secret',
    'the contents of /etc/simgate/auth0-secret',
    // what stands where a secret belongs
    'YOUR_SECRET',
    'your-secret',
    'your-secret-key',
    'your_jwt_secret',
    'GATEWAY_SECRET',
    'mysecret',
    'supersecret',
    'super-secret',
    'topsecret',
    'change-me',
    'change_me',
    'changeme',
    'password',
    'secret',
    'test',
  ].map((sample) => sample.toLowerCase()),
);

/** RFC 7518 3.2: an HS256 key has at least the size of the hash. */
const minimumKeyOctets = 32;

export interface SecretsRead {
  secrets: Secrets | undefined;
  problems: Problem[];
  warnings: string[];
}

/** Where a configuration says that secrets are. */
export interface SecretPlaces extends Pick<Settings, 'callers' | 'modems'> {
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
  tellAlike(config, secrets, reader);
  const { problems, warnings } = reader;
  return { secrets: problems.length > 0 ? undefined : secrets, problems, warnings };
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
  const { kind, username, header, subject, audience } = caller;
  const show = (...of: unknown[]) =>
    JSON.stringify([...of, Buffer.from(secret).toString('base64')]);
  const bearer = show('authorization', 'bearer');
  const basic = show('authorization', 'basic', username);
  const inHeader = (name: string) =>
    name === 'authorization' ? [show(name), bearer] : [show(name)];
  switch (kind) {
    case 'auth0':
      return [show('jwt', subject, audience)];
    case 'bearer':
      return [bearer];
    case 'basic':
      return [basic];
    case 'alerts':
      return [bearer, basic, show('x-grafana-alert-signature')];
    case 'header':
      return inHeader(header.toLowerCase());
    case 'logto':
      return inHeader('authorization');
    case 'uptime_kuma':
      return inHeader('x-api-key');
    case 'supabase':
    case 'zitadel':
    case 'authgear':
      return [show(kind)];
  }
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

class SecretReader {
  readonly problems: Problem[] = [];
  readonly warnings: string[] = [];
  refuse(path: string, message: string): undefined {
    this.problems.push({ path, message });
  }

  /** The octets of a caller's secret, from `file` or, without one, from `value`. */
  key(
    path: string,
    { kind, secretBase64Encoded }: CallerConfig,
    file: string | undefined,
    value: string | undefined,
  ): Uint8Array | undefined {
    const text = file === undefined ? value : this.#content(path, file);
    if (text === undefined) return undefined;
    if (text === '') return this.refuse(path, 'is empty');
    const isEncoded = kind === 'auth0' && secretBase64Encoded;
    const key = isEncoded ? decodeBase64(text) : Buffer.from(text, 'utf8');
    if (!key) {
      return this.refuse(
        path,
        `is not base64url, but ${path.replace(/\.\w+$/, '')}.secret_base64_encoded is true (RFC 4648 5)`,
      );
    }
    // Another case or white space around does not make it a secret; the key of those in base64url
    // is found by their text.
    const readings = [text, key.toString('utf8'), key.toString('base64url')];
    if (readings.some((reading) => publishedSecrets.has(reading.trim().toLowerCase()))) {
      return this.refuse(
        path,
        'is a sample secret that everyone knows: make one with `openssl rand -hex 32`',
      );
    }
    const flaw = flawOf(kind, text);
    if (flaw !== undefined) return this.refuse(path, flaw);
    if (kind === 'auth0' && key.length < minimumKeyOctets) {
      this.warnings.push(
        `${path}: the key has ${counted(key.length, 'octet')}; HS256 asks for ${minimumKeyOctets} (RFC 7518 3.2)`,
      );
    }
    if (text !== text.trim())
      this.warnings.push(`${path}: the secret begins or ends with white space, which counts`);
    return new Uint8Array(key);
  }

  /** CHV1 has 4 to 8 digits (3GPP TS 51.011 9.3). It is read again whenever a SIM asks for it. */
  checkPin(path: string, file: string): void {
    const text = this.#content(path, file);
    if (text !== undefined && !/^\d{4,8}$/.test(text))
      this.refuse(path, 'must hold the PIN and nothing else, 4 to 8 digits');
  }

  /** The text of a secret file without its last newline. */
  #content(path: string, file: string): string | undefined {
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
      if ((statSync(file).mode & 0o007) !== 0) {
        this.warnings.push(
          `${path}: every user of this machine can get at the file: chmod o-rwx ${file}`,
        );
      }
      return text.replace(/\r?\n$/, '');
    } catch (error) {
      return this.refuse(path, `cannot be read: ${reason(error)}`);
    }
  }
}

/** Shortest credential that never changes, in characters. */
const shortestCredential = 32;

/** What makes a secret useless for its kind. */
function flawOf(kind: CallerKind, text: string): string | undefined {
  if (staticKinds.includes(kind)) {
    if (text.trim().length < shortestCredential)
      return `has ${counted(text.trim().length, 'character')}: a credential that never changes needs ${shortestCredential}. Make one with \`openssl rand -hex 32\``;
    if (!/^[\x21-\x7e]+$/.test(text))
      return 'must be printable ASCII without blanks, for it stands in a header';
  }
  if (kind === 'supabase' && !/^v1,whsec_[A-Za-z0-9+/]{32,88}={0,2}$/.test(text))
    return 'must be the secret as Supabase shows it: v1,whsec_ and 32 to 88 characters of base64';
  return undefined;
}

/** Both alphabets of RFC 4648 (4 and 5), padding or none: people paste either. */
function decodeBase64(text: string): Buffer | undefined {
  const digits = text.replace(/={1,2}$/, '');
  if (!/^[A-Za-z0-9+/_-]+$/.test(digits) || digits.length % 4 === 1) return undefined;
  return Buffer.from(digits, 'base64url');
}

/** Names no path: who mistakes `secret_file` for the secret would find it in the log. */
function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file (the key takes a path, not the secret itself)';
    case 'EACCES':
      return 'permission denied: the user that runs simgate must be able to read it';
    case 'EISDIR':
      return 'it is a directory';
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return 'it is not UTF-8 text';
    default:
      return `it failed with ${String(code ?? error)}`;
  }
}
