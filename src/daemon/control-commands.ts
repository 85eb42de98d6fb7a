import * as v from 'valibot';
import type { Logger } from 'winston';
import { type CallerConfig, ConfigError, type Secrets } from '../config/config.js';
import type { ControlCommand } from '../control/server.js';
import { OperatorError } from '../errors.js';
import type { SecretUse } from '../http/bearer.js';
import { maskNumber } from '../number/mask.js';
import { readRecipient } from '../number/recipient.js';
import { explanationJson } from '../policy/explain-text.js';
import type { Policy } from '../policy/policy.js';
import type { Explanation } from '../policy/request.js';
import { keyId } from '../secret/token.js';
import { isoTime } from '../words/time.js';
import { ReloadError } from './reload.js';

/** What {@link ownCommands} need. */
export interface OwnParts {
  /**
   * Resolves with what happens to which modem. Rejects with `ConfigError` or `ReloadError`.
   */
  reload: () => Promise<string[]>;
  /** The secrets in force. */
  secrets: () => Secrets;
  /** When each of a caller was last used. */
  secretUse: (caller: string) => SecretUse;
  policy: Policy;
  explain: (request: Parameters<Policy['explain']>[0]) => Promise<Explanation>;
  /** Those in force. */
  callers: () => readonly CallerConfig[];
  log: Pick<Logger, 'info'>;
}

const explainRequest = v.object({
  to: v.string(),
  client_ip: v.optional(v.string()),
  caller: v.optional(v.string()),
});
const unlockRequest = v.object({ to: v.string() });
const authRequest = v.object({ caller: v.optional(v.string()) });

/**
 * The control commands about the daemon itself: take up the configuration, which secrets are in use
 * (times in ISO 8601), what the policy says, and an end to what it makes a number wait for.
 */
export function ownCommands({
  reload,
  secrets,
  secretUse,
  policy,
  explain,
  callers,
  log,
}: OwnParts): Record<'reload' | 'auth' | 'policy' | 'unlock', ControlCommand> {
  return {
    reload: async function* () {
      let modems: string[];
      try {
        modems = await reload();
      } catch (error) {
        if (error instanceof ConfigError || error instanceof ReloadError)
          throw new OperatorError(error.message);
        throw error;
      }
      yield { reloaded: true, modems };
    },
    auth: async function* (request) {
      const { caller } = v.parse(authRequest, request);
      const { name } = callerOf(callers(), caller, 'auth0');
      const { current, previous } = secrets().get(name)!;
      const seenAt = secretUse(name);
      yield {
        current_key_id: keyId(current),
        current_seen_at: isoTime(seenAt.current),
        previous_key_id: previous && keyId(previous),
        previous_seen_at: isoTime(seenAt.previous),
      };
    },
    policy: async function* (request) {
      const parsed = v.safeParse(explainRequest, request);
      if (!parsed.success) throw new OperatorError('to must be a number and client_ip an address');
      const { to, client_ip: clientIp } = parsed.output;
      const { name, class: ofClass } = callerOf(callers(), parsed.output.caller);
      const { number: recipient, objection } = readRecipient(to);
      if (recipient === undefined) throw new OperatorError(`the recipient ${objection}`);
      const explanation = await explain({
        recipient,
        caller: name,
        isAlert: ofClass === 'alert',
        ...(clientIp !== undefined && { clientIp }),
      });
      yield explanationJson(recipient, explanation);
    },
    unlock: async function* (request) {
      const parsed = v.safeParse(unlockRequest, request);
      if (!parsed.success) throw new OperatorError('to must be a number');
      const { number, objection } = readRecipient(parsed.output.to);
      if (number === undefined) throw new OperatorError(`the recipient ${objection}`);
      const lifted = policy.unlock(number);
      const recipient = maskNumber(number);
      log.info(
        `policy unlock: ${recipient} counts anew${lifted.length > 0 ? ', and waits no more' : ''}`,
        {
          event: 'policy_unlock',
          recipient,
          lifted,
        },
      );
      yield { recipient, lifted };
    },
  };
}

/**
 * The caller of that name, or the first of the kind where none is named.
 * @throws OperatorError when there is none
 */
function callerOf(
  callers: readonly CallerConfig[],
  name: string | undefined,
  kind?: CallerConfig['kind'],
): CallerConfig {
  const ofKind = callers.filter((caller) => kind === undefined || caller.kind === kind);
  const found = name === undefined ? ofKind[0] : ofKind.find((caller) => caller.name === name);
  if (found !== undefined) return found;
  const what = name === undefined ? '' : ` "${name}"`;
  const known = ofKind.map((caller) => caller.name).join(', ') || 'none';
  throw new OperatorError(
    `there is no caller${what}${kind ? ` of the kind ${kind}` : ''}: there is ${known}`,
  );
}
