import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import jsonwebtoken from 'jsonwebtoken';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  actionSource,
  isPlaceholder,
  isWrittenBySimgate,
} from '../../../src/operator/auth0/action/source.js';
import { checkUnified } from '../../../src/operator/auth0/check.js';
import { ManagementApi } from '../../../src/operator/auth0/management.js';
import {
  deployUnified,
  setUnifiedSecret,
  unifiedSteps,
} from '../../../src/operator/auth0/unified.js';
import { answerSent, optionsFor, phoneEvent, playGateway, runAction } from './action-sandbox.js';
import { UnifiedTenant } from './unified-stand-in.js';

const options = optionsFor('https://sms.example.com/sms');
const secret = 'first-secret-0123456789abcdef0123456789';
const nextSecret = 'second-secret-0123456789abcdef012345678';

/** As the dashboard puts it there by itself. */
const placeholder = `/**
 * Handler to be executed while sending a phone notification
 * @param {Event} event - Details about the user and the context in which they are logging in.
 * @param {CustomPhoneProviderAPI} api - Methods and utilities to help change the behavior of sending a phone notification.
 */
exports.onExecuteCustomPhoneProvider = async (event, api) => {
    // Code goes here
    return;
};`;
const foreign =
  'exports.onExecuteCustomPhoneProvider = async (event) => { await fetch(event.secrets.URL); };';

let tenant: UnifiedTenant;
let api: ManagementApi;
let said: string[];
const say = (line: string) => {
  said.push(line);
};
/** A build takes as many looks as it takes; the time between them does not matter. */
const wait = () => Promise.resolve();

beforeEach(async () => {
  tenant = new UnifiedTenant();
  said = [];
  const server = createServer((request, response) => {
    const hasBody = request.method !== 'GET' && request.headers['content-length'] !== '0';
    void (hasBody ? json(request).catch(() => undefined) : Promise.resolve(undefined)).then(
      (body) => {
        const { status, body: answer } = tenant.answer(request.method!, request.url!, body) ?? {
          status: 404,
          body: { message: `no such route: ${request.method} ${request.url}` },
        };
        response
          .writeHead(status, { 'content-type': 'application/json' })
          .end(JSON.stringify(answer));
      },
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  api = new ManagementApi(`http://127.0.0.1:${port}`, { token: 'a-token' }, { say });
});

const deploy = (replacesOthers = false) =>
  deployUnified(api, options, secret, say, { replacesOthers, wait });

/** The levels of what was found, by check. */
async function levels(): Promise<Record<string, string>> {
  const findings = await checkUnified(api, options);
  return Object.fromEntries(findings.map(({ check, level }) => [check, level]));
}

const allOk = { auth0_action: 'ok', auth0_action_secret: 'ok', auth0_phone_provider: 'ok' };

describe('deploying', () => {
  test('makes Action and phone provider in an empty tenant, and what then runs reaches the gateway', async () => {
    tenant.addAction('Add claims', 'exports.onExecutePostLogin = async () => {};', 'post-login');
    const { url, received } = await playGateway(answerSent);
    await deployUnified(api, optionsFor(url), secret, say, { wait });
    expect(tenant.running?.code).toBe(actionSource(optionsFor(url)));
    expect(tenant.running?.runtime).toBe('node22');
    expect(tenant.provider?.configuration).toEqual({ delivery_methods: ['text'] });

    const secrets = Object.fromEntries(
      tenant.running!.secrets.map(({ name, value }) => [name, value]),
    );
    const { answers } = await runAction(optionsFor(url), { ...phoneEvent(), secrets });
    expect(answers).toEqual([]);
    const token = received[0]!.headers.authorization!.replace('Bearer ', '');
    expect(() => jsonwebtoken.verify(token, secret, { algorithms: ['HS256'] })).not.toThrow();
    expect(said).toEqual([
      'Created the Action "Text messages through simgate" (act-2).',
      'Waiting until Auth0 has built and deployed it …',
      'Deployed the Action "Text messages through simgate" (act-2).',
      'Set the phone provider to "custom", for text.',
    ]);
  });

  test('done twice leaves one Action and one provider', async () => {
    await deploy();
    tenant.changes.length = 0;
    await deploy();
    expect(tenant.actions).toHaveLength(1);
    expect(tenant.changes).toEqual([
      'PATCH /api/v2/actions/actions/act-1',
      'POST /api/v2/actions/actions/act-1/deploy',
    ]);
    expect(await levels()).toEqual(allOk);
  });

  test('takes over the Action that was pasted into the dashboard, and the dashboard’s own empty one', async () => {
    for (const code of [
      unifiedSteps(options, 'auth0.secret_file').split(/^-+\n/m)[1]!,
      placeholder,
      '',
    ]) {
      tenant.actions = [];
      const { name } = tenant.addAction('Custom Phone Provider', code);
      await deploy();
      expect(tenant.actions.map((action) => action.name)).toEqual([name]);
      expect(await levels()).toEqual(allOk);
    }
  });

  test('binds the Action where the trigger wants it', async () => {
    tenant.isTriggerBound = true;
    await deploy();
    expect(tenant.bound).toEqual(['act-1']);
    expect(tenant.running?.code).toBe(actionSource(options));
    tenant.changes.length = 0;
    await deploy();
    expect(tenant.changes.filter((change) => change.includes('bindings'))).toEqual([]);
  });

  test('changes nothing where another’s Action is, unless it may', async () => {
    tenant.addAction('Ours since 2024', foreign);
    await expect(deploy()).rejects.toThrow(
      /"Ours since 2024" \(act-1\).*--replace.*Nothing was changed/s,
    );
    expect(tenant.changes).toEqual([]);
    await deploy(true);
    expect(tenant.actions).toHaveLength(1);
    expect(await levels()).toEqual(allOk);
  });

  test('changes nothing where Twilio sends the messages, unless it may', async () => {
    tenant.provider = {
      id: 'pro_9',
      name: 'twilio',
      disabled: false,
      configuration: { delivery_methods: ['text'] },
    };
    await expect(deploy()).rejects.toThrow(
      /"twilio".*credentials.*--replace.*Nothing was changed/s,
    );
    expect(tenant.changes).toEqual([]);
    await deploy(true);
    expect(tenant.provider).toMatchObject({ id: 'pro_9', name: 'custom' });
    expect(await levels()).toEqual(allOk);
  });

  test('enables a custom provider, and leaves it the voice that an MFA factor may need', async () => {
    const configuration = { delivery_methods: ['text', 'voice'] };
    tenant.provider = { id: 'pro_9', name: 'custom', disabled: true, configuration };
    await deploy();
    expect(tenant.provider).toMatchObject({ disabled: false, configuration });
    expect(await levels()).toEqual({ ...allOk, auth0_phone_provider: 'warning' });
  });

  test('names them all and stops when there are several Actions, whoever wrote them', async () => {
    tenant.addAction('One', actionSource(options));
    tenant.addAction('Two', foreign);
    await expect(deploy(true)).rejects.toThrow(/2 Actions.*"One" \(act-1\), "Two" \(act-2\)/);
    expect(tenant.changes).toEqual([]);
    expect(await levels()).toEqual({ auth0_action: 'error', auth0_phone_provider: 'error' });
  });

  test('says what failed when Auth0 cannot build it, and what ran goes on', async () => {
    await deploy();
    tenant.buildFails = true;
    await expect(
      deployUnified(api, optionsFor('https://other.example.com/sms'), secret, say, { wait }),
    ).rejects.toThrow(/could not build the Action/);
    expect(tenant.running?.code).toBe(actionSource(options));
  });

  test('gives up on a build that does not end', async () => {
    tenant.looks = 1000;
    await expect(deploy()).rejects.toThrow('Auth0 has not built the Action after 60 s');
    tenant.actions[0]!.buildsIn = 0;
    await expect(setUnifiedSecret(api, secret, say, { wait })).rejects.toThrow('has not built');
  });

  test('does not trust an Action that was said to be built before its build had begun', async () => {
    await deploy();
    // The first look still shows the state before the change.
    const answer = tenant.answer.bind(tenant);
    let isStale = false;
    tenant.answer = (method, url, body) => {
      const given = answer(method, url, body);
      if (method === 'PATCH' && url.includes('/actions/actions/')) isStale = true;
      else if (isStale && method === 'GET') {
        isStale = false;
        return {
          status: 200,
          body: { ...(given!.body as object), status: 'built', all_changes_deployed: true },
        };
      }
      return given;
    };
    await setUnifiedSecret(api, nextSecret, say, { wait });
    expect(tenant.running?.secrets).toEqual([{ name: 'SIMGATE_SECRET', value: nextSecret }]);
  });

  test.each([
    'read:actions',
    'create:actions',
    'update:actions',
    'read:phone_providers',
    'create:phone_providers',
  ])('names %s when the token lacks it', async (scope) => {
    tenant.isTriggerBound = true;
    tenant.scopes.delete(scope);
    await expect(deploy()).rejects.toThrow(`lacks a scope: grant ${scope}`);
  });

  test('refuses a secret that an Action cannot hold', async () => {
    const long = 'x'.repeat(4097);
    await expect(deployUnified(api, options, long, say, { wait })).rejects.toThrow(
      '4097 characters',
    );
    expect(tenant.changes).toEqual([]);
  });

  test('takes another name for the Action where the first is taken', async () => {
    for (const name of ['Text messages through simgate', 'Text messages through simgate (2)'])
      tenant.addAction(name, 'exports.onExecutePostLogin = async () => {};', 'post-login');
    await deploy();
    expect(tenant.actions.at(-1)?.name).toBe('Text messages through simgate (3)');
    expect(await levels()).toEqual(allOk);
  });

  test('says what Auth0 says when every name is taken', async () => {
    const answer = tenant.answer.bind(tenant);
    tenant.answer = (method, url, body) =>
      method === 'POST' && url.endsWith('/actions')
        ? { status: 409, body: { message: 'An action with the same name already exists' } }
        : answer(method, url, body);
    await expect(deploy()).rejects.toThrow('same name already exists');
  });

  test.each([
    ['done', 'lost'],
    ['not done', 'lost'],
  ])('comes to the same end when an answer to a change is lost, and it was %s', async (what) => {
    const writes = /^(?:POST|PATCH) .*(?:actions|deploy|providers|bindings)/;
    const answer = tenant.answer.bind(tenant);
    const lost = new Set<string>();
    tenant.isTriggerBound = true;
    tenant.answer = (method, url, body) => {
      const name = `${method} ${url.replace(/act-\d+|pro_\d+/, 'id')}`;
      if (!writes.test(name) || lost.has(name)) return answer(method, url, body);
      lost.add(name);
      if (what === 'done') answer(method, url, body);
      return { status: 502, body: '<html>' };
    };
    await deploy();
    await deploy();
    expect(lost.size).toBeGreaterThanOrEqual(5);
    expect(tenant.actions).toHaveLength(1);
    expect(tenant.running?.secrets).toEqual([{ name: 'SIMGATE_SECRET', value: secret }]);
    expect(await levels()).toEqual(allOk);
  });

  test('goes by what is deployed, too, for whose the Action is', async () => {
    const action = tenant.addAction('Ours since 2024', foreign);
    action.code = actionSource(options);
    await expect(deploy()).rejects.toThrow('--replace');
    await expect(setUnifiedSecret(api, nextSecret, say, { wait })).rejects.toThrow(
      'no Action of simgate',
    );
    expect(tenant.changes).toEqual([]);
    expect(await levels()).toEqual({ auth0_action: 'error', auth0_phone_provider: 'error' });
  });

  test('does not deploy a draft of somebody’s with a new secret', async () => {
    await deploy();
    tenant.actions[0]!.code += '// half an idea';
    tenant.changes.length = 0;
    await expect(setUnifiedSecret(api, nextSecret, say, { wait })).rejects.toThrow(
      'a draft that is not deployed',
    );
    expect(tenant.changes).toEqual([]);
  });

  test('says no secret', async () => {
    await deploy();
    await setUnifiedSecret(api, nextSecret, say, { wait });
    expect(said.length).toBeGreaterThan(4);
    for (const hidden of [secret, nextSecret, 'a-token']) {
      expect(said.join('\n')).not.toContain(hidden);
      expect(JSON.stringify(await checkUnified(api, options))).not.toContain(hidden);
    }
  });
});

describe('checking', () => {
  test('an empty tenant has neither Action nor provider', async () => {
    expect(await levels()).toEqual({ auth0_action: 'error', auth0_phone_provider: 'error' });
    expect(tenant.changes).toEqual([]);
  });

  test.each([
    [{ gatewayUrl: 'https://old.example.com/sms' }, 'another gateway URL than'],
    [{ subject: 'urn:other', audience: 'urn:else' }, 'another subject, audience than'],
    [{ secretBase64Encoded: true }, 'another encoding of the secret than'],
  ])('a deployed Action with %j is told apart by its name', async (difference, expected) => {
    await deployUnified(api, { ...options, ...difference }, secret, say, { wait });
    const [finding] = await checkUnified(api, options);
    expect(finding).toMatchObject({ check: 'auth0_action', level: 'error' });
    expect(finding!.what).toContain(expected);
  });

  test('what runs counts, not the draft', async () => {
    await deploy();
    tenant.actions[0]!.code += '// tried something';
    expect(await levels()).toEqual({ ...allOk, auth0_action: 'warning' });
    tenant.actions[0]!.deployed!.code += '// and deployed it';
    expect(await levels()).toEqual({ ...allOk, auth0_action: 'warning' });
    tenant.actions[0]!.deployed = undefined;
    expect(await levels()).toEqual({
      auth0_action: 'error',
      auth0_action_secret: 'error',
      auth0_phone_provider: 'ok',
    });
  });

  test('another’s Action, a missing secret, and every provider that does not send through it', async () => {
    await deploy();
    tenant.actions[0]!.secrets = [];
    tenant.actions[0]!.deployed!.secrets = [];
    expect(await levels()).toEqual({ ...allOk, auth0_action_secret: 'error' });
    tenant.actions[0]!.code = foreign;
    expect(await levels()).toEqual({
      ...allOk,
      auth0_action: 'warning',
      auth0_action_secret: 'error',
    });
    tenant.actions[0]!.deployed!.code = foreign;
    expect(await levels()).toEqual({ auth0_action: 'error', auth0_phone_provider: 'ok' });
    const custom = tenant.provider!;
    const text = { delivery_methods: ['text'] };
    for (const [provider, level] of [
      [{ ...custom, name: 'twilio' }, 'error'],
      [{ ...custom, disabled: true }, 'error'],
      [{ ...custom, configuration: { delivery_methods: ['voice'] } }, 'error'],
      [{ ...custom, configuration: { delivery_methods: ['text', 'voice'] } }, 'warning'],
      [{ ...custom, configuration: text }, 'ok'],
    ] as const) {
      tenant.provider = {
        ...provider,
        configuration: { delivery_methods: [...provider.configuration.delivery_methods] },
      };
      expect((await levels()).auth0_phone_provider).toBe(level);
    }
  });

  test('an answer in a form that is not known is told, not guessed at', async () => {
    tenant.answer = () => ({ status: 200, body: { actions: [{ id: 'act-1', name: 'One' }] } });
    await expect(deploy()).rejects.toThrow(
      /form that simgate does not know \(actions\.0\.supported_triggers/,
    );
  });
});

describe('a rotation', () => {
  test('gives the deployed Action the new secret and leaves its code', async () => {
    await deploy();
    tenant.changes.length = 0;
    await setUnifiedSecret(api, nextSecret, say, { wait });
    expect(tenant.running).toEqual({
      code: actionSource(options),
      runtime: 'node22',
      secrets: [{ name: 'SIMGATE_SECRET', value: nextSecret }],
    });
    expect(tenant.changes).toEqual([
      'PATCH /api/v2/actions/actions/act-1',
      'POST /api/v2/actions/actions/act-1/deploy',
    ]);
  });

  test.each([undefined, placeholder, foreign])(
    'changes nothing without an Action of simgate’s',
    async (code) => {
      if (code !== undefined) tenant.addAction('Custom Phone Provider', code);
      await expect(setUnifiedSecret(api, nextSecret, say, { wait })).rejects.toThrow(
        'no Action of simgate',
      );
      expect(tenant.changes).toEqual([]);
    },
  );
});

describe('who wrote an Action', () => {
  test('is seen from its code, pasted or not', () => {
    const pasted = `\n${actionSource(options)}\n`;
    expect([pasted, placeholder, foreign].map(isWrittenBySimgate)).toEqual([true, false, false]);
    const copied = `${foreign}\n${actionSource(options)}`;
    expect(isWrittenBySimgate(copied)).toBe(false);
    expect([pasted, placeholder, '', foreign].map(isPlaceholder)).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});

test('the steps by hand name the secret, never its value, and end with the whole source', () => {
  const steps = unifiedSteps(options, 'auth0.secret_file');
  expect(steps).toContain('SIMGATE_SECRET');
  expect(steps.endsWith(actionSource(options))).toBe(true);
  for (const line of steps.slice(0, -actionSource(options).length).split('\n'))
    expect(line.length).toBeLessThanOrEqual(132);
});
