/**
 * Auth0's unified phone experience (tenants since March 2025): an Action takes each message to the gateway, and the tenant's phone
 * provider sends messages to the Action.
 */

import { ControlError } from '../control/protocol.js';
import { error, type Finding, ok, warning } from '../doctor/finding.js';
import { escapeControls } from '../doctor/untrusted.js';
import {
  type Action,
  type ActionChanges,
  authorOf,
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
  type PhoneProvider,
  readPhoneProvider,
  useActionForMessages,
} from './action/phone-provider.js';
import {
  actionSource,
  maxSecretLength,
  secretName,
  settingLines,
  type UnifiedOptions,
} from './action/source.js';

export type { UnifiedOptions } from './action/source.js';

/** How a deployment goes about its work. */
export interface DeployControl {
  /** Whether another's Action, or a phone provider as Twilio, may be replaced. Default: no, it is named and nothing is changed. */
  replacesOthers?: boolean;
  /** Waits that many milliseconds. */
  wait?: (ms: number) => Promise<void>;
}

/** What to do by hand in Auth0's dashboard, and the Action's source to paste there. Holds no secret. */
export function unifiedSteps(options: UnifiedOptions): string {
  return `1. Open Auth0's dashboard: Branding › Phone Provider. Choose "Custom" and, as delivery method, "Text" only.
2. Replace the code under "Provider Configuration" by all that follows the line below.
3. Add a secret to it (the key's symbol beside the code): its name is ${secretName}, its value what auth0.secret_file of simgate
   holds, without the newline at its end.
4. Save. Auth0 deploys the code at once. Then try it: simgate auth0 test +49…

--------------------------------------------------------------------------------
${actionSource(options)}`;
}

/**
 * Creates or updates the Action with `secret`, deploys it, and lets the tenant's text messages go to it; then reads back whether it
 * took. Done twice it does no more than done once. Tells `say` each step. Rejects with `ControlError` or `ManagementError`, before anything
 * is changed when something of another's is in the place. Needs the scopes read, create and update of `actions` and of `phone_providers`.
 */
export async function deployUnified(
  api: Requests,
  options: UnifiedOptions,
  secret: string,
  say: (line: string) => void,
  { replacesOthers = false, wait = waitMs }: DeployControl = {},
): Promise<void> {
  const secrets = secretList(secret);
  const existing = await findAction(api);
  const provider = await readPhoneProvider(api);
  if (!replacesOthers) refuseIfOthers(existing, provider);

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
    say('Set the phone provider to "custom", for text messages.');
  }
  const wrong = (await checkUnified(api, options)).filter(({ level }) => level === 'error');
  if (wrong.length > 0)
    throw new ControlError(
      `Auth0 took every change, yet it does not hold: ${wrong.map(({ what }) => what).join('; ')}`,
    );
}

/**
 * Whether the tenant sends its text messages through an Action as these options make it. Changes nothing. The secret's value cannot
 * be read: only a message shows whether it is right. Needs `read:actions` and `read:phone_providers`.
 */
export async function checkUnified(api: Requests, options: UnifiedOptions): Promise<Finding[]> {
  return [...(await judgeActions(api, options)), judgeProvider(await readPhoneProvider(api))];
}

/**
 * Gives the deployed Action another secret, for a rotation, and deploys it; its code stays. From then on tokens are signed with the
 * new one. Rejects with `ControlError` when there is no Action of simgate's, else as {@link deployUnified}.
 */
export async function setUnifiedSecret(
  api: Requests,
  secret: string,
  say: (line: string) => void,
  { wait = waitMs }: Pick<DeployControl, 'wait'> = {},
): Promise<void> {
  const secrets = secretList(secret);
  const action = await findAction(api);
  if (action === undefined || authorOf(action) !== 'simgate')
    throw new ControlError('the tenant has no Action of simgate: make it with `simgate auth0 setup`');
  await updateAction(api, action.id, { secrets });
  say(`Gave the Action ${shownAction(action)} the new secret. Waiting until Auth0 has deployed it …`);
  await deployAction(api, action.id, wait);
  say('Deployed it.');
}

function secretList(value: string): { name: string; value: string }[] {
  if (value.length > maxSecretLength)
    throw new ControlError(
      `the secret has ${value.length} characters, but an Action's may have ${maxSecretLength} at most`,
    );
  return [{ name: secretName, value }];
}

/** The trigger's one Action. With more than one, Auth0 runs which it likes: that is for a person to settle. */
async function findAction(api: Requests): Promise<Action | undefined> {
  const actions = await listActions(api);
  if (actions.length > 1)
    throw new ControlError(
      `the tenant has ${actions.length} Actions for phone messages, and one at most may be: ${actions.map(shownAction).join(', ')}. ` +
        'Delete all but one (dashboard, or DELETE /api/v2/actions/actions/{id})',
    );
  return actions[0] && readAction(api, actions[0].id);
}

function refuseIfOthers(action: Action | undefined, provider: PhoneProvider | undefined): void {
  if (action !== undefined && authorOf(action) === 'foreign')
    throw new ControlError(
      `the tenant has an Action for phone messages that simgate did not write: ${shownAction(action)}. A tenant can have but one, so ` +
        'it would be overwritten (its versions stay in the dashboard): --replace allows that. Nothing was changed',
    );
  if (provider !== undefined && provider.name !== 'custom')
    throw new ControlError(
      `the tenant's messages are sent by ${JSON.stringify(provider.name)}. A tenant has one phone provider, so it would be replaced, ` +
        'and Auth0 would forget its credentials: --replace allows that. Nothing was changed',
    );
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

const setUpAgain = 'simgate auth0 setup --deploy';

async function judgeActions(api: Requests, options: UnifiedOptions): Promise<Finding[]> {
  const check = 'auth0_action';
  const [listed, ...others] = await listActions(api);
  if (listed === undefined) return [error(check, 'the tenant has no Action for phone messages', setUpAgain)];
  if (others.length > 0) {
    const names = [listed, ...others].map(shownAction).join(', ');
    const what = `the tenant has ${others.length + 1} Actions for phone messages: ${names}`;
    return [error(check, what, 'delete all but one: which of them runs is not sure')];
  }
  const action = await readAction(api, listed.id);
  if (authorOf(action) !== 'simgate') {
    const what = `the Action ${shownAction(action)} is not one that simgate wrote`;
    return [error(check, what, `${setUpAgain} --replace`)];
  }
  return [judgeCode(action, options), judgeSecret(action)];
}

function judgeCode(action: Action, options: UnifiedOptions): Finding {
  const check = 'auth0_action';
  const code = action.deployed_version?.code;
  if (code === undefined)
    return error(check, `the Action ${shownAction(action)} is not deployed`, setUpAgain);
  if (code !== actionSource(options)) {
    const lines = new Set(code.split('\n'));
    const differing = Object.entries(settingLines(options)).filter(([, line]) => !lines.has(line));
    if (differing.length > 0) {
      const names = differing.map(([name]) => name).join(', ');
      return error(check, `the deployed Action has another ${names} than the configuration`, setUpAgain);
    }
    const what = 'the deployed Action is of another version of simgate, or was changed by hand';
    return warning(check, what, setUpAgain);
  }
  if (!action.all_changes_deployed)
    return warning(check, 'the Action has changes that are not deployed', setUpAgain);
  return ok(check, `the Action ${shownAction(action)} is deployed, and as this configuration makes it`);
}

function judgeSecret({ deployed_version: version }: Action): Finding {
  const check = 'auth0_action_secret';
  return version?.secrets.some(({ name }) => name === secretName)
    ? ok(check, `the Action has a secret ${secretName}; what it is cannot be read, a login shows it`)
    : error(check, `the deployed Action has no secret ${secretName}`, setUpAgain);
}

function judgeProvider(provider: PhoneProvider | undefined): Finding {
  const check = 'auth0_phone_provider';
  if (provider === undefined) return error(check, 'the tenant has no phone provider', setUpAgain);
  if (provider.name !== 'custom')
    return error(check, `the phone provider is ${JSON.stringify(provider.name)}, not "custom"`, setUpAgain);
  if (provider.disabled) return error(check, 'the phone provider "custom" is disabled', setUpAgain);
  const methods = provider.configuration.delivery_methods ?? [];
  if (!methods.includes('text'))
    return error(check, 'the phone provider does not deliver text messages', setUpAgain);
  if (!isAsNeeded(provider))
    return warning(
      check,
      `the phone provider delivers ${methods.map(escapeControls).join(' and ')}: simgate drops what is not text`,
      setUpAgain,
    );
  return ok(check, 'the phone provider is "custom", for text messages');
}

function waitMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
