/**
 * Which of Auth0's two ways of sending an SMS is used: the connection's own gateway, or the unified
 * phone experience.
 *
 * The toggle of the connection decides, if it was ever touched. Where it was not, the tenant's
 * flag does, but for a connection that still has a provider of its own while the flag is on:
 * Auth0's Terraform documentation says that the flag covers it, and a user's report
 * (terraform-provider-auth0, issue 1549) that it goes on sending by itself. A phone provider that
 * is there proves nothing.
 */

import * as v from 'valibot';
import { escapeControls } from '../../words/foreign.js';
import {
  concerned,
  hasOwnProvider,
  type SmsConnection,
  togglePlace,
  usesPhoneProvider,
} from './connection.js';
import type { experiences } from './folder.js';
import { type ManagementApi, ManagementError } from './management.js';

export type PhoneExperience = (typeof experiences)[number];

/** What was found out, and from what. */
export interface ExperienceReport {
  /** Undefined when nothing points to either, or some to one and some to the other. */
  experience: PhoneExperience | undefined;
  /** True when toggle or flag say so, false when it is inferred. */
  isSure: boolean;
  /** Sentences for people. */
  evidence: string[];
}

const settingsSchema = v.object({
  phone_consolidated_experience: v.optional(v.nullable(v.boolean())),
});

/**
 * Looks at the tenant's flag (scope `read:tenant_settings`) and at the connections: at the `wanted`
 * one (name or id) where it is among them, else at all. A scope that is lacking is named in the
 * evidence, and makes the answer less sure. Rejects with {@link ManagementError} for any other
 * failure.
 */
export async function findExperience(
  api: ManagementApi,
  connections: readonly SmsConnection[],
  wanted?: string,
): Promise<ExperienceReport> {
  const evidence: string[] = [];
  const flag = await readFlag(api, evidence);
  if (flag !== undefined)
    evidence.push(`the tenant's flag phone_consolidated_experience is ${flag ? 'on' : 'off'}`);
  if (connections.length === 0) {
    if (flag === undefined) evidence.push('there is no SMS connection');
    return { experience: experienceOfFlag(flag), isSure: flag !== undefined, evidence };
  }
  const reports = concerned(connections, wanted).map((connection) => reportOn(connection, flag));
  evidence.push(...reports.flatMap((report) => report.evidence));
  const found = new Set(reports.map(({ experience }) => experience));
  if (found.size > 1) evidence.push('the connections differ: name one with --connection');
  return {
    experience: found.size === 1 ? reports[0]!.experience : undefined,
    isSure: found.size === 1 && reports.every(({ isSure }) => isSure),
    evidence,
  };
}

function experienceOfFlag(flag: boolean | undefined): PhoneExperience | undefined {
  if (flag === undefined) return undefined;
  return flag ? 'unified' : 'legacy';
}

function reportOn(connection: SmsConnection, flag: boolean | undefined): ExperienceReport {
  const name = `the connection "${escapeControls(connection.name)}"`;
  const toggle = usesPhoneProvider(connection);
  if (toggle !== undefined) {
    const evidence = [
      `${name} has its toggle use_phone_provider ${toggle ? 'on' : 'off'}, which decides`,
    ];
    const isAtOdds = toggle && flag === false;
    if (isAtOdds) evidence.push('yet the flag is off: no document says what comes of that');
    return { experience: toggle ? 'unified' : 'legacy', isSure: !isAtOdds, evidence };
  }
  const isShown = Object.keys(connection.options ?? {}).length > 0;
  if (!isShown) {
    const evidence = [
      `the options of ${name} are not shown (read:connections_options), so not its toggle either`,
    ];
    return { experience: experienceOfFlag(flag), isSure: flag === false, evidence };
  }
  const own =
    connection.options?.provider === 'sms_gateway' ? 'a gateway of its own' : 'Twilio of its own';
  const has = hasOwnProvider(connection) ? own : 'no provider of its own';
  if (flag !== undefined && !(flag && hasOwnProvider(connection)))
    return { experience: experienceOfFlag(flag), isSure: true, evidence: [`${name} has ${has}`] };
  if (flag)
    return {
      experience: undefined,
      isSure: false,
      evidence: [
        `${name} has ${own} and no toggle use_phone_provider: by Auth0's words the phone provider sends, by a user's report still ${own}`,
        `the switch settles it (dashboard: ${togglePlace})`,
      ],
    };
  const evidence = [`${name} has ${has}, and the flag is not known`];
  return { experience: hasOwnProvider(connection) ? 'legacy' : undefined, isSure: false, evidence };
}

/** What {@link findExperience} found, for people. */
export function describeExperience({ experience, isSure, evidence }: ExperienceReport): string[] {
  const names = {
    legacy: "legacy gateway (the connection's own sms_gateway)",
    unified:
      'unified phone experience (a custom-phone-provider Action; sms_gateway is ignored there)',
  };
  const verdict =
    experience === undefined
      ? 'Who sends the messages cannot be told for sure (tenants created since March 2025 are unified)'
      : `This tenant has the ${names[experience]}: ${isSure ? 'sure' : 'inferred, not sure'}`;
  return [`${verdict}:`, ...evidence.map((sentence) => `  ${sentence}`)];
}

/**
 * Undefined where the scope is lacking (403), or the tenant's plan or age has no such thing (404).
 */
async function readFlag(api: ManagementApi, evidence: string[]): Promise<boolean | undefined> {
  const path = '/api/v2/tenants/settings?fields=phone_consolidated_experience&include_fields=true';
  try {
    const parsed = v.safeParse(settingsSchema, await api.request<unknown>('GET', path));
    return parsed.success ? (parsed.output.phone_consolidated_experience ?? undefined) : undefined;
  } catch (error) {
    if (!(error instanceof ManagementError) || (error.status !== 403 && error.status !== 404))
      throw error;
    evidence.push(error.message);
    return undefined;
  }
}
