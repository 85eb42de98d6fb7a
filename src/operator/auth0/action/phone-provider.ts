/** The tenant's phone provider: the one place that says who sends its messages. */

import * as v from 'valibot';
import { understood } from '../management.js';
import { type Requests, settle } from './deployment.js';

const path = '/api/v2/branding/phone/providers';

const providerSchema = v.object({
  id: v.string(),
  /** `custom` is the Action, `twilio` Auth0's own. */
  name: v.string(),
  disabled: v.optional(v.boolean(), false),
  configuration: v.optional(
    v.looseObject({ delivery_methods: v.optional(v.array(v.string()), []) }),
    {},
  ),
});

/** A phone provider as the Management API shows it; its credentials are never told. */
export type PhoneProvider = v.InferOutput<typeof providerSchema>;

const listSchema = v.object({ providers: v.optional(v.array(providerSchema), []) });

/** The tenant's provider, of which there is one at most. Needs `read:phone_providers`. */
export async function readPhoneProvider(api: Requests): Promise<PhoneProvider | undefined> {
  const { providers } = understood(
    listSchema,
    await api.request('GET', path),
    'the phone providers',
  );
  return providers[0];
}

/**
 * Whether text messages go to the Action. Voice may do so too: an MFA factor of the tenant can
 * depend on it.
 */
export function isAsNeeded({ name, disabled, configuration }: PhoneProvider): boolean {
  return name === 'custom' && !disabled && methodsOf(configuration).includes('text');
}

/** `text` and whatever was there. */
export function neededMethods(existing: PhoneProvider | undefined): string[] {
  return [
    ...new Set(['text', ...(existing === undefined ? [] : methodsOf(existing.configuration))]),
  ];
}

export function methodsOf(configuration: PhoneProvider['configuration']): string[] {
  return configuration.delivery_methods ?? [];
}

/**
 * Lets the tenant's messages go to the Action, which must be deployed: Auth0 refuses it otherwise.
 * `existing` is changed, and its credentials are lost. Needs `create:phone_providers` or
 * `update:phone_providers`.
 */
export async function useActionForMessages(
  api: Requests,
  existing: PhoneProvider | undefined,
): Promise<void> {
  const wanted = {
    name: 'custom',
    disabled: false,
    configuration: { delivery_methods: neededMethods(existing) },
    // Empty, but Auth0 refuses a custom provider without them.
    credentials: {},
  };
  await settle(
    () =>
      existing === undefined
        ? api.request('POST', path, wanted)
        : api.request('PATCH', pathOf(existing.id), wanted),
    async () => {
      const found = await readPhoneProvider(api);
      return found !== undefined && isAsNeeded(found);
    },
  );
}

/**
 * Puts a phone provider back as it was, with credentials that somebody knew. Needs
 * `update:phone_providers`.
 */
export async function putPhoneProvider(
  api: Requests,
  { id, name, disabled, configuration }: PhoneProvider,
  credentials: Record<string, string>,
): Promise<void> {
  const change = () =>
    api.request('PATCH', pathOf(id), { name, disabled, configuration, credentials });
  await settle(change, () => Promise.resolve(false));
}

/**
 * Has Auth0 send a message of its own through the provider, to an E.164 number. Needs
 * `create:phone_providers`.
 */
export async function tryPhoneProvider(api: Requests, id: string, to: string): Promise<void> {
  await api.request('POST', `${pathOf(id)}/try`, { to, delivery_method: 'text' });
}

function pathOf(id: string): string {
  return `${path}/${encodeURIComponent(id)}`;
}
