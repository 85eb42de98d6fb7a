/** The numbers that simgate writes to by itself, because the configuration says so. */

import { type Config, ConfigError, type Problem } from '../config/config.js';
import { readRecipient } from '../number/recipient.js';
import { subscriberOf } from '../number/subscriber.js';
import { lookUp } from './numbering.js';
import { refuseRecipient } from './recipient-rules.js';

/**
 * What of them `[policy]` would refuse, whatever the limits: an alert that is never sent is found
 * out when it is too late.
 */
export function refusedOwnNumbers({
  policy,
  alerts,
  modems,
}: Pick<Config, 'policy' | 'alerts' | 'modems'>): Problem[] {
  const own: [path: string, number: string | undefined][] = [];
  for (const [index, number] of (alerts.sms?.to ?? []).entries())
    own.push([`alerts.sms.to[${index}]`, number]);
  for (const [index, { credit }] of modems.entries())
    own.push([`modem[${index}].credit.keep_alive_to`, credit?.keepAliveTo]);
  return own.flatMap(([path, written]): Problem[] => {
    if (written === undefined) return [];
    const { number, objection } = readRecipient(written);
    if (number === undefined) return [{ path, message: objection }];
    const subscriber = subscriberOf(number);
    const spellings = { number, countedAs: subscriber.countedAs };
    const refusal = refuseRecipient(policy, spellings, lookUp(number, subscriber));
    return refusal === undefined
      ? []
      : [{ path, message: `would be refused by the policy: ${refusal.detail}` }];
  });
}

/** @throws ConfigError when there is any of them */
export function requireOwnNumbers(config: Config): void {
  const problems = refusedOwnNumbers(config);
  if (problems.length > 0) throw new ConfigError(config.file, problems);
}
