/** The SMS connections of a tenant, as the Management API shows and changes them. */

import * as v from 'valibot';
import { ControlError } from '../control/protocol.js';
import { type ManagementApi, ManagementError } from './management.js';

/** `options` of a connection: whatever Auth0 keeps there, for a PATCH replaces all of it. */
export type ConnectionOptions = Readonly<Record<string, unknown>>;

const connectionSchema = v.object({
  id: v.string(),
  name: v.string(),
  strategy: v.string(),
  display_name: v.optional(v.nullable(v.string())),
  realms: v.optional(v.nullable(v.array(v.string()))),
  options: v.optional(v.nullable(v.record(v.string(), v.unknown()))),
});
/** A passwordless connection. `options` are left out by Auth0 when a scope is lacking. */
export type SmsConnection = v.InferOutput<typeof connectionSchema>;

/** The one name that the dashboard and the SDKs know. */
export const usualConnectionName = 'sms';

/** All connections of strategy `sms`; usually one. Rejects with {@link ManagementError}. */
export async function listSmsConnections(api: ManagementApi): Promise<SmsConnection[]> {
  const answer = await api.request<unknown>('GET', '/api/v2/connections?strategy=sms');
  return parse(v.array(connectionSchema), answer, api).filter(({ strategy }) => strategy === 'sms');
}

/** One connection by its id. Rejects with {@link ManagementError}. */
export async function readConnection(api: ManagementApi, id: string): Promise<SmsConnection> {
  return parse(connectionSchema, await api.request<unknown>('GET', pathOf(id)), api);
}

/** The ids of some applications for which the connection is on. Rejects with {@link ManagementError}. */
export async function listApplications(api: ManagementApi, id: string): Promise<string[]> {
  const schema = v.object({ clients: v.array(v.object({ client_id: v.string() })) });
  const answer = parse(schema, await api.request<unknown>('GET', `${pathOf(id)}/clients`), api);
  return answer.clients.map(({ client_id }) => client_id);
}

/**
 * The options, which must be there: merged into nothing and sent back they would wipe the connection. Throws
 * {@link ControlError} that names the scope.
 */
export function presentOptions({ name, options }: SmsConnection): ConnectionOptions {
  if (options && Object.keys(options).length > 0) return options;
  throw new ControlError(
    `Auth0 shows no options of the connection "${name}": the scope read:connections_options is lacking (and update:connections_options is ` +
      'needed next). Nothing was changed, for what is not seen cannot be kept',
  );
}

/**
 * Replaces all the options. Nothing else of the connection is sent, but for what Auth0 would change by itself if it were left out:
 * a `display_name` that is not the name, and `realms` without it.
 */
export async function writeOptions(
  api: ManagementApi,
  connection: SmsConnection,
  options: ConnectionOptions,
): Promise<void> {
  const { id, name, display_name, realms } = connection;
  const body = {
    options,
    ...(typeof display_name === 'string' && display_name !== name && { display_name }),
    ...(realms && realms.length > 0 && !realms.includes(name) && { realms }),
  };
  try {
    await api.request<unknown>('PATCH', pathOf(id), body);
  } catch (error) {
    if (!(error instanceof ManagementError) || error.status !== undefined) throw error;
    throw new ManagementError(
      `${error.message}. Whether the connection was changed is unknown: \`simgate auth0 check\` tells`,
    );
  }
}

function pathOf(id: string): string {
  return `/api/v2/connections/${encodeURIComponent(id)}`;
}

function parse<Schema extends v.GenericSchema>(
  schema: Schema,
  answer: unknown,
  api: ManagementApi,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, answer);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new ManagementError(
    `${api.domain} answers what simgate does not understand (${v.getDotPath(issue) ?? 'its whole'}): a newer simgate may`,
  );
}
