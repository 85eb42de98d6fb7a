/**
 * The legacy world: a connection of strategy `sms` with the provider `sms_gateway` (Auth0's guide "Set Up Custom SMS Gateway for
 * Passwordless Connections").
 */

import { isDeepStrictEqual } from 'node:util';
import { ControlError } from '../control/protocol.js';
import {
  type ConnectionOptions,
  presentOptions,
  readConnection,
  type SmsConnection,
  writeOptions,
} from './connection.js';
import type { Auth0Folder, SavedOptions } from './folder.js';
import type { ManagementApi } from './management.js';

/** What Auth0 must know of the gateway. */
export interface GatewaySettings {
  /** Where Auth0 posts to, as `https://sms.example.com/sms`. */
  gatewayUrl: string;
  /** `sub` of the token. */
  subject: string;
  /** `aud` of the token. */
  audience: string;
  /** As it stands in `gateway_authentication.secret`. */
  secret: string;
  secretBase64Encoded: boolean;
}

/** What belongs to the provider that the gateway replaces. */
const twilioOptions = ['twilio_sid', 'twilio_token', 'messaging_service_sid'];

/** The whole options with the gateway in and Twilio out; everything else as it was. */
export function gatewayOptions(before: ConnectionOptions, settings: GatewaySettings): ConnectionOptions {
  const kept = Object.fromEntries(Object.entries(before).filter(([name]) => !twilioOptions.includes(name)));
  return {
    ...kept,
    provider: 'sms_gateway',
    gateway_url: settings.gatewayUrl,
    forward_req_info: true,
    gateway_authentication: {
      method: 'bearer',
      subject: settings.subject,
      audience: settings.audience,
      secret: settings.secret,
      secret_base64_encoded: settings.secretBase64Encoded,
    },
  };
}

/** The options with another secret and nothing else changed. Throws {@link ControlError} when simgate is not set up in them. */
export function withSecret(before: ConnectionOptions, secret: string): ConnectionOptions {
  const authentication = before.gateway_authentication;
  if (before.provider !== 'sms_gateway' || typeof authentication !== 'object' || authentication === null)
    throw new ControlError(
      'the connection does not use simgate with a token: run `simgate auth0 setup` first',
    );
  return { ...before, gateway_authentication: { ...authentication, secret } };
}

/** Where the options of before go, and the time of it. */
export interface SavePlace {
  folder: Auth0Folder;
  now: Date;
  /** What is about to replace them. */
  before: SavedOptions['before'];
}

/**
 * Saves the options that the connection has, replaces them, reads them back, and says whether Auth0 took them. Rejects with
 * `ManagementError`, or {@link ControlError} when what stands there afterwards is something else.
 */
export async function replaceOptions(
  api: ManagementApi,
  connection: SmsConnection,
  options: ConnectionOptions,
  place: SavePlace | undefined,
  say: (line: string) => void,
): Promise<void> {
  if (place !== undefined) say(`The options as they were are saved in ${await save(api, connection, place)}`);
  await writeOptions(api, connection, options);
  const after = await readConnection(api, connection.id);
  const differing = differences(options, presentOptions(after));
  if (differing.length > 0)
    throw new ControlError(
      `Auth0 took the change of "${connection.name}" but shows otherwise: ${differing.join(', ')}. \`simgate auth0 restore\` puts the saved options back`,
    );
  say(`Auth0 has taken it: the connection "${connection.name}" reads back as sent.`);
}

function save(
  api: ManagementApi,
  connection: SmsConnection,
  { folder, now, before }: SavePlace,
): Promise<string> {
  const saved = {
    version: 1 as const,
    domain: api.domain,
    connection_id: connection.id,
    connection_name: connection.name,
    saved_at: now.toISOString(),
    before,
    options: presentOptions(connection),
  };
  return folder.saveOptions(saved, now);
}

/** The names of options that were sent and are not there. A secret that Auth0 does not show, or masks, cannot be compared. */
function differences(sent: ConnectionOptions, found: ConnectionOptions): string[] {
  return Object.keys(sent).filter(
    (name) => !isDeepStrictEqual(bare(name, sent[name]), bare(name, found[name])),
  );
}

function bare(name: string, value: unknown): unknown {
  if (name === 'twilio_token') return undefined;
  if (name !== 'gateway_authentication' || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== 'secret'));
}
