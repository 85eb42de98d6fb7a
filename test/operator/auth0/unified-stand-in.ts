import * as v from 'valibot';

/** An answer of the Management API. */
export interface StandInAnswer {
  status: number;
  body: unknown;
}

interface Draft {
  code: string;
  runtime: string;
  secrets: { name: string; value: string }[];
}

interface StandInAction extends Draft {
  id: string;
  name: string;
  supported_triggers: { id: string; version: string }[];
  /** Looks at it until the draft is built. */
  buildsIn: number;
  /** Looks at it until the version runs that was submitted; undefined when none was. */
  deploysIn: number | undefined;
  submitted: Version | undefined;
  deployed: Version | undefined;
  versions: Version[];
}

interface Version extends Draft {
  id: string;
}

interface StandInProvider {
  id: string;
  name: string;
  disabled: boolean;
  configuration: { delivery_methods: string[]; sid?: string | undefined };
  credentials?: Record<string, string>;
}

const trigger = 'custom-phone-provider';

const contentEntries = {
  code: v.string(),
  runtime: v.picklist(['node18', 'node22']),
  secrets: v.array(
    v.strictObject({ name: v.string(), value: v.pipe(v.string(), v.maxLength(4096)) }),
  ),
  dependencies: v.array(v.never()),
};
const newAction = v.strictObject({
  name: v.string(),
  supported_triggers: v.tuple([v.strictObject({ id: v.string(), version: v.literal('v1') })]),
  ...v.partial(v.object(contentEntries)).entries,
});
const changedAction = v.partial(v.strictObject({ name: v.string(), ...contentEntries }));
const delivery_methods = v.pipe(v.array(v.picklist(['text', 'voice'])), v.minLength(1));
/** A provider of Twilio's needs the token each time that it is written. */
const newProvider = v.variant('name', [
  v.strictObject({
    name: v.literal('custom'),
    disabled: v.boolean(),
    configuration: v.strictObject({ delivery_methods }),
    credentials: v.strictObject({}),
  }),
  v.strictObject({
    name: v.literal('twilio'),
    disabled: v.boolean(),
    configuration: v.strictObject({ delivery_methods, sid: v.optional(v.string()) }),
    credentials: v.strictObject({ auth_token: v.pipe(v.string(), v.minLength(1)) }),
  }),
]);
const newTry = v.strictObject({
  to: v.pipe(v.string(), v.maxLength(16)),
  delivery_method: v.literal('text'),
});
const rollback = v.strictObject({ update_draft: v.optional(v.boolean()) });
const newBindings = v.strictObject({
  bindings: v.array(
    v.strictObject({
      ref: v.strictObject({ type: v.literal('action_id'), value: v.string() }),
      display_name: v.string(),
    }),
  ),
});

/** Thrown by a route for what it refuses. */
class Refusal extends Error {
  readonly status: number;
  readonly errorCode: string;

  constructor(status: number, message: string, errorCode: string) {
    super(message);
    this.status = status;
    this.errorCode = errorCode;
  }
}

/**
 * A tenant's Actions and phone provider, as its Management API has them, with the traps that its
 * guides and users tell of: builds take a while, a draft cannot be deployed before, secrets cannot
 * be read and are replaced as a list, a `custom` provider needs a deployed Action and empty
 * credentials, and the trigger takes bindings or none. An Action's name is its own in the whole
 * tenant, whatever the trigger; a former version comes back with its secrets.
 */
export class UnifiedTenant {
  scopes = new Set(
    ['actions', 'phone_providers'].flatMap((what) =>
      ['read', 'create', 'update'].map((verb) => `${verb}:${what}`),
    ),
  );
  /** Looks that a build, and then a deployment, takes. */
  looks = 2;
  buildFails = false;
  /** Whether the trigger must be bound by hand. */
  isTriggerBound = false;
  bound: string[] = [];
  actions: StandInAction[] = [];
  provider: StandInProvider | undefined;
  /** Numbers that the provider was tried with. */
  readonly tries: string[] = [];
  onTry: () => void = () => undefined;
  /** Every request that changed something, as `PATCH /api/v2/…`. */
  readonly changes: string[] = [];
  readonly #lastIds = new Map<string, number>();

  /** Puts an Action there as a person did in the dashboard, deployed. */
  addAction(
    name: string,
    code: string,
    triggerId = trigger,
    secrets: Draft['secrets'] = [],
  ): StandInAction {
    const draft: Draft = { code, runtime: 'node18', secrets };
    const version = { id: this.#newId('ver'), ...draft };
    const action: StandInAction = {
      id: this.#newId('act'),
      name,
      supported_triggers: [{ id: triggerId, version: 'v1' }],
      ...draft,
      buildsIn: 0,
      deploysIn: undefined,
      submitted: undefined,
      deployed: version,
      versions: [version],
    };
    this.actions.push(action);
    return action;
  }

  /** What sends a text message now; undefined when nothing does. */
  get running(): Draft | undefined {
    if (this.provider?.name !== 'custom' || this.provider.disabled) return undefined;
    const deployed = this.actions.filter((action) => action.deployed && isOfTrigger(action));
    const action = deployed.find(({ id }) => !this.isTriggerBound || this.bound.includes(id));
    return deployed.length === 1 && action?.deployed ? draftOf(action.deployed) : undefined;
  }

  /** The answer to a request; undefined for a path that is not of this part of the API. */
  answer(method: string, url: string, body: unknown): StandInAnswer | undefined {
    const { pathname, searchParams } = new URL(url, 'http://stand-in');
    for (const [pattern, route] of this.#routes) {
      const match = new RegExp(`^${pattern}$`).exec(`${method} ${pathname}`);
      if (!match) continue;
      try {
        if (method !== 'GET') this.changes.push(`${method} ${pathname}`);
        const { id = '', version = '' } = match.groups ?? {};
        return route({ id, version, query: searchParams, body });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        const { status, message, errorCode } = error;
        return { status, body: { statusCode: status, error: 'refused', message, errorCode } };
      }
    }
    return undefined;
  }

  readonly #routes: [
    string,
    (request: {
      id: string;
      version: string;
      query: URLSearchParams;
      body: unknown;
    }) => StandInAnswer,
  ][] = [
    ['GET /api/v2/actions/actions', ({ query }) => this.#listActions(query)],
    ['POST /api/v2/actions/actions', ({ body }) => this.#createAction(body)],
    ['GET /api/v2/actions/actions/(?<id>[^/]+)', ({ id }) => this.#showAction(id)],
    ['PATCH /api/v2/actions/actions/(?<id>[^/]+)', ({ id, body }) => this.#changeAction(id, body)],
    ['POST /api/v2/actions/actions/(?<id>[^/]+)/deploy', ({ id }) => this.#deploy(id)],
    [
      'POST /api/v2/actions/actions/(?<id>[^/]+)/versions/(?<version>[^/]+)/deploy',
      ({ id, version, body }) => this.#rollBack(id, version, body),
    ],
    [`GET /api/v2/actions/triggers/${trigger}/bindings`, () => this.#showBindings()],
    [`PATCH /api/v2/actions/triggers/${trigger}/bindings`, ({ body }) => this.#bind(body)],
    ['GET /api/v2/branding/phone/providers', () => this.#showProviders()],
    ['POST /api/v2/branding/phone/providers', ({ body }) => this.#createProvider(body)],
    [
      'PATCH /api/v2/branding/phone/providers/(?<id>[^/]+)',
      ({ id, body }) => this.#changeProvider(id, body),
    ],
    [
      'POST /api/v2/branding/phone/providers/(?<id>[^/]+)/try',
      ({ id, body }) => this.#try(id, body),
    ],
  ];

  #listActions(query: URLSearchParams): StandInAnswer {
    this.#demand('read:actions');
    const wanted = query.get('triggerId');
    const fitting = this.actions.filter(
      ({ supported_triggers: [first] }) => wanted === null || first?.id === wanted,
    );
    return { status: 200, body: { actions: fitting.map(shown), total: fitting.length } };
  }

  #createAction(body: unknown): StandInAnswer {
    this.#demand('create:actions');
    const {
      name,
      supported_triggers,
      code = '',
      runtime = 'node22',
      secrets = [],
    } = read(newAction, body);
    if (this.actions.some((action) => action.name === name))
      throw new Refusal(409, 'An action with the same name already exists', 'action_name_conflict');
    const action = Object.assign(this.addAction(name, code), {
      supported_triggers,
      runtime,
      secrets,
      buildsIn: this.looks,
      deployed: undefined,
      versions: [],
    });
    return { status: 201, body: shown(action) };
  }

  #showAction(id: string): StandInAnswer {
    this.#demand('read:actions');
    const action = this.#find(id);
    if (action.buildsIn > 0) action.buildsIn -= 1;
    if (action.deploysIn !== undefined) {
      action.deploysIn -= 1;
      if (action.deploysIn <= 0)
        Object.assign(action, { deployed: action.submitted, deploysIn: undefined });
    }
    return {
      status: 200,
      body: { ...shown(action), ...(this.buildFails && { status: 'failed' }) },
    };
  }

  #changeAction(id: string, body: unknown): StandInAnswer {
    this.#demand('update:actions');
    const action = Object.assign(this.#find(id), read(changedAction, body), {
      buildsIn: this.looks,
    });
    return { status: 200, body: shown(action) };
  }

  #deploy(id: string): StandInAnswer {
    this.#demand('create:actions');
    const action = this.#find(id);
    if (action.buildsIn > 0)
      throw new Refusal(
        400,
        "A draft must be in the 'built' state before it can be deployed.",
        'not_built',
      );
    return this.#submit(action, { id: this.#newId('ver'), ...structuredClone(draftOf(action)) });
  }

  #rollBack(id: string, version: string, body: unknown): StandInAnswer {
    this.#demand('create:actions');
    const action = this.#find(id);
    const former = action.versions.find((one) => one.id === version);
    if (!former) throw new Refusal(404, 'The version does not exist', 'inexistent_version');
    if (read(rollback, body).update_draft) Object.assign(action, structuredClone(draftOf(former)));
    return this.#submit(action, { ...structuredClone(former), id: this.#newId('ver') });
  }

  #submit(action: StandInAction, version: Version): StandInAnswer {
    action.submitted = version;
    action.versions.push(version);
    action.deploysIn = this.looks;
    return { status: 202, body: { id: version.id, deployed: false, status: 'built' } };
  }

  #showBindings(): StandInAnswer {
    this.#demand('read:actions');
    this.#demandBindings();
    return {
      status: 200,
      body: { bindings: this.bound.map((id) => ({ id: `b-${id}`, action: { id } })) },
    };
  }

  #bind(body: unknown): StandInAnswer {
    this.#demand('update:actions');
    this.#demandBindings();
    const ids = read(newBindings, body).bindings.map(({ ref }) => ref.value);
    if (ids.some((id) => this.#find(id).deployed === undefined))
      throw new Refusal(400, 'The action must be deployed before it can be bound', 'invalid_body');
    this.bound = ids;
    return this.#showBindings();
  }

  #showProviders(): StandInAnswer {
    this.#demand('read:phone_providers');
    if (!this.provider) return { status: 200, body: { providers: [] } };
    return { status: 200, body: { providers: [{ ...this.provider, credentials: null }] } };
  }

  #createProvider(body: unknown): StandInAnswer {
    this.#demand('create:phone_providers');
    if (this.provider)
      throw new Refusal(409, 'Phone provider already configured', 'provider_conflict');
    return this.#takeProvider('pro_1', body, 201);
  }

  #changeProvider(id: string, body: unknown): StandInAnswer {
    this.#demand('update:phone_providers');
    if (this.provider?.id !== id)
      throw new Refusal(404, 'Phone provider not found', 'inexistent_provider');
    return this.#takeProvider(id, body, 200);
  }

  #takeProvider(id: string, body: unknown, status: number): StandInAnswer {
    const provider = read(newProvider, body);
    const hasAction = this.actions.some((action) => action.deployed && isOfTrigger(action));
    if (provider.name === 'custom' && !hasAction)
      throw new Refusal(
        400,
        'No deployed action',
        'custom_email_provider_deployed_action_not_found',
      );
    this.provider = { id, ...provider };
    return { status, body: { ...this.provider, credentials: null } };
  }

  #try(id: string, body: unknown): StandInAnswer {
    this.#demand('create:phone_providers');
    if (this.provider?.id !== id)
      throw new Refusal(404, 'Phone provider not found', 'inexistent_provider');
    this.tries.push(read(newTry, body).to);
    this.onTry();
    return { status: 202, body: { code: 202, message: 'Phone notification sent.' } };
  }

  #find(id: string): StandInAction {
    const action = this.actions.find((candidate) => candidate.id === id);
    if (!action) throw new Refusal(404, 'The action does not exist', 'inexistent_action');
    return action;
  }

  #demand(scope: string): void {
    if (!this.scopes.has(scope))
      throw new Refusal(403, `Insufficient scope, expected any of: ${scope}`, 'insufficient_scope');
  }

  #demandBindings(): void {
    if (!this.isTriggerBound)
      throw new Refusal(
        400,
        'cannot list action bindings for an entity-bound trigger',
        'invalid_trigger',
      );
  }

  #newId(kind: string): string {
    const next = (this.#lastIds.get(kind) ?? 0) + 1;
    this.#lastIds.set(kind, next);
    return `${kind}-${next}`;
  }
}

function isOfTrigger({ supported_triggers: [first] }: StandInAction): boolean {
  return first?.id === trigger;
}

/** Names of secrets only, never what they are. */
function shown({
  submitted: _submitted,
  versions: _versions,
  buildsIn,
  deploysIn: _deploysIn,
  deployed,
  ...action
}: StandInAction) {
  const names = (secrets: Draft['secrets']) =>
    secrets.map(({ name }) => ({ name, updated_at: '2026-01-01' }));
  const isSame =
    deployed !== undefined && JSON.stringify(draftOf(action)) === JSON.stringify(draftOf(deployed));
  return {
    ...action,
    secrets: names(action.secrets),
    status: buildsIn > 0 ? 'pending' : 'built',
    all_changes_deployed: isSame,
    ...(deployed && {
      deployed_version: { ...deployed, secrets: names(deployed.secrets), deployed: true },
    }),
  };
}

function draftOf({ code, runtime, secrets }: Draft): Draft {
  return { code, runtime, secrets };
}

function read<S extends v.GenericSchema>(schema: S, body: unknown): v.InferOutput<S> {
  const parsed = v.safeParse(schema, body);
  if (parsed.success) return parsed.output;
  throw new Refusal(400, `Payload validation error: ${parsed.issues[0].message}`, 'invalid_body');
}
