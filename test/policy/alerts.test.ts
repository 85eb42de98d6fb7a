import { expect, test } from 'vitest';
import type { PolicyRequest } from '../../src/policy/request.js';
import { desk, hmac, hour, minute, off, policyConfig } from './support/policy.js';

const login = (count: number): PolicyRequest => ({
  caller: 'auth0',
  recipient: `+49151123400${String(count).padStart(2, '0')}`,
});
const alert = (count: number): PolicyRequest => ({
  ...login(count),
  caller: 'monitoring',
  isAlert: true,
});

test('alerts fill no more than their share, and logins have all the rest', () => {
  const { send, refusal } = desk({ ...off, total: '10 in 1 h', alert_share: 0.2 });
  for (const count of [1, 2]) send(alert(count));
  expect(refusal(alert(3))).toMatchObject({ code: 'rate_limited' });
  for (let count = 1; count <= 8; count++) send(login(count));
  expect(refusal(login(9)).detail).toMatch(/^total: the limit of 10 in 1 h/);
});

test('logins leave alerts their share until the whole is full', () => {
  const { send, refusal } = desk({ ...off, total: '10 in 1 h', alert_share: 0.2 });
  for (let count = 1; count <= 8; count++) send(login(count));
  for (const count of [1, 2]) send(alert(count));
  expect(refusal(alert(3)).detail).toMatch(/^total: /);
});

test('who is told of a fault can log in to mend it, and a lock-out silences no alert', () => {
  const { send, refusal, clock } = desk({
    ...off,
    per_recipient: '2 in 10 min',
    lock_out_first_s: 60,
  });
  for (const _ of [1, 2]) send(alert(1));
  expect(refusal(alert(1)).detail).toMatch(/^per_recipient: /);
  clock.now += 9 * minute;
  for (const _ of [1, 2]) send(login(1));
  expect(refusal(login(1)).detail).toMatch(/^lock_out: /);
  clock.now += minute;
  expect(refusal(login(1)).detail).toMatch(/^lock_out: /);
  send(alert(1));
});

test('who is unlocked is told of faults again, too', () => {
  const { send, refusal, policy } = desk({ ...off, per_recipient: '2 in 10 min' });
  for (const _ of [1, 2]) send(alert(1));
  expect(refusal(alert(1)).detail).toMatch(/^per_recipient: /);
  policy.unlock(alert(1).recipient);
  send(alert(1));
});

const lockingOut = { ...off, per_recipient: '2 in 10 min', lock_out_first_s: 60 };

test('an alert of a recipient who is at the limit of alerts locks no login out', () => {
  const { send, refusal, policy } = desk(lockingOut);
  send(login(1));
  for (const _ of [1, 2]) send(alert(1));
  expect(refusal(alert(1)).detail).toMatch(/^per_recipient: /);
  expect(policy.holds()).toEqual([]);
  send(login(1));
});

test('after a lock-out an alert neither begins the next one nor waits for a login', () => {
  const { send, admit, refusal, policy, clock } = desk(lockingOut);
  for (const _ of [1, 2]) send(login(1));
  expect(refusal(login(1)).detail).toMatch(/^lock_out: /);
  clock.now += 11 * minute;
  const before = policy.holds();
  const waiting = admit(login(1));
  send(alert(1));
  waiting.keep();
  send(alert(1));
  expect(policy.holds()).toEqual(before);
});

test('what is given back leaves all windows', () => {
  const { admit, send } = desk({ ...off, total: '1 in 1 h', alert_share: 1 });
  admit(alert(1)).giveBack();
  send(alert(1));
});

test('what alerts sent before a restart counts as theirs after it', () => {
  const { policy, admit, clock } = desk({ ...off, total: '10 in 1 h', per_recipient: '2 in 1 h' });
  const callers = new Map([['monitoring', { isAlert: true }]]);
  policy.replaceConfig(
    policyConfig({ ...off, total: '10 in 1 h', per_recipient: '2 in 1 h' }),
    callers,
  );
  const at = clock.now - hour / 2;
  const recipientHmac = hmac('recipient', login(1).recipient);
  const row = { at, caller: 'monitoring', recipientHmac, blockHmac: 'b' };
  policy.restore([row, row], []);
  expect(() => admit(alert(2))).toThrow(expect.objectContaining({ code: 'rate_limited' }));
  for (const _ of [1, 2]) admit(login(1)).keep();
});

test('the share, and a budget of its own name, are called by what the configuration calls them', () => {
  const shared = desk({ ...off, total: '10 in 1 h', alert_share: 0.2 });
  for (const count of [1, 2]) shared.send(alert(count));
  expect(shared.refusal(alert(3)).detail).toContain('(policy.alert_share of policy.total)');
  const rules = {
    perCaller: [{ count: 1, windowMs: hour }],
    perCallerName: 'alerts.sms.per_day',
    isAlert: true,
  };
  const own = desk(off);
  own.policy.replaceConfig(policyConfig(off), new Map([['monitoring', rules]]));
  own.send(alert(1));
  expect(own.refusal(alert(2)).detail).toContain('(alerts.sms.per_day)');
});
