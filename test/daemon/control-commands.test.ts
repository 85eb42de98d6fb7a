import { expect, it } from 'vitest';
import type { CallerConfig } from '../../src/config/config.js';
import { ownCommands } from '../../src/daemon/control-commands.js';
import { OperatorError } from '../../src/errors.js';
import { keyId } from '../../src/secret/token.js';
import { LogRecord } from '../http/support/gateway.js';
import { desk, minute, off, policyConfig } from '../policy/support/policy.js';

/** What the command `policy` answers about `to`, after one message went to +4915112345678. */
async function explain(to: unknown): Promise<object[]> {
  const { policy, send } = desk({ countries: ['DE'] });
  send();
  const { policy: command } = ownCommands({
    policy,
    explain: async (request) => policy.explain(request),
    callers: () => [{ name: 'auth0', kind: 'auth0', class: 'login' }] as CallerConfig[],
    reload: () => Promise.resolve([]),
    secrets: () => new Map([['auth0', { current: new Uint8Array(32) }]]),
    secretUse: () => ({}),
    log: new LogRecord().log,
  });
  const answers: object[] = [];
  for await (const answer of command({ command: 'policy', to }, new AbortController().signal)) {
    answers.push(answer);
  }
  return answers;
}

it.each(['+49 151 12345678', '+49 (0)151 12345678'])(
  'the policy is explained for the phone, however it is spelled: %s',
  async (to) => {
    expect(await explain(to)).toMatchObject([
      {
        recipient: '+49…78',
        is_allowed: true,
        limits: expect.arrayContaining([
          expect.objectContaining({ name: 'per_recipient', used: 1 }),
        ]),
      },
    ]);
  },
);

it.each([
  [
    '+49 00151 12345678',
    'the recipient has 0, the prefix of calls within the country, after +49: leave it out',
  ],
  ['0151 12345678', 'the recipient must be + and 7 to 15 digits, the first not 0 (ITU-T E.164)'],
  [undefined, 'to must be a number and client_ip an address'],
])('the policy is not explained for %j, and the answer says why', async (to, message) => {
  await expect(explain(to)).rejects.toThrow(new OperatorError(message));
});

const keys = { production: new Uint8Array(32).fill(1), staging: new Uint8Array(32).fill(2) };

/** What a command answers of two callers of Auth0's, and one of another kind. */
async function answer(name: 'auth' | 'policy', request: object): Promise<object[]> {
  const { policy } = desk({ countries: ['DE'] });
  const rules = new Map([['staging', { countries: ['AT'] }]]);
  policy.replaceConfig(policyConfig({ countries: ['DE'] }), rules);
  const commands = ownCommands({
    policy,
    explain: async (request) => policy.explain(request),
    callers: () =>
      [
        { name: 'home', kind: 'bearer', class: 'alert' },
        { name: 'production', kind: 'auth0', class: 'login' },
        { name: 'staging', kind: 'auth0', class: 'login' },
      ] as CallerConfig[],
    reload: () => Promise.resolve([]),
    secrets: () =>
      new Map([
        ['production', { current: keys.production }],
        ['staging', { current: keys.staging, previous: keys.production }],
      ]),
    secretUse: (caller) => (caller === 'staging' ? { previous: 0 } : {}),
    log: new LogRecord().log,
  });
  const answers: object[] = [];
  const { signal } = new AbortController();
  for await (const one of commands[name]({ command: name, ...request }, signal)) answers.push(one);
  return answers;
}

it('the keys are those of the caller that is asked for, and the first of Auth0’s without a name', async () => {
  const production = { current_key_id: keyId(keys.production) };
  expect(await answer('auth', { caller: 'production' })).toMatchObject([production]);
  expect(await answer('auth', {})).toMatchObject([production]);
  expect(await answer('auth', { caller: 'staging' })).toMatchObject([
    {
      current_key_id: keyId(keys.staging),
      previous_key_id: keyId(keys.production),
      previous_seen_at: '1970-01-01T00:00:00.000Z',
    },
  ]);
});

it.each(['home', 'nobody'])(
  'the caller %s has no keys of that kind, and those who have are named',
  async (caller) => {
    await expect(answer('auth', { caller })).rejects.toThrow(
      `there is no caller "${caller}" of the kind auth0: there is production, staging`,
    );
  },
);

it('the policy is explained for the caller that is asked for', async () => {
  const explained = async (caller: string) =>
    (await answer('policy', { to: '+4366412345678', caller }))[0];
  expect(await explained('staging')).toMatchObject({ is_allowed: true });
  expect(await explained('production')).toMatchObject({ code: 'recipient_not_allowed' });
  await expect(explained('nobody')).rejects.toThrow(
    'there is no caller "nobody": there is home, production, staging',
  );
});

it('a number that is unlocked waits no more, and the log says so without the number', async () => {
  const { policy, send, refusal, begun, clock } = desk({
    ...off,
    per_recipient: '1 in 10 min',
    lock_out_first_s: 60,
  });
  const record = new LogRecord();
  const { unlock } = ownCommands({
    policy,
    explain: async (request) => policy.explain(request),
    callers: () => [],
    reload: () => Promise.resolve([]),
    secrets: () => new Map(),
    secretUse: () => ({}),
    log: record.log,
  });
  const ask = async (to: unknown) => {
    const answers: object[] = [];
    const signal = new AbortController().signal;
    for await (const answer of unlock({ command: 'unlock', to }, signal)) answers.push(answer);
    return answers;
  };
  send();
  expect(refusal().detail).toMatch(/^lock_out: /);
  expect(await ask('+49 151 12345678')).toEqual([{ recipient: '+49…78', lifted: ['lock_out'] }]);
  // Kept as one that is over: a restart brings nothing back.
  policy.restore([], begun.slice(-1));
  expect(policy.holds()).toEqual([]);
  send();
  clock.now += minute;
  expect(refusal().retryAfterMs).toBe(9 * minute);
  expect(await ask('+4915112345670')).toEqual([{ recipient: '+49…70', lifted: [] }]);
  await expect(ask(7)).rejects.toThrow(new OperatorError('to must be a number'));
  await expect(ask('0151 1')).rejects.toThrow(/the recipient must be/);
  expect(record.entries[0]).toMatchObject({
    level: 'info',
    event: 'policy_unlock',
    recipient: '+49…78',
  });
  expect(record.text).not.toContain('15112345678');
});
