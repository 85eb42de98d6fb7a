/**
 * The Action with the trigger `custom-phone-provider` in a tenant: found, written, built and
 * deployed.
 */

import * as v from 'valibot';
import { OperatorError } from '../../../errors.js';
import { escapeControls } from '../../../words/foreign.js';
import { type ManagementApi, ManagementError, understood } from '../management.js';
import { isPlaceholder, isWrittenBySimgate } from './source.js';

/** What is needed of the Management API. */
export type Requests = Pick<ManagementApi, 'request'>;

const trigger = { id: 'custom-phone-provider', version: 'v1' } as const;

/** The name of an Action that simgate creates; one that was pasted has another. */
export const actionName = 'Text messages through simgate';

/** The Node version of the Action; node18 is the other that Auth0 has. */
export const runtime = 'node22';

const listedSchema = v.object({
  id: v.string(),
  name: v.string(),
  supported_triggers: v.array(v.object({ id: v.string() })),
});

/** What a list tells of an Action. */
export type ListedAction = v.InferOutput<typeof listedSchema>;

const actionSchema = v.object({
  ...listedSchema.entries,
  code: v.string(),
  secrets: v.optional(v.array(v.object({ name: v.string() })), []),
  /** Of the draft: only a `built` one can be deployed. */
  status: v.optional(v.string()),
  all_changes_deployed: v.optional(v.boolean(), false),
  /** What really runs; the values of secrets are never told. */
  deployed_version: v.nullish(
    v.object({
      id: v.optional(v.string()),
      code: v.string(),
      secrets: v.optional(v.array(v.object({ name: v.string() })), []),
    }),
  ),
});

/** An Action as the Management API shows it. */
export type Action = v.InferOutput<typeof actionSchema>;

const listSchema = v.object({ actions: v.array(listedSchema) });
const bindingsSchema = v.object({
  bindings: v.optional(v.array(v.object({ action: v.object({ id: v.string() }) })), []),
});

/** What may be written of an Action; what is left out stays. */
export interface ActionChanges {
  code?: string;
  runtime?: string;
  /** Replaces the whole list. */
  secrets?: { name: string; value: string }[];
}

/** Whose the Action is: `placeholder` is the dashboard's empty one. */
export type Author = 'simgate' | 'placeholder' | 'foreign';

/**
 * Who wrote it, as far as it would be lost: where draft and deployed version differ, the draft that
 * is another's counts too.
 */
export function authorOf({ code, deployed_version: version }: Action): Author {
  const authors = [code, ...(version ? [version.code] : [])].map(authorOfCode);
  return (['foreign', 'simgate', 'placeholder'] as const).find((author) =>
    authors.includes(author),
  )!;
}

/** Who wrote what runs; undefined when nothing does. */
export function authorOfDeployed({ deployed_version: version }: Action): Author | undefined {
  return version ? authorOfCode(version.code) : undefined;
}

function authorOfCode(code: string): Author {
  if (isWrittenBySimgate(code)) return 'simgate';
  return isPlaceholder(code) ? 'placeholder' : 'foreign';
}

/** An Action's name as a person may read it: anyone in the tenant can have chosen it. */
export function shownAction({ name, id }: Pick<Action, 'name' | 'id'>): string {
  return `"${escapeControls(name)}" (${escapeControls(id)})`;
}

/**
 * Every Action of the trigger, deployed or not: Auth0 means it to be one at most. Needs
 * `read:actions`.
 */
export async function listActions(api: Requests): Promise<ListedAction[]> {
  const path = `/api/v2/actions/actions?triggerId=${trigger.id}&per_page=100`;
  const { actions } = understood(listSchema, await api.request('GET', path), 'the list of Actions');
  return actions.filter((action) => action.supported_triggers.some(({ id }) => id === trigger.id));
}

/** The whole of an Action. Needs `read:actions`. */
export async function readAction(api: Requests, id: string): Promise<Action> {
  return understood(actionSchema, await api.request('GET', pathOf(id)), 'the Action');
}

/** How many names are tried for a new Action, which are unique in a tenant whatever the trigger. */
const maxNames = 5;

/** Creates the Action as a draft. Needs `create:actions`. */
export async function createAction(
  api: Requests,
  content: Required<ActionChanges>,
): Promise<ListedAction> {
  for (let attempt = 1; ; attempt += 1) {
    const name = attempt === 1 ? actionName : `${actionName} (${attempt})`;
    const body = { name, supported_triggers: [trigger], dependencies: [], ...content };
    let created: ListedAction | undefined;
    const create = async () => {
      created = understood(
        listedSchema,
        await api.request('POST', '/api/v2/actions/actions', body),
        'the Action',
      );
    };
    const isCreated = async () => {
      [created] = await listActions(api);
      return created !== undefined;
    };
    try {
      await settle(create, isCreated);
      return created!;
    } catch (error) {
      if (!(error instanceof ManagementError) || error.status !== 409 || attempt === maxNames)
        throw error;
    }
  }
}

/** Changes the draft; what runs stays until it is deployed. Needs `update:actions`. */
export async function updateAction(
  api: Requests,
  id: string,
  changes: ActionChanges,
): Promise<void> {
  // A secret cannot be read back.
  await settle(
    () => api.request('PATCH', pathOf(id), changes),
    () => Promise.resolve(false),
  );
}

/**
 * Makes a change that may be made twice. Where its answer tells nothing of what became of it,
 * `isDone` reads that back, and what was not done is asked for once more.
 */
export async function settle(
  change: () => Promise<unknown>,
  isDone: () => Promise<boolean>,
): Promise<void> {
  try {
    await change();
  } catch (error) {
    if (!(error instanceof ManagementError && error.isFault)) throw error;
    if (!(await isDone())) await change();
  }
}

/**
 * Deploys a former version again, with its secrets, and has the draft be it too. Rejects as {@link
 * deployAction}. Needs `create:actions`.
 */
export async function deployVersion(
  api: Requests,
  id: string,
  version: { id: string; code: string },
  wait: (ms: number) => Promise<void>,
): Promise<Action> {
  const path = `${pathOf(id)}/versions/${encodeURIComponent(version.id)}/deploy`;
  const runs = async () => {
    const action = await readAction(api, id);
    return action.deployed_version?.code === version.code ? action : undefined;
  };
  await settle(
    () => api.request('POST', path, { update_draft: true }),
    async () => (await runs()) !== undefined,
  );
  for (let look = 1; look <= maxLooks; look += 1) {
    const action = await runs();
    if (action !== undefined) return action;
    await wait(lookEveryMs);
  }
  throw new OperatorError(
    `Auth0 has not deployed the former Action after ${(lookEveryMs * maxLooks) / 1000} s: run this command again in a while`,
  );
}

/** Between two looks at a build, in milliseconds, and how many looks: a build takes seconds. */
const [lookEveryMs, maxLooks] = [1_000, 60];

/**
 * Waits until the draft is built, deploys it and waits until it runs. Rejects with `OperatorError`
 * when the build fails or none of it comes about in a minute. `wait` takes milliseconds.
 */
export async function deployAction(
  api: Requests,
  id: string,
  wait: (ms: number) => Promise<void>,
): Promise<Action> {
  let isSubmitted = false;
  for (let look = 1; look <= maxLooks; look += 1) {
    const action = await readAction(api, id);
    if (action.status === 'failed')
      throw new OperatorError(
        `Auth0 could not build the Action ${shownAction(action)}: the dashboard shows why. What ran before still runs`,
      );
    if (isSubmitted && action.all_changes_deployed) return action;
    if (!isSubmitted && action.status === 'built') isSubmitted = await submitDraft(api, id);
    await wait(lookEveryMs);
  }
  throw new OperatorError(
    `Auth0 has not ${isSubmitted ? 'deployed' : 'built'} the Action after ${(lookEveryMs * maxLooks) / 1000} s: run this command again in a while`,
  );
}

/** False when the change is so new that its build was not seen to begin. */
async function submitDraft(api: Requests, id: string): Promise<boolean> {
  try {
    await settle(
      () => api.request('POST', `${pathOf(id)}/deploy`),
      async () => (await readAction(api, id)).all_changes_deployed,
    );
    return true;
  } catch (error) {
    if (error instanceof ManagementError && /in the 'built' state/.test(error.message))
      return false;
    throw error;
  }
}

/**
 * Binds a deployed Action to its trigger where Auth0 takes bindings for it, as its Terraform guide
 * does; its guide for the Management API knows nothing of it. Needs `read:actions` and
 * `update:actions`.
 */
export async function bindAction(api: Requests, { id, name }: Action): Promise<void> {
  const path = `/api/v2/actions/triggers/${trigger.id}/bindings`;
  const bound = await boundActions(api, path);
  if (bound === undefined || bound.includes(id)) return;
  const bindings = [{ ref: { type: 'action_id', value: id }, display_name: name }];
  await settle(
    () => api.request('PATCH', path, { bindings }),
    async () => (await boundActions(api, path))?.includes(id) === true,
  );
}

/**
 * Undefined where Auth0 binds the Action by itself ("cannot list action bindings for an
 * entity-bound trigger").
 */
async function boundActions(api: Requests, path: string): Promise<string[] | undefined> {
  try {
    const { bindings } = understood(
      bindingsSchema,
      await api.request('GET', path),
      'the bindings of the trigger',
    );
    return bindings.map(({ action }) => action.id);
  } catch (error) {
    if (error instanceof ManagementError && /entity-bound/.test(error.message)) return undefined;
    throw error;
  }
}

function pathOf(id: string): string {
  return `/api/v2/actions/actions/${encodeURIComponent(id)}`;
}
