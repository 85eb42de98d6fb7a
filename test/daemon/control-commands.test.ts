import { expect, it } from 'vitest';
import type { CallerConfig } from '../../src/config/config.js';
import { ownCommands } from '../../src/daemon/control-commands.js';
import { OperatorError } from '../../src/errors.js';
import { desk } from '../policy/support/policy.js';

/** What the command `policy` answers about `to`, after one message went to +4915112345678. */
async function explain(to: unknown): Promise<object[]> {
  const { policy, send } = desk({ countries: ['DE'] });
  send();
  const { policy: command } = ownCommands({
    policy,
    callers: () => [{ name: 'auth0', kind: 'auth0', class: 'login' }] as CallerConfig[],
    reload: () => Promise.resolve(),
    secrets: () => new Map([['auth0', { current: new Uint8Array(32) }]]),
    secretUse: () => ({}),
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
