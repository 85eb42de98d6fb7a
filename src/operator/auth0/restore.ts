/**
 * `simgate auth0 restore`: what a set-up has replaced, as it was before: a connection's options, or
 * another's Action and provider.
 */

import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Auth0View } from '../../config/config.js';
import { OperatorError } from '../../errors.js';
import { keyId } from '../../secret/token.js';
import { escapeControls } from '../../words/foreign.js';
import { askFor, mayGoOn } from '../terminal.js';
import { deployAction, deployVersion, shownAction, updateAction } from './action/deployment.js';
import { putPhoneProvider } from './action/phone-provider.js';
import { judgeConnection } from './check.js';
import {
  type ConnectionOptions,
  chooseConnection,
  listSmsConnections,
  presentOptions,
  type SmsConnection,
  wantedConnection,
} from './connection.js';
import { type Auth0Context, tell } from './environment.js';
import type { PhoneExperience } from './experience.js';
import type { SavedOptions, SavedReplaced } from './folder.js';
import { replaceOptions, signingKeyId, withSecret } from './legacy.js';
import { type ManagementApi, ManagementError } from './management.js';
import { diffOptions } from './options-diff.js';
import { acceptedKeyIds, acceptedSecrets } from './secret.js';
import { findAction } from './unified.js';

/** What the flags say. */
export interface RestoreFlags {
  connection?: string;
  /** One of the saved files, else the newest that a setup saved. */
  file?: string;
  /** Overrides what was set up last. */
  experience?: PhoneExperience;
  dryRun?: boolean;
  yes?: boolean;
}

/**
 * Puts back what the last set-up of the tenant replaced, in its phone experience. Rejects with
 * `ManagementError` or {@link OperatorError}.
 */
export async function restore(
  api: ManagementApi,
  flags: RestoreFlags,
  context: Auth0Context,
): Promise<void> {
  const replaced = await context.folder.savedReplaced(api.domain);
  const named = replaced.find(
    ({ file }) => flags.file !== undefined && resolve(flags.file) === resolve(file),
  );
  const experience = flags.experience ?? (await context.folder.readSetup(api.domain))?.experience;
  if (named !== undefined) return restoreReplaced(api, named.saved, flags, context);
  if (flags.file !== undefined || experience !== 'unified')
    return restoreOptions(api, flags, context);
  const [newest] = replaced;
  if (newest === undefined)
    throw new OperatorError(
      `nothing of another's was replaced at ${api.domain} (none is saved in ${context.folder.path}): --experience legacy restores the options of a connection`,
    );
  await restoreReplaced(api, newest.saved, flags, context);
}

/**
 * The Action and the phone provider that a `--replace` has overwritten. Needs `read:actions`,
 * `create:actions`, `update:actions`, `read:phone_providers` and `update:phone_providers`.
 */
async function restoreReplaced(
  api: ManagementApi,
  { domain, saved_at: savedAt, action, provider }: SavedReplaced,
  flags: RestoreFlags,
  { environment }: Auth0Context,
): Promise<void> {
  const { terminal, wait } = environment;
  const say = (line: string) => terminal.say(line);
  say(`What was there at ${domain} until ${savedAt}:`);
  if (action !== undefined) say(`  Action ${shownAction(action)}: its former code and secrets`);
  if (provider !== undefined) say(`  phone provider ${JSON.stringify(provider.name)}`);
  if (!(await mayGoOn(terminal, `Restore it at ${api.domain}?`, flags))) return;
  const present = action && (await findAction(api));
  if (action !== undefined && present?.id !== action.id)
    throw new OperatorError(
      `the Action ${shownAction(action)} is not there any more: its code is in the saved file, to be pasted into the dashboard. Nothing was changed`,
    );
  // Asked first, so that leaving at the question leaves nothing half done.
  const credentials = provider && (await credentialsOf(provider.name, environment));
  if (action !== undefined) await restoreAction(api, action, say, wait);
  if (provider === undefined || credentials === undefined) return;
  await putPhoneProvider(api, provider, credentials);
  say(`The phone provider is ${JSON.stringify(provider.name)} again.`);
}

/**
 * What Auth0 has to be told to send through a provider of that name; it gives nothing of it back.
 */
async function credentialsOf(
  provider: string,
  { env, terminal }: Auth0Context['environment'],
): Promise<Record<string, string>> {
  if (provider !== 'twilio') return {};
  const given = env.TWILIO_AUTH_TOKEN || undefined;
  const what = "Twilio's auth token, which Auth0 does not give back";
  return {
    auth_token: given ?? (await askFor(terminal, what, 'TWILIO_AUTH_TOKEN', { isSecret: true })),
  };
}

type SavedAction = NonNullable<SavedReplaced['action']>;

async function restoreAction(
  api: ManagementApi,
  action: SavedAction,
  say: (line: string) => void,
  wait: (ms: number) => Promise<void>,
): Promise<void> {
  const { id, code, version } = action;
  if (version !== undefined) await restoreVersion(api, action, version, say, wait);
  if (code === version?.code) return;
  await updateAction(api, id, { code });
  say(`The draft of the Action ${shownAction(action)} is as it was.`);
  if (version === undefined)
    say(`  It had not been deployed, so what runs is left as it is${secretsLost(action)}.`);
}

/** By its id, with its secrets; where Auth0 no longer has it, by its code. */
async function restoreVersion(
  api: ManagementApi,
  action: SavedAction,
  version: { id: string; code: string },
  say: (line: string) => void,
  wait: (ms: number) => Promise<void>,
): Promise<void> {
  try {
    await deployVersion(api, action.id, version, wait);
    say(`The Action ${shownAction(action)} runs its former version again, with its secrets.`);
  } catch (error) {
    if (!(error instanceof ManagementError) || error.status !== 404) throw error;
    await updateAction(api, action.id, { code: version.code });
    await deployAction(api, action.id, wait);
    say(
      `The Action ${shownAction(action)} runs its former code again. Auth0 has lost the version${secretsLost(action)}.`,
    );
  }
}

function secretsLost({ secret_names: names }: SavedAction): string {
  return names.length > 0
    ? `; its secrets (${names.map(escapeControls).join(', ')}) have to be entered again`
    : '';
}

/**
 * Puts a connection's options back; run again, what the set-up before replaced. What is there is
 * saved first, so that this too can be undone with `--file`.
 */
async function restoreOptions(
  api: ManagementApi,
  flags: RestoreFlags,
  context: Auth0Context,
): Promise<void> {
  const { folder, config, environment } = context;
  const { terminal } = environment;
  const known = (await folder.readSetup(api.domain))?.connection_id;
  const connections = await listSmsConnections(api);
  const wanted = wantedConnection(flags.connection, connections, known);
  const connection = await chooseConnection(connections, wanted, terminal);
  const before = presentOptions(connection);
  const chosen = await chooseSaved(api.domain, connection, flags.file, context);
  if (chosen === undefined) {
    terminal.say('The options are as they were saved: nothing to restore.');
    return;
  }
  const { saved, options, keepsSecret } = chosen;
  terminal.say(`Options of "${connection.name}" (${connection.id}), back to ${saved.saved_at}:`);
  for (const line of diffOptions(before, options)) terminal.say(`  ${line}`);
  if (keepsSecret)
    terminal.say('  The secret stays the one in force: the saved one has been changed since.');
  if (options.provider === 'sms_gateway')
    warnOfBreaking({ ...connection, options }, config, context);
  if (!(await mayGoOn(terminal, `Restore it at ${api.domain}?`, flags))) return;
  const place = { folder, now: environment.now(), before: 'restore' as const };
  const say = (line: string) => terminal.say(line);
  await replaceOptions(api, connection, options, place, { say, callerFlag: config.callerFlag });
}

/**
 * Says what this daemon would refuse of a gateway that is about to come back; it may be another
 * one, so nothing is forbidden.
 */
function warnOfBreaking(
  connection: SmsConnection,
  config: Auth0View,
  { environment }: Auth0Context,
): void {
  const secrets = acceptedSecrets(config, environment.env);
  const id = signingKeyId(connection);
  const secret = secrets.find(({ key }) => keyId(key) === id) ?? secrets[0];
  const wrong = judgeConnection(connection, config, secret).filter(
    ({ level }) => level === 'error',
  );
  if (wrong.length === 0) return;
  environment.terminal.say('If that gateway is this one, it would break every login:');
  tell(
    wrong.map(({ level, check, what }) => ({ level, check, what })),
    environment,
  );
}

interface Chosen {
  saved: SavedOptions;
  /** What is to be put back of it. */
  options: ConnectionOptions;
  keepsSecret: boolean;
}

/** Undefined when nothing that is saved differs from what is there. */
async function chooseSaved(
  domain: string,
  connection: SmsConnection,
  file: string | undefined,
  context: Auth0Context,
): Promise<Chosen | undefined> {
  const { folder } = context;
  const { id, name } = connection;
  const all = (await folder.savedOptions(id)).filter(({ saved }) => saved.domain === domain);
  const wanted = all.filter((one) =>
    file === undefined ? one.saved.before === 'setup' : resolve(file) === resolve(one.file),
  );
  if (wanted.length === 0)
    throw new OperatorError(
      file === undefined
        ? `no options of "${name}" at ${domain} are saved in ${folder.path}`
        : `${file} holds no options of "${name}" at ${domain}: there are ${all.map((one) => one.file).join(', ') || 'none'}`,
    );
  const chosen = await Promise.all(
    wanted.map(({ saved }) => withSecretInForce(saved, connection, context)),
  );
  return chosen.find(({ options }) => !isDeepStrictEqual(presentOptions(connection), options));
}

/**
 * The saved options; where they lead to this very gateway, by their URL or by a secret that a
 * rotation here has ended, with the secret that the daemon accepts today: the saved one would lock
 * everybody out. What another caller signs with is left as it is.
 */
async function withSecretInForce(
  saved: SavedOptions,
  connection: SmsConnection,
  { config, folder, others, environment }: Auth0Context,
): Promise<Chosen> {
  const { options } = saved;
  const signedWith = signingKeyId({ ...connection, options });
  const urls = [
    presentOptions(connection).gateway_url,
    (await folder.readSetup(saved.domain))?.gateway_url,
  ];
  for (const other of others) {
    const isTheirs =
      signedWith !== undefined &&
      (await acceptedKeyIds(other.config, environment.env)).includes(signedWith);
    if (isTheirs) return { saved, options, keepsSecret: false };
  }
  const wasOurs = signedWith !== undefined && (await folder.readRetired()).includes(signedWith);
  const leadsHere =
    options.provider === 'sms_gateway' && (wasOurs || urls.includes(options.gateway_url));
  if (!leadsHere || Object(options.gateway_authentication) !== options.gateway_authentication)
    return { saved, options, keepsSecret: false };
  const secrets = acceptedSecrets(config, environment.env);
  const present = signingKeyId(connection);
  const inForce = secrets.find(({ key }) => keyId(key) === present) ?? secrets[0];
  const kept = withSecret(options, inForce.text, {
    isBase64Encoded: config.auth0.secretBase64Encoded,
    callerFlag: config.callerFlag,
  });
  return { saved, options: kept, keepsSecret: !isDeepStrictEqual(kept, options) };
}
