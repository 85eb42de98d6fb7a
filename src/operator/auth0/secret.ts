/** The secret that Auth0 signs with: made, kept in its file, and told apart without being shown. */

import { randomBytes } from 'node:crypto';
import { type Auth0View, loadSecrets } from '../../config/config.js';
import { whyTooShort } from '../../config/secret-reader.js';
import { OperatorError } from '../../errors.js';
import { createPrivateFile, type FileRights, readPrivateFile } from '../../secret/private-file.js';
import { keyId } from '../../secret/token.js';
import { type SecretPlace, secretRights } from '../rights.js';

/** RFC 7518 3.2 asks for as many octets as the hash of HS256 has. */
const generatedOctets = 32;

/** A key of HS256, and how Auth0 is told of it. */
export interface AuthSecret {
  key: Uint8Array;
  /**
   * What goes into `gateway_authentication.secret`: base64url (RFC 4648 5) without padding when
   * `secret_base64_encoded`, else the key's text.
   */
  text: string;
}

/** 256 random bits as base64url: a good text, and the base64url form of a good key. */
export function generateSecret(): string {
  return randomBytes(generatedOctets).toString('base64url');
}

/** The octets that the text of a secret stands for. */
export function keyOf(text: string, isBase64Encoded: boolean): Uint8Array {
  return new Uint8Array(Buffer.from(text, isBase64Encoded ? 'base64url' : 'utf8'));
}

/** How people find a key of this caller in the file: `auth0.KEY`, or as one of its [[caller]]. */
export const keyWords = ({ auth0, caller }: Auth0View, key: string): string =>
  auth0.place === 'auth0' ? `auth0.${key}` : `${key} of the [[caller]] named "${caller}"`;

/** The secret as configured; all that `check-config` says of it holds. Throws `ConfigError`. */
export function configuredSecret(config: Auth0View, env: NodeJS.ProcessEnv): AuthSecret {
  return acceptedSecrets(config, env)[0];
}

/**
 * As {@link configuredSecret}, and after it the one before the last rotation, where it still
 * counts. Other callers may have none yet.
 */
export function acceptedSecrets(
  config: Auth0View,
  env: NodeJS.ProcessEnv,
): [AuthSecret, ...AuthSecret[]] {
  const { current, previous } = loadSecrets({ ...config, callers: [config.auth0] }, env).get(
    config.caller,
  )!;
  const encoding = config.auth0.secretBase64Encoded ? 'base64url' : 'utf8';
  const toldAs = (key: Uint8Array) => ({ key, text: Buffer.from(key).toString(encoding) });
  return [toldAs(current), ...(previous === undefined ? [] : [toldAs(previous)])];
}

/** The ids of the keys that count for a caller; none where it has no secret yet. */
export async function acceptedKeyIds(config: Auth0View, env: NodeJS.ProcessEnv): Promise<string[]> {
  if (await lacksSecret(config, env)) return [];
  return acceptedSecrets(config, env).map(({ key }) => keyId(key));
}

/**
 * Whether the configuration names a secret file that is not there, or is empty: one that setup may
 * fill.
 */
export async function lacksSecret(config: Auth0View, env: NodeJS.ProcessEnv): Promise<boolean> {
  const { secretFile } = config.auth0;
  if (secretFile !== undefined) return ((await readPrivateFile(secretFile)) ?? '').trim() === '';
  if (config.auth0.place === 'auth0' && env.SIMGATE_AUTH0_SECRET !== undefined) return false;
  throw new OperatorError(
    `${config.file} names no ${keyWords(config, 'secret_file')}: add it, as secret_file = "/etc/simgate/${config.caller}-secret", and setup makes the file`,
  );
}

/** Fills the secret file that {@link lacksSecret}. Says where and for whom, never what. */
export async function makeSecret(
  config: Auth0View,
  place: SecretPlace,
): Promise<{ file: string; rights: FileRights }> {
  const file = config.auth0.secretFile;
  if (file === undefined)
    throw new OperatorError(`${config.file} names no ${keyWords(config, 'secret_file')}`);
  const rights = secretRights(place);
  if (!(await createPrivateFile(file, `${generateSecret()}\n`, rights)))
    throw new OperatorError(`${file} is there but empty: remove it, and setup makes it anew`);
  return { file, rights };
}

/**
 * Refuses a secret that is there and too short: what Auth0 does not sign with yet is still changed
 * at no cost. Throws {@link OperatorError}.
 */
export async function refuseShortSecret(config: Auth0View, env: NodeJS.ProcessEnv): Promise<void> {
  if (await lacksSecret(config, env)) return;
  const shortness = whyTooShort(configuredSecret(config, env).key);
  if (shortness === undefined) return;
  const { secretFile } = config.auth0;
  const wayOut =
    secretFile === undefined
      ? 'Give SIMGATE_AUTH0_SECRET one of `openssl rand -hex 32`, restart the daemon, and run this again'
      : `Remove ${secretFile}, and run this again: it makes one, and has a running daemon take it`;
  throw new OperatorError(
    `${keyWords(config, 'secret_file')}: ${shortness}, and no set-up begins with one so short. ${wayOut}. Nothing was changed`,
  );
}
