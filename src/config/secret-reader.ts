import { readFileSync, statSync } from 'node:fs';
import { type PasswordHash, parsePasswordHash } from '../secret/password.js';
import { webhookKey } from '../secret/webhook-key.js';
import { counted } from '../words/counted.js';
import { type CallerKind, isFixed } from './caller-kinds.js';
import type { CallerConfig } from './callers.js';
import type { Problem } from './config-error.js';

/** CHV1 has 4 to 8 digits (3GPP TS 51.011 9.3). */
export const pinPattern = /^\d{4,8}$/;

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

/** As `hmac.key` of a box has. */
const sharedKeyOctets = 32;

/** RFC 7518 3.2: an HS256 key has at least the size of the hash. */
const minimumKeyOctets = 32;

/** Reads secrets, and gathers all that is wrong with them; never their content. */
export class SecretReader {
  readonly problems: Problem[] = [];
  readonly warnings: string[] = [];
  refuse(path: string, message: string): undefined {
    this.problems.push({ path, message });
  }

  /** The octets of a caller's secret, from `file` or, without one, from `value`. */
  key(
    path: string,
    { kind, secretBase64Encoded }: Pick<CallerConfig, 'kind' | 'secretBase64Encoded'>,
    file: string | undefined,
    value: string | undefined,
  ): Uint8Array | undefined {
    const text = file === undefined ? value : this.content(path, file);
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
    const shortness = kind === 'auth0' ? whyTooShort(key) : undefined;
    if (shortness !== undefined) this.warnings.push(`${path}: ${shortness}`);
    if (text !== text.trim())
      this.warnings.push(`${path}: the secret begins or ends with white space, which counts`);
    return new Uint8Array(key);
  }

  /** CHV1 has 4 to 8 digits (3GPP TS 51.011 9.3). It is read again whenever a SIM asks for it. */
  checkPin(path: string, file: string): void {
    const text = this.content(path, file);
    if (text !== undefined && !pinPattern.test(text))
      this.refuse(path, 'must hold the PIN and nothing else, 4 to 8 digits');
  }

  /** Of the signature of what is posted elsewhere; it is read again each time. */
  webhookSecret(path: string, file: string): void {
    const text = this.content(path, file);
    if (text !== undefined && webhookKey(text) === undefined)
      this.refuse(
        path,
        'must hold "whsec_" and 24 octets or more in base64: make it with `(printf whsec_; openssl rand -base64 32) > FILE`',
      );
  }

  /** What `simgate admin password` wrote. */
  passwordHash(path: string, file: string): PasswordHash | undefined {
    const text = this.content(path, file);
    if (text === undefined) return undefined;
    const hash = parsePasswordHash(text.trim());
    if (hash === undefined)
      this.refuse(
        path,
        'must hold the hash that "sudo simgate admin password" makes, and no password',
      );
    return hash;
  }

  /** One of which nothing is known but that it is one line. */
  checkOther(path: string, file: string): void {
    const text = this.content(path, file);
    if (text === undefined) return;
    if (text.trim() === '') this.refuse(path, 'is empty');
    else if (/[\r\n]/.test(text)) this.refuse(path, 'must hold one line and nothing else');
  }

  /** The key of the HMACs that boxes share; whoever has it can undo them. */
  checkKey(path: string, file: string): void {
    try {
      const { mode, size } = statSync(file);
      if ((mode & 0o077) !== 0)
        this.refuse(path, `may be read by others than its owner: chmod 600 ${file}`);
      if (size !== sharedKeyOctets)
        this.refuse(
          path,
          `must have ${sharedKeyOctets} octets, it has ${size}: copy hmac.key of the first box, or make one with \`head -c 32 /dev/urandom\``,
        );
    } catch (error) {
      this.refuse(path, `cannot be read: ${reason(error)}`);
    }
  }

  /** The text of a secret file without its last newline. */
  content(path: string, file: string, mayBeRead?: 'all may read it'): string | undefined {
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
      if (mayBeRead === undefined && (statSync(file).mode & 0o007) !== 0) {
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

/** Of a key of HS256; undefined when it is long enough. */
export function whyTooShort(key: Uint8Array): string | undefined {
  if (key.length >= minimumKeyOctets) return undefined;
  return `the key has ${counted(key.length, 'octet')}; HS256 asks for ${minimumKeyOctets} (RFC 7518 3.2)`;
}

/**
 * Why the secret of a caller of the kind `auth0` will not do where a gateway is set up anew: one
 * that has long been in use is only warned of when it is too short. Undefined when it will do.
 */
export function whyNotForNew(
  file: string,
  { secretBase64Encoded = false }: { secretBase64Encoded?: boolean | undefined },
): string | undefined {
  const reader = new SecretReader();
  const key = reader.key('', { kind: 'auth0', secretBase64Encoded }, file, undefined);
  if (key === undefined) return reader.problems[0]!.message;
  return whyTooShort(key);
}

/** Shortest credential that never changes, in characters. */
const shortestCredential = 32;

/** What makes a secret useless for its kind. */
function flawOf(kind: CallerKind, text: string): string | undefined {
  if (isFixed(kind)) {
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
