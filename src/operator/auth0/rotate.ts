/**
 * `simgate auth0 rotate`: finds out who gets the new secret, and takes the steps of rotation.ts.
 */

import { OperatorError } from '../../errors.js';
import { keyId } from '../../secret/token.js';
import { escapeControls } from '../../words/foreign.js';
import { listActions, readAction } from './action/deployment.js';
import { isWrittenBySimgate } from './action/source.js';
import {
  chooseConnection,
  listSmsConnections,
  presentOptions,
  readConnection,
  type SmsConnection,
  wantedConnection,
} from './connection.js';
import type { Auth0Context } from './environment.js';
import { findExperience, type PhoneExperience } from './experience.js';
import { experiences, type RotationRecord } from './folder.js';
import { replaceOptions, signingKeyId, withSecret } from './legacy.js';
import { type ManagementApi, ManagementError } from './management.js';
import { neighboursAt, ownerOfAction, ownerOfConnection } from './neighbours.js';
import { describeStep, type RotationTarget, rotate } from './rotation.js';
import { configuredSecret } from './secret.js';
import { setUnifiedSecret } from './unified.js';

/** What the flags say. */
export interface RotateFlags {
  connection?: string;
  experience?: PhoneExperience;
  /** Longest wait for a login with the new secret, in minutes. */
  wait: number;
  /** Whether what shares the secret gets the new one too. */
  all?: boolean;
  /** Whether the other boxes of `[shared]` have both secrets. */
  othersHaveBoth?: boolean;
}

/**
 * Begins a rotation, or goes on with the one that is noted. Rejects with `ManagementError` or
 * {@link OperatorError}.
 */
export async function rotateSecret(
  api: ManagementApi,
  flags: RotateFlags,
  context: Auth0Context,
): Promise<void> {
  const { config, folder, daemon, environment } = context;
  const { terminal, wait, clock, now } = environment;
  const begun = await folder.readRotation();
  if (begun !== undefined && begun.domain !== api.domain)
    throw new OperatorError(
      `a rotation is under way for ${begun.domain}: finish it, or give it up with --forget`,
    );
  const target = begun ?? (await findTarget(api, flags, context));
  const say = (line: string) => terminal.say(line);
  await rotate(
    {
      config,
      folder,
      daemon,
      tellAuth0: (secret) => tellAuth0(api, target, secret, context),
      haveOthersBoth: flags.othersHaveBoth === true,
      patienceMs: flags.wait * 60_000,
      say,
      wait,
      clock,
      now,
    },
    target,
  );
}

/** How far a rotation has come, for people. */
export function describeRotation(record: RotationRecord | undefined): string[] {
  if (record === undefined) return ['No rotation is under way.'];
  return [
    `A rotation for ${record.domain} is under way since ${record.begun_at}: ${describeStep(record)}.`,
    'The same command without --status goes on with it.',
  ];
}

/**
 * Looks at Auth0 before anything is changed, so that a tenant that is not set up, or one that would
 * lose logins, is told at once.
 */
async function findTarget(
  api: ManagementApi,
  flags: RotateFlags,
  context: Auth0Context,
): Promise<RotationTarget> {
  const { config, folder, environment } = context;
  const setup = await folder.readSetup(api.domain);
  const connections = await listSmsConnections(api);
  const wanted = wantedConnection(flags.connection, connections, setup?.connection_id);
  const experience =
    flags.experience ??
    (await findExperience(api, connections, wanted)).experience ??
    setup?.experience;
  if (experience === undefined)
    throw new OperatorError(
      `which phone experience the tenant has cannot be told: name it with --experience ${experiences.join('|')}`,
    );
  let target: RotationTarget = { domain: api.domain, experience };
  let gatewayUrl: unknown = setup?.gateway_url;
  if (experience === 'legacy') {
    const connection = await chooseConnection(connections, wanted, environment.terminal);
    const options = presentOptions(connection);
    withSecret(options, '', config);
    gatewayUrl = options.gateway_url;
    target = { ...target, connection_id: connection.id };
  }
  const sharers = await findSharers(api, target, connections, gatewayUrl, context);
  if (sharers.length > 0 && !flags.all)
    throw new OperatorError(
      `${sharers.map(({ name }) => name).join(' and ')} would be locked out: the same secret is used there. ` +
        '--all gives the new one to all of them. Nothing was changed',
    );
  for (const { name } of sharers) environment.terminal.say(`The new secret goes to ${name}, too.`);
  return sharers.length === 0 ? target : { ...target, also: sharers.map(({ key }) => key) };
}

/** Who else signs with the secret. */
interface Sharer {
  /** As in `also` of the record. */
  key: string;
  /** For people. */
  name: string;
}

/** The Action in a rotation's `also`. */
const actionKey = 'action';

/**
 * Everything else in this tenant that signs with the present secret, or leads to the same gateway
 * where its secret is not shown; but for what other callers were set up with, whose secrets are
 * their own. Throws {@link OperatorError} for another tenant that was set up from here, for nobody
 * can tell that one from this run.
 */
async function findSharers(
  api: ManagementApi,
  target: RotationTarget,
  connections: readonly SmsConnection[],
  gatewayUrl: unknown,
  context: Auth0Context,
): Promise<Sharer[]> {
  const { config, folder, environment } = context;
  const others = (await folder.readSetups()).filter(({ domain }) => domain !== api.domain);
  if (others.length > 0)
    throw new OperatorError(
      `the tenant ${others.map(({ domain }) => domain).join(', ')} was set up from here with the same secret, and would be locked out. Where it no ` +
        `longer uses this gateway, remove its setup….json in ${folder.path}; else change the secret by hand (docs/operations.md). Nothing was changed`,
    );
  const neighbours = await neighboursAt(api.domain, context);
  const present = keyId(configuredSecret(config, environment.env).key);
  const sharers = connections
    .filter(
      (connection) =>
        connection.id !== target.connection_id &&
        ownerOfConnection(connection, neighbours) === undefined &&
        signs(connection, present, gatewayUrl),
    )
    .map(({ id, name }) => ({
      key: id,
      name: `the connection "${escapeControls(name)}" (${escapeControls(id)})`,
    }));
  const mayShareAction = target.experience === 'legacy' && ownerOfAction(neighbours) === undefined;
  if (mayShareAction && (await hasActionFor(api, gatewayUrl, environment)))
    sharers.push({ key: actionKey, name: 'the Action for phone messages' });
  return sharers;
}

function signs(connection: SmsConnection, present: string, gatewayUrl: unknown): boolean {
  const { options } = connection;
  if (options?.provider !== 'sms_gateway') return false;
  const id = signingKeyId(connection);
  return id === undefined ? options.gateway_url === gatewayUrl : id === present;
}

/** Whether an Action of simgate's posts to the same gateway. Its secret cannot be read. */
async function hasActionFor(
  api: ManagementApi,
  gatewayUrl: unknown,
  { terminal }: Auth0Context['environment'],
): Promise<boolean> {
  try {
    const listed = await listActions(api);
    const actions = await Promise.all(listed.map(({ id }) => readAction(api, id)));
    const codes = actions.flatMap(({ deployed_version: version }) => version?.code ?? []);
    return codes.some(
      (code) => isWrittenBySimgate(code) && code.includes(JSON.stringify(gatewayUrl).slice(1, -1)),
    );
  } catch (error) {
    if (!(error instanceof ManagementError) || (error.status !== 403 && error.status !== 404))
      throw error;
    terminal.say(
      `Whether an Action signs with the same secret was not looked at: ${error.message}`,
    );
    return false;
  }
}

/**
 * The one that is meant first, then those that share its secret. A run that was stopped in between
 * tells them all again.
 */
async function tellAuth0(
  api: ManagementApi,
  { experience, connection_id: id, also = [] }: RotationTarget,
  secret: string,
  { config, environment }: Auth0Context,
): Promise<void> {
  const say = (line: string) => environment.terminal.say(`     ${line}`);
  const { callerFlag } = config;
  for (const key of [experience === 'unified' ? actionKey : id!, ...also]) {
    if (key === actionKey) {
      await setUnifiedSecret(api, secret, say, { wait: environment.wait, callerFlag });
      continue;
    }
    const connection = await readConnection(api, key);
    // Nothing is saved here: the options of before have a secret that is about to end.
    await replaceOptions(
      api,
      connection,
      withSecret(presentOptions(connection), secret, { callerFlag }),
      undefined,
      { say, callerFlag },
    );
  }
}
