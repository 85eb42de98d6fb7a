import { kinds } from '../config/caller-kinds.js';
import type { CallerConfig, Config, Secrets } from '../config/config.js';
import { OperatorError } from '../errors.js';
import { mintToken } from '../secret/token.js';

export interface CredentialOptions {
  /** The caller's name; needed only where there are several. */
  caller?: string;
  /** Whole seconds, 1 or more, for which a token is good. */
  expiresIn: number;
}

/**
 * What a caller has to send to be known: a token that is minted for the kind `auth0`, else a header
 * with the secret that does not change.
 * @throws OperatorError for a kind that signs each request, and when it is not clear which is meant
 */
export async function credentialFor(
  config: Config,
  secrets: Secrets,
  { caller: name, expiresIn }: CredentialOptions,
): Promise<string> {
  const caller = chosen(config, name);
  const secret = secrets.get(caller.name)!.current;
  const text = Buffer.from(secret).toString();
  switch (kinds[caller.kind].credential) {
    case 'token': {
      const { subject = '', audience = '' } = caller;
      return mintToken({ secret, subject, audience, expiresInS: expiresIn });
    }
    case 'secret':
      return text;
    case 'user':
      return Buffer.from(`${caller.username}:${text}`).toString('base64');
    case 'signature':
      throw new OperatorError(
        `caller "${caller.name}" signs each request (kind ${caller.kind}): there is no token to show`,
      );
  }
}

function chosen({ file, callers }: Config, name: string | undefined): CallerConfig {
  const [only, second] = callers;
  const found =
    name === undefined && second === undefined
      ? only
      : callers.find((caller) => caller.name === name);
  if (found !== undefined) return found;
  const names = callers.map((caller) => caller.name).join(', ');
  throw new OperatorError(
    name === undefined
      ? `${file} has several callers: name one with --caller (${names})`
      : `${file} has no caller "${name}": there is ${names}`,
  );
}
