/** The SMS connections of a tenant, as the Management API shows and changes them. */

import * as v from 'valibot';
import { OperatorError } from '../../errors.js';
import { choose, type Terminal } from '../terminal.js';
import { type ManagementApi, understood } from './management.js';

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

/** Connections on one page, which is also what Auth0 gives without being told. */
const pageSize = 50;
/**
 * By checkpoint there is a `next`; an Auth0 that knows pages by number only answers with the bare
 * list.
 */
const pageSchema = v.union([
  v.array(connectionSchema),
  v.object({ connections: v.array(connectionSchema), next: v.optional(v.nullable(v.string())) }),
]);

/**
 * All connections of strategy `sms`, of every page; usually one. Rejects with {@link
 * ManagementError}.
 */
export async function listSmsConnections(api: ManagementApi): Promise<SmsConnection[]> {
  const all = new Map<string, SmsConnection>();
  let where = `take=${pageSize}`;
  for (let page = 1; ; page += 1) {
    const path = `/api/v2/connections?strategy=sms&${where}`;
    const answer = understood(pageSchema, await api.request('GET', path), 'the connections');
    const isBare = Array.isArray(answer);
    const { connections, next } = isBare ? { connections: answer, next: undefined } : answer;
    const before = all.size;
    for (const connection of connections) all.set(connection.id, connection);
    const isLast = isBare ? connections.length < pageSize : !next;
    // A page of nothing but known ones: whoever answers does not turn pages.
    if (isLast || all.size === before) break;
    where = isBare
      ? `per_page=${pageSize}&page=${page}`
      : `take=${pageSize}&from=${encodeURIComponent(next!)}`;
  }
  return [...all.values()].filter(({ strategy }) => strategy === 'sms');
}

/** One connection by its id. Rejects with {@link ManagementError}. */
export async function readConnection(api: ManagementApi, id: string): Promise<SmsConnection> {
  return understood(connectionSchema, await api.request('GET', pathOf(id)), 'the connection');
}

/**
 * The ids of some applications for which the connection is on. Rejects with {@link
 * ManagementError}.
 */
export async function listApplications(api: ManagementApi, id: string): Promise<string[]> {
  const schema = v.object({ clients: v.array(v.object({ client_id: v.string() })) });
  const answer = await api.request('GET', `${pathOf(id)}/clients`);
  const { clients } = understood(schema, answer, 'the applications of the connection');
  return clients.map(({ client_id }) => client_id);
}

/** What the flag names, else the id of the one that was set up from here, if it is still there. */
export function wantedConnection(
  flag: string | undefined,
  connections: readonly SmsConnection[],
  setUpId: string | undefined,
): string | undefined {
  return flag ?? connections.find(({ id }) => id === setUpId)?.id;
}

/** Those that `wanted` (a name or id) means; all of them where it means none. */
export function concerned(
  connections: readonly SmsConnection[],
  wanted?: string,
): readonly SmsConnection[] {
  const meant = connections.filter(({ id, name }) => id === wanted || name === wanted);
  return meant.length > 0 ? meant : connections;
}

/**
 * The `wanted` one (name or id), else the only one, else the one that a person chooses. Throws
 * {@link OperatorError}.
 */
export async function chooseConnection(
  connections: readonly SmsConnection[],
  wanted: string | undefined,
  terminal: Terminal,
): Promise<SmsConnection> {
  if (connections.length === 0)
    throw new OperatorError(
      'the tenant has no SMS connection yet: create it in the dashboard (Authentication › Passwordless › SMS), then run this again',
    );
  const find = (key: string) => connections.find(({ id, name }) => id === key || name === key);
  const names = connections.map(({ name }) => name);
  const name = wanted ?? (await choose(terminal, 'connection', names, '--connection'));
  const found = find(name);
  if (found === undefined)
    throw new OperatorError(`there is no SMS connection "${name}": there are ${names.join(', ')}`);
  return found;
}

/**
 * Whether the connection itself says who sends: through a gateway or an account of Twilio's of its
 * own.
 */
export function hasOwnProvider({ options }: SmsConnection): boolean {
  return options?.provider === 'sms_gateway' || Boolean(options?.twilio_sid);
}

/**
 * The toggle "Use Tenant-Level Messaging Provider" of a connection: true when the tenant's phone
 * provider sends for it, undefined when it was never touched. Auth0's reference has no such option;
 * its dashboard writes it (terraform-provider-auth0, issue 1549).
 */
export function usesPhoneProvider({ options }: SmsConnection): boolean | undefined {
  const toggle = options?.use_phone_provider;
  return typeof toggle === 'boolean' ? toggle : undefined;
}

/** Where a person finds that toggle. */
export const togglePlace =
  'Authentication › Passwordless › SMS, the switch "Use Tenant-Level Messaging Provider"';

/**
 * The options, which must be there: merged into nothing and sent back they would wipe the
 * connection. Throws {@link OperatorError} that names the scope.
 */
export function presentOptions({ name, options }: SmsConnection): ConnectionOptions {
  if (options && Object.keys(options).length > 0) return options;
  throw new OperatorError(
    `Auth0 shows no options of the connection "${name}": the scope read:connections_options is lacking (and update:connections_options is ` +
      'needed next). Nothing was changed, for what is not seen cannot be kept',
  );
}

/**
 * Replaces all the options. Nothing else of the connection is sent, but for what Auth0 would change
 * by itself if it were left out: a `display_name` that is not the name, and `realms` without it.
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
  await api.request<unknown>('PATCH', pathOf(id), body);
}

function pathOf(id: string): string {
  return `/api/v2/connections/${encodeURIComponent(id)}`;
}
