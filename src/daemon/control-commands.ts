import * as v from 'valibot';
import { ConfigError } from '../config/config.js';
import type { ControlCommand } from '../control/server.js';
import { OperatorError } from '../errors.js';
import type { BearerSecrets, SecretUse } from '../http/bearer.js';
import { readRecipient } from '../number/recipient.js';
import { explanationJson } from '../policy/explain-text.js';
import type { Policy } from '../policy/policy.js';
import { keyId } from '../secret/token.js';
import { ReloadError } from './reload.js';

/** What {@link ownCommands} need. */
export interface OwnParts {
  /** Rejects with `ConfigError` or `ReloadError`. */
  reload: () => Promise<void>;
  /** The secrets in force. */
  secrets: () => BearerSecrets;
  /** When each was last used. */
  secretUse: () => SecretUse;
  policy: Policy;
  /** Who the messages of Auth0 come from. */
  caller: () => string;
}

const explainRequest = v.object({ to: v.string(), client_ip: v.optional(v.string()) });

/**
 * The control commands about the daemon itself: take up the configuration, which secrets are in use
 * (times in ISO 8601), what the policy says.
 */
export function ownCommands({
  reload,
  secrets,
  secretUse,
  policy,
  caller,
}: OwnParts): Record<'reload' | 'auth' | 'policy', ControlCommand> {
  return {
    reload: async function* () {
      try {
        await reload();
      } catch (error) {
        if (error instanceof ConfigError || error instanceof ReloadError)
          throw new OperatorError(error.message);
        throw error;
      }
      yield { reloaded: true };
    },
    auth: async function* () {
      const { current, previous } = secrets();
      const seenAt = secretUse();
      yield {
        current_key_id: keyId(current),
        current_seen_at: asTime(seenAt.current),
        previous_key_id: previous && keyId(previous),
        previous_seen_at: asTime(seenAt.previous),
      };
    },
    policy: async function* (request) {
      const parsed = v.safeParse(explainRequest, request);
      if (!parsed.success) throw new OperatorError('to must be a number and client_ip an address');
      const { to, client_ip: clientIp } = parsed.output;
      const { number: recipient, objection } = readRecipient(to);
      if (recipient === undefined) throw new OperatorError(`the recipient ${objection}`);
      const explanation = policy.explain({
        recipient,
        caller: caller(),
        ...(clientIp !== undefined && { clientIp }),
      });
      yield explanationJson(recipient, explanation);
    },
  };
}

/** ISO 8601, UTC. */
const asTime = (wallMs: number | undefined) =>
  wallMs === undefined ? undefined : new Date(wallMs).toISOString();
