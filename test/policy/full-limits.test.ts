import { expect, it } from 'vitest';
import { desk, minute, off, policyConfig } from './support/policy.js';

it('a limit that all share is told once it refuses everybody, and no sooner', () => {
  const { clock, policy, send } = desk({ ...off, total: '2 in 10 min' });
  expect(policy.full()).toEqual([]);
  send({});
  expect(policy.full()).toEqual([]);
  clock.now += minute;
  send({ recipient: '+4915112345679' });
  const limit = { count: 2, windowMs: 10 * minute };
  expect(policy.full()).toEqual([{ name: 'total', limit, freeInMs: 9 * minute }]);
  clock.now += 9 * minute;
  expect(policy.full()).toEqual([]);
});

it('a raised limit refuses nobody any more', () => {
  const { policy, send } = desk({ ...off, total: '1 in 10 min' });
  send({});
  expect(policy.full()).toHaveLength(1);
  policy.replaceConfig(policyConfig({ ...off, total: '2 in 10 min' }));
  expect(policy.full()).toEqual([]);
});

it('of country and caller it is told whose limit it is, and of a recipient nothing', () => {
  const { policy, send } = desk({
    ...off,
    per_country: '1 in 1 min',
    per_caller: '1 in 1 min',
    per_recipient: '1 in 1 min',
  });
  send({ caller: 'shop' });
  expect(policy.full().map(({ name, of }) => [name, of])).toEqual([
    ['per_country', 'DE'],
    ['per_caller', 'shop'],
  ]);
});

it('a memory that is full is told', () => {
  const { policy, send } = desk({ ...off, total: '5 in 10 min' }, 2);
  send({});
  send({ recipient: '+4915112345679' });
  expect(policy.full()).toEqual([{ name: 'memory', freeInMs: 10 * minute }]);
});
