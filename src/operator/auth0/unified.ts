/**
 * Auth0's unified phone experience (tenants since March 2025): an Action takes each message to the
 * gateway, and the tenant's phone provider sends messages to the Action.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { Auth0View } from '../../config/config.js';
import { OperatorError } from '../../errors.js';
import { escapeControls } from '../../words/foreign.js';
import {
  type Action,
  type ActionChanges,
  actionName,
  authorOf,
  authorOfDeployed,
  bindAction,
  createAction,
  deployAction,
  type ListedAction,
  listActions,
  type Requests,
  readAction,
  runtime,
  shownAction,
  updateAction,
} from './action/deployment.js';
import {
  isAsNeeded,
  methodsOf,
  neededMethods,
  type PhoneProvider,
  readPhoneProvider,
  useActionForMessages,
} from './action/phone-provider.js';
import { actionSource, maxSecretLength, secretName, type UnifiedOptions } from './action/source.js';
import { checkUnified } from './check.js';
import { togglePlace } from './connection.js';
import type { SavedReplaced } from './folder.js';

/** What the Action must know of this configuration. */
export function unifiedOptions(
  { auth0, callerFlag }: Auth0View,
  gatewayUrl: string,
): UnifiedOptions {
  const { subject, audience, secretBase64Encoded } = auth0;
  return { gatewayUrl, subject, audience, secretBase64Encoded, callerFlag };
}

/** What a deployment is about to replace of another's, as far as Auth0 shows it. */
export type Replaced = Pick<SavedReplaced, 'action' | 'provider'>;

/** How a deployment goes about its work. */
export interface DeployControl {
  /**
   * Whether another's Action, or a phone provider as Twilio, may be replaced. Default: no, it is
   * named and nothing is changed.
   */
  replacesOthers?: boolean;
  /** Waits that many milliseconds. */
  wait?: (ms: number) => Promise<void>;
  /** Keeps what is about to be replaced, and resolves with where. */
  save?: (replaced: Replaced) => Promise<string>;
}

/**
 * What to do by hand in Auth0's dashboard, and the Action's source to paste there. Holds no secret.
 * @param secretKey where the configuration says which file has the secret
 */
export function unifiedSteps(options: UnifiedOptions, secretKey: string): string {
  const { callerFlag = '' } = options;
  return `1. Open Auth0's dashboard: Branding › Phone Provider. Enable the Phone Message Provider toggle, choose "Custom" and, as delivery
   method, "Text". (If an MFA factor needs "Voice", leave it on: simgate drops those calls, for it has no voice.)
2. Replace the code under "Provider Configuration" by all that follows the line below.
3. Add a secret to it (the key's symbol beside the code): its name is ${secretName}, its value what ${secretKey} of simgate
   holds, without the newline at its end.
4. Save. Auth0 deploys the code at once. "Send Test Message" there, or simgate auth0 test${callerFlag} +49…, tries it.
5. Open ${togglePlace}: switch it
   on and save. Where there is no such switch, the phone provider sends already. Sure is only this: with the switch off, the
   connection goes on sending by itself.

--------------------------------------------------------------------------------
${actionSource(options)}`;
}

/**
 * What {@link deployUnified} would make and change, a line for each thing, without changing any.
 * Needs both `read:` scopes.
 */
export async function describePlan(
  api: Requests,
  options: UnifiedOptions,
  { replacesOthers = false }: Pick<DeployControl, 'replacesOthers'>,
): Promise<string[]> {
  const action = await findAction(api);
  const provider = await readPhoneProvider(api);
  const settings = [
    `gateway URL ${options.gatewayUrl}`,
    `secret ${secretName}`,
    `runtime ${runtime}`,
  ].join(', ');
  return [
    action === undefined
      ? `+ Action "${actionName}", deployed: ${settings}`
      : `~ Action ${shownAction(action)} (${authorNames[authorOf(action)]}): its code and secrets are replaced, then deployed: ${settings}`,
    planForProvider(provider),
    ...(replacesOthers
      ? []
      : obstacles(action, provider).map((obstacle) => `refused: ${obstacle}`)),
  ];
}

const authorNames = {
  simgate: "simgate's own",
  placeholder: 'the empty one',
  foreign: "another's",
} as const;

function planForProvider(provider: PhoneProvider | undefined): string {
  if (provider !== undefined && isAsNeeded(provider))
    return '  phone provider: "custom" for text messages already';
  const wanted = `"custom", for ${neededMethods(provider).map(escapeControls).join(' and ')}`;
  if (provider === undefined) return `+ phone provider ${wanted}`;
  const was = `${JSON.stringify(provider.name)}${provider.disabled ? ' (disabled)' : ''}`;
  return `~ phone provider ${was}, for ${methodsOf(provider.configuration).map(escapeControls).join(' and ') || 'nothing'} → ${wanted}`;
}

/**
 * Creates or updates the Action with `secret`, deploys it, and lets the tenant's text messages go
 * to it; then reads back whether it took. Done twice it does no more than done once. Tells `say`
 * each step. Rejects with `OperatorError` or `ManagementError`, before anything is changed when
 * something of another's is in the place. Needs the scopes read, create and update of `actions` and
 * of `phone_providers`.
 */
export async function deployUnified(
  api: Requests,
  options: UnifiedOptions,
  secret: string,
  say: (line: string) => void,
  { replacesOthers = false, wait = delay, save }: DeployControl = {},
): Promise<void> {
  const secrets = secretList(secret);
  const existing = await findAction(api);
  const provider = await readPhoneProvider(api);
  const [obstacle] = replacesOthers ? [] : obstacles(existing, provider);
  if (obstacle !== undefined) throw new OperatorError(`${obstacle}. Nothing was changed`);
  const replaced = whatIsReplaced(existing, provider);
  if (save !== undefined && Object.keys(replaced).length > 0)
    say(`What was there is saved in ${await save(replaced)}`);

  const content = { code: actionSource(options), runtime, secrets };
  const { id } = await writeAction(api, existing, content, say);
  say('Waiting until Auth0 has built and deployed it …');
  const deployed = await deployAction(api, id, wait);
  await bindAction(api, deployed);
  say(`Deployed the Action ${shownAction(deployed)}.`);

  if (provider !== undefined && isAsNeeded(provider))
    say('The phone provider is "custom" for text messages already.');
  else {
    await useActionForMessages(api, provider);
    say(
      `Set the phone provider to "custom", for ${neededMethods(provider).map(escapeControls).join(' and ')}.`,
    );
  }
  const wrong = (await checkUnified(api, options)).filter(({ level }) => level === 'error');
  if (wrong.length > 0)
    throw new OperatorError(
      `Auth0 took every change, yet it does not hold: ${wrong.map(({ what }) => what).join('; ')}`,
    );
}

/**
 * Our own Action is not saved: a set-up makes it again, and its former version would have a former
 * secret.
 */
function whatIsReplaced(action: Action | undefined, provider: PhoneProvider | undefined): Replaced {
  const replaced: Replaced = {};
  if (action !== undefined && authorOf(action) === 'foreign') {
    const { id, name, code, secrets, deployed_version: version } = action;
    const names = [...secrets, ...(version?.secrets ?? [])].map((secret) => secret.name);
    replaced.action = { id, name, code, secret_names: [...new Set(names)] };
    // Another's draft over a version of simgate's: that version is nothing to come back to.
    if (version?.id !== undefined && authorOfDeployed(action) === 'foreign')
      replaced.action.version = { id: version.id, code: version.code };
  }
  if (provider !== undefined && !isAsNeeded(provider)) replaced.provider = provider;
  return replaced;
}

/**
 * Gives the deployed Action another secret, for a rotation, and deploys it; its code stays. From
 * then on tokens are signed with the new one. Rejects with `OperatorError` when there is no Action
 * of simgate's, else as {@link deployUnified}.
 */
export async function setUnifiedSecret(
  api: Requests,
  secret: string,
  say: (line: string) => void,
  { wait = delay, callerFlag = '' }: Pick<DeployControl, 'wait'> & { callerFlag?: string } = {},
): Promise<void> {
  const secrets = secretList(secret);
  const action = await findAction(api);
  if (action === undefined || authorOf(action) !== 'simgate')
    throw new OperatorError(
      `the tenant has no Action of simgate: make it with \`simgate auth0 setup${callerFlag}\``,
    );
  const { code, deployed_version: version } = action;
  if (version && version.code !== code)
    throw new OperatorError(
      `the Action ${shownAction(action)} has a draft that is not deployed, and would be deployed with the secret: deploy or discard it in the dashboard first`,
    );
  await updateAction(api, action.id, { secrets });
  say(
    `Gave the Action ${shownAction(action)} the new secret. Waiting until Auth0 has deployed it …`,
  );
  await deployAction(api, action.id, wait);
  say('Deployed it.');
}

function secretList(value: string): { name: string; value: string }[] {
  if (value.length > maxSecretLength)
    throw new OperatorError(
      `the secret has ${value.length} characters, but an Action's may have ${maxSecretLength} at most`,
    );
  return [{ name: secretName, value }];
}

/**
 * The trigger's one Action. With more than one, Auth0 runs which it likes: that is for a person to
 * settle.
 */
export async function findAction(api: Requests): Promise<Action | undefined> {
  const actions = await listActions(api);
  if (actions.length > 1)
    throw new OperatorError(
      `the tenant has ${actions.length} Actions for phone messages, and one at most may be: ${actions.map(shownAction).join(', ')}. ` +
        'Delete all but one (dashboard, or DELETE /api/v2/actions/actions/{id})',
    );
  return actions[0] && readAction(api, actions[0].id);
}

/** What of another's is in the place, as sentences. */
function obstacles(action: Action | undefined, provider: PhoneProvider | undefined): string[] {
  const found: string[] = [];
  if (action !== undefined && authorOf(action) === 'foreign')
    found.push(
      `the tenant has an Action for phone messages that simgate did not write: ${shownAction(action)}. A tenant can have but one, so ` +
        'it would be overwritten (restore brings it back): --replace allows that',
    );
  if (provider !== undefined && provider.name !== 'custom')
    found.push(
      `the tenant's messages are sent by ${JSON.stringify(provider.name)}. A tenant has one phone provider, so it would be replaced, ` +
        'and Auth0 would forget its credentials: --replace allows that',
    );
  return found;
}

async function writeAction(
  api: Requests,
  existing: Action | undefined,
  content: Required<ActionChanges>,
  say: (line: string) => void,
): Promise<ListedAction> {
  if (existing === undefined) {
    const created = await createAction(api, content);
    say(`Created the Action ${shownAction(created)}.`);
    return created;
  }
  await updateAction(api, existing.id, content);
  say(`Updated the Action ${shownAction(existing)}.`);
  return existing;
}
