/** Which of Auth0's two ways of sending an SMS a tenant has: the connection's own gateway, or the unified phone experience. */

import * as v from 'valibot';
import type { SmsConnection } from './connection.js';
import type { worldNames } from './folder.js';
import { type ManagementApi, ManagementError } from './management.js';

export type World = (typeof worldNames)[number];

/** What was found out, and from what. */
export interface WorldReport {
  /** Undefined when nothing points to either. */
  world: World | undefined;
  /** True when the tenant's own flag says so, false when it is inferred. */
  isSure: boolean;
  /** Sentences for people. */
  evidence: string[];
}

const settingsSchema = v.object({ phone_consolidated_experience: v.optional(v.nullable(v.boolean())) });
const providersSchema = v.object({
  providers: v.optional(
    v.array(v.object({ name: v.string(), disabled: v.optional(v.nullable(v.boolean())) })),
  ),
});

/**
 * Looks at the tenant's flag (scope `read:tenant_settings`), and where that says nothing at its phone providers
 * (`read:phone_providers`) and connections. A scope that is lacking is told, and makes the answer less sure. Rejects with
 * {@link ManagementError} for any other failure.
 */
export async function findWorld(
  api: ManagementApi,
  connections: readonly SmsConnection[],
): Promise<WorldReport> {
  const evidence: string[] = [];
  const flag = await readFlag(api, evidence);
  if (flag !== undefined) {
    evidence.push(`the tenant's flag phone_consolidated_experience is ${flag ? 'on' : 'off'}`);
    return { world: flag ? 'unified' : 'legacy', isSure: true, evidence };
  }
  const gateway = connections.find(({ options }) => options?.provider === 'sms_gateway');
  const providers = await readProviders(api, evidence);
  if (providers.length > 0) {
    evidence.push(
      `the tenant has a phone provider (${providers.join(', ')}), which only the unified experience uses`,
    );
    return { world: 'unified', isSure: false, evidence };
  }
  if (gateway !== undefined || connections.some(({ options }) => options?.twilio_sid)) {
    const what = gateway === undefined ? 'Twilio of its own' : 'a gateway of its own';
    evidence.push(
      `a connection has ${what} and the tenant no phone provider, as before the unified experience`,
    );
    return { world: 'legacy', isSure: false, evidence };
  }
  evidence.push('neither a phone provider nor a connection with a provider of its own was found');
  return { world: undefined, isSure: false, evidence };
}

/** What {@link findWorld} found, for people. */
export function describeWorld({ world, isSure, evidence }: WorldReport): string[] {
  const names = {
    legacy: "legacy gateway (the connection's own sms_gateway)",
    unified: 'unified phone experience (a custom-phone-provider Action; sms_gateway is ignored there)',
  };
  const verdict =
    world === undefined
      ? 'Which world this tenant lives in cannot be told (tenants created since March 2025 are unified)'
      : `This tenant lives in the ${names[world]}: ${isSure ? 'sure' : 'inferred, not sure'}`;
  return [`${verdict}:`, ...evidence.map((sentence) => `  ${sentence}`)];
}

async function readFlag(api: ManagementApi, evidence: string[]): Promise<boolean | undefined> {
  const path = '/api/v2/tenants/settings?fields=phone_consolidated_experience&include_fields=true';
  const answer = await unlessForbidden(() => api.request<unknown>('GET', path), evidence);
  const parsed = v.safeParse(settingsSchema, answer);
  return parsed.success ? (parsed.output.phone_consolidated_experience ?? undefined) : undefined;
}

async function readProviders(api: ManagementApi, evidence: string[]): Promise<string[]> {
  const answer = await unlessForbidden(
    () => api.request<unknown>('GET', '/api/v2/branding/phone/providers'),
    evidence,
  );
  const parsed = v.safeParse(providersSchema, answer);
  const providers = parsed.success ? (parsed.output.providers ?? []) : [];
  return providers.filter(({ disabled }) => disabled !== true).map(({ name }) => name);
}

/** Undefined where a scope is lacking (403), or the tenant's plan or age has no such thing (404). */
async function unlessForbidden(ask: () => Promise<unknown>, evidence: string[]): Promise<unknown> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof ManagementError) || (error.status !== 403 && error.status !== 404)) throw error;
    evidence.push(error.message);
    return undefined;
  }
}
