/**
 * The legacy gateway: a connection of strategy `sms` with the provider `sms_gateway` (Auth0's guide
 * "Set Up Custom SMS Gateway for Passwordless Connections").
 */

import { OperatorError } from '../../errors.js';
import { keyId } from '../../secret/token.js';
import {
  type ConnectionOptions,
  presentOptions,
  readConnection,
  type SmsConnection,
  writeOptions,
} from './connection.js';
import type { Auth0Folder, SavedOptions } from './folder.js';
import { type ManagementApi, ManagementError } from './management.js';
import { isMasked, maskedNames, unlike } from './options-diff.js';
import { keyOf } from './secret.js';

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
export function gatewayOptions(
  before: ConnectionOptions,
  settings: GatewaySettings,
): ConnectionOptions {
  const kept = Object.fromEntries(
    Object.entries(before).filter(([name]) => !twilioOptions.includes(name)),
  );
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

/**
 * The options with another secret, in the encoding that is given or the one it has there, and
 * nothing else changed. Throws {@link OperatorError} when simgate is not set up in them.
 */
export function withSecret(
  before: ConnectionOptions,
  secret: string,
  { isBase64Encoded, callerFlag }: { isBase64Encoded?: boolean; callerFlag: string },
): ConnectionOptions {
  const authentication = before.gateway_authentication;
  if (
    before.provider !== 'sms_gateway' ||
    typeof authentication !== 'object' ||
    authentication === null
  )
    throw new OperatorError(
      `the connection does not use simgate with a token: run \`simgate auth0 setup${callerFlag}\` first`,
    );
  const had = Boolean((authentication as Record<string, unknown>).secret_base64_encoded);
  const encoding =
    isBase64Encoded === undefined || isBase64Encoded === had
      ? {}
      : { secret_base64_encoded: isBase64Encoded };
  return { ...before, gateway_authentication: { ...authentication, ...encoding, secret } };
}

/**
 * The key id of what Auth0 signs this connection's requests with; undefined where it signs none, or
 * does not show the secret.
 */
export function signingKeyId({ options }: SmsConnection): string | undefined {
  const authentication = Object(options?.gateway_authentication) as Record<string, unknown>;
  const { secret, secret_base64_encoded: isBase64 } = authentication;
  if (
    options?.provider !== 'sms_gateway' ||
    typeof secret !== 'string' ||
    secret === '' ||
    isMasked(secret)
  )
    return undefined;
  return keyId(keyOf(secret, isBase64 === true));
}

/** Who is told, and what commands are named with. */
export interface Voice {
  say: (line: string) => void;
  /** What `simgate auth0 …` needs beside it to mean this caller. */
  callerFlag: string;
}

/** Where the options of before go, and the time of it. */
export interface SavePlace {
  folder: Auth0Folder;
  now: Date;
  /** What is about to replace them. */
  before: SavedOptions['before'];
}

/**
 * Saves the options that the connection has, replaces them, reads them back, and says whether Auth0
 * took them; also where the answer to the change was none. Rejects with {@link ManagementError}, or
 * {@link OperatorError} when what stands there afterwards is something else.
 */
export async function replaceOptions(
  api: ManagementApi,
  connection: SmsConnection,
  options: ConnectionOptions,
  place: SavePlace | undefined,
  { say, callerFlag }: Voice,
): Promise<void> {
  refuseMasked(options);
  if (place !== undefined)
    say(`The options as they were are saved in ${await save(api, connection, place)}`);
  const fault = await writeOptions(api, connection, options).then(() => undefined, faultOnly);
  if (fault !== undefined)
    say(`${fault.message}. Whether it was changed is unknown: reading it back …`);
  const after = await readBack(api, connection.id, fault, callerFlag);
  const differing = unlike(options, after);
  const isAsBefore = unlike(presentOptions(connection), after).length === 0;
  const name = `the connection "${connection.name}"`;
  if (fault !== undefined && isAsBefore)
    throw new OperatorError(
      differing.length === 0
        ? `whether Auth0 has taken it cannot be seen: it does not show the one thing that changes, the secret of ${name}. Run this again`
        : `Auth0 has not taken it: ${name} reads back as it was. Run this again`,
    );
  if (differing.length > 0)
    throw new OperatorError(
      `Auth0 took the change of "${connection.name}" but shows otherwise: ${differing.join(', ')}. \`simgate auth0 restore${callerFlag}\` puts the saved options back`,
    );
  say(`Auth0 has taken it: ${name} reads back as sent.`);
}

function faultOnly(error: unknown): ManagementError {
  if (error instanceof ManagementError && error.isFault) return error;
  throw error;
}

async function readBack(
  api: ManagementApi,
  id: string,
  fault: ManagementError | undefined,
  callerFlag: string,
): Promise<ConnectionOptions> {
  try {
    return presentOptions(await readConnection(api, id));
  } catch (error) {
    if (fault === undefined || !(error instanceof ManagementError)) throw error;
    throw new ManagementError(
      `${error.message}. Whether the connection was changed is still unknown: \`simgate auth0 check${callerFlag}\` tells, and the same command may be run again`,
    );
  }
}

/** Sent back, asterisks would take the place of what they stand for. */
function refuseMasked(options: ConnectionOptions): void {
  const names = maskedNames(options);
  if (names.length === 0) return;
  throw new OperatorError(
    `Auth0 shows ${names.join(' and ')} as asterisks only, and writing them back would destroy what is behind them. Nothing was changed: ` +
      'change this connection in the dashboard, where the value can be typed in again',
  );
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
