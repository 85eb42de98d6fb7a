/** The callers of the configuration, as the public listener serves them. */

import type { Logger } from 'winston';
import type { Clock } from '../clock/clock.js';
import type { CallerConfig, CallerSecrets, Config, Secrets } from '../config/config.js';
import { type BearerVerifier, createBearerVerifier, type SecretUse } from '../http/bearer.js';
import type { Caller } from '../http/callers/caller.js';
import { callerKinds } from '../http/callers/kinds.js';
import type { Client } from '../http/owner.js';
import type { CallerRules } from '../policy/caller-rules.js';

export interface ClientParts {
  clock: Clock;
  log: Logger;
  /** The configuration in force. */
  config: () => Config;
  secrets: () => Secrets;
}

/**
 * Makes what serves each caller. What verifies the tokens of one outlives a reload, for it knows
 * when each secret was last used.
 */
export class Clients {
  readonly #parts: ClientParts;
  readonly #verifiers = new Map<string, BearerVerifier>();

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  /** When each secret of the caller was last used; nothing where that is not known. */
  secretUse(name: string): SecretUse {
    return this.#verifiers.get(name)?.lastUse() ?? {};
  }

  /** One for each caller, in their order. Rejects when a secret is no key. */
  async make(config: Config, secrets: Secrets): Promise<Client[]> {
    return Promise.all(
      config.callers.map(async (caller) => {
        const own = secrets.get(caller.name);
        if (own === undefined) throw new Error(`caller ${caller.name} has no secret`);
        return this.#client(await this.#caller(caller, own), caller);
      }),
    );
  }

  #client(caller: Caller, config: CallerConfig): Client {
    return { caller, mayRead: config.mayRead, terms: () => this.#inForce(config) };
  }

  /** As configured now; what comes in while its caller is taken away is still served. */
  #inForce(made: CallerConfig): CallerConfig {
    return this.#parts.config().callers.find(({ name }) => name === made.name) ?? made;
  }

  async #caller(config: CallerConfig, secrets: CallerSecrets): Promise<Caller> {
    const { name, path, kind, username, header } = config;
    const { clock } = this.#parts;
    if (kind === 'auth0')
      return callerKinds.auth0({ name, path, verify: await this.#verifier(config, secrets) });
    return callerKinds[kind]({
      name,
      path,
      username,
      header,
      secrets: () => [secrets.current, ...(secrets.previous ? [secrets.previous] : [])],
      now: () => {
        const other = clock.beforeLeap();
        return other === undefined ? [Date.now()] : [Date.now(), other];
      },
      templates: () => templatesOf(this.#inForce(config)),
      recipients: () => this.#inForce(config).recipients,
      // What is cut to more than any message may have would be refused.
      maxSegments: () =>
        Math.min(this.#inForce(config).maxSegments ?? 1, this.#parts.config().message.maxSegments),
    });
  }

  async #verifier(config: CallerConfig, secrets: CallerSecrets): Promise<BearerVerifier> {
    const { name, subject = '', audience = '' } = config;
    const expected = { ...config, subject, audience };
    const known = this.#verifiers.get(name);
    if (known !== undefined) {
      await known.replace(secrets, expected);
      return known;
    }
    const verifier = await createBearerVerifier({
      secrets,
      expected,
      beforeLeap: () => this.#parts.clock.beforeLeap(),
      onEndless: () =>
        this.#parts.log.warn(
          `a token of caller ${name} never expires: whoever sees one can use it for ever. Set max_token_age_s, or have it made with exp`,
          { event: 'token_endless', caller: name },
        ),
    });
    this.#verifiers.set(name, verifier);
    return verifier;
  }
}

function templatesOf({ template = '{code}', templates, webotpHost }: CallerConfig) {
  const byOccasion = Object.entries(templates).map(([occasion, text]): [string, string] => [
    occasion.toLowerCase(),
    text,
  ]);
  return { template, byOccasion: new Map(byOccasion), webotpHost };
}

const dayMs = 86_400_000;

/**
 * Who the SMS of alerts are from, in log, journal and limits; no caller's name has a space.
 */
export const alertCaller = 'simgate alerts';
/** The same for what is sent to ask for the credit, or to keep a SIM alive. */
export const creditCaller = 'simgate credit';

/** What the policy has to know of each caller. */
export function callerRules({ callers, alerts }: Config): Map<string, CallerRules> {
  const rules = callers.map(
    ({ name, perCaller, countries, class: ofClass }): [string, CallerRules] => [
      name,
      { perCaller, countries, isAlert: ofClass === 'alert' },
    ],
  );
  const perDay = alerts.sms === undefined ? [] : [{ count: alerts.sms.perDay, windowMs: dayMs }];
  return new Map([
    ...rules,
    [alertCaller, { perCaller: perDay, perCallerName: 'alerts.sms.per_day', isAlert: true }],
    [creditCaller, { isUncounted: true }],
  ]);
}
