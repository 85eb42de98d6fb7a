/** The tenant's phone provider: the one place that says who sends its messages. */

import * as v from 'valibot';
import { type Requests, read } from './deployment.js';

const path = '/api/v2/branding/phone/providers';

const providerSchema = v.object({
  id: v.string(),
  /** `custom` is the Action, `twilio` Auth0's own. */
  name: v.string(),
  disabled: v.optional(v.boolean(), false),
  configuration: v.optional(v.object({ delivery_methods: v.optional(v.array(v.string()), []) }), {}),
});

/** A phone provider as the Management API shows it; its credentials are never told. */
export type PhoneProvider = v.InferOutput<typeof providerSchema>;

const listSchema = v.object({ providers: v.optional(v.array(providerSchema), []) });

/** The tenant's provider, of which there is one at most. Needs `read:phone_providers`. */
export async function readPhoneProvider(api: Requests): Promise<PhoneProvider | undefined> {
  const { providers } = read(listSchema, await api.request('GET', path), 'the phone providers');
  return providers[0];
}

/** Whether text messages, and nothing that simgate cannot send, go to the Action. */
export function isAsNeeded({ name, disabled, configuration }: PhoneProvider): boolean {
  return name === 'custom' && !disabled && configuration.delivery_methods?.join() === 'text';
}

/**
 * Lets the tenant's messages go to the Action, which must be deployed: Auth0 refuses it otherwise. `existing` is changed, and what it
 * was is lost. Needs `create:phone_providers` or `update:phone_providers`.
 */
export async function useActionForMessages(
  api: Requests,
  existing: PhoneProvider | undefined,
): Promise<void> {
  const wanted = {
    name: 'custom',
    disabled: false,
    configuration: { delivery_methods: ['text'] },
    // Empty, but Auth0 refuses a custom provider without them.
    credentials: {},
  };
  if (existing === undefined) await api.request('POST', path, wanted);
  else await api.request('PATCH', `${path}/${encodeURIComponent(existing.id)}`, wanted);
}
