import { expect, it } from 'vitest';
import { nearlyFullText } from '../../src/policy/alarm.js';
import { explanationJson, explanationText } from '../../src/policy/explain-text.js';
import { desk, hour, minute, off } from './support/policy.js';

const german = '+4915112345678';
const austrian = '+43664123456';

it('a limit for all is told of once 80 % of it is used, not before, and then once an hour', () => {
  const { clock, send, refusal, nearlyFull } = desk({ ...off, total: '10 in 24 h' });
  for (let count = 0; count < 7; count++) send();
  expect(nearlyFull).toEqual([]);
  send();
  expect(nearlyFull).toEqual([{ name: 'total', limit: { count: 10, windowMs: 24 * hour } }]);
  clock.now += hour - 1;
  send();
  expect(nearlyFull).toHaveLength(1);
  clock.now += 1;
  send();
  expect(nearlyFull).toHaveLength(2);
  clock.now += hour;
  refusal();
  expect(nearlyFull).toHaveLength(2);
});

it('a limit per country is told of for each country by itself', () => {
  const { send, nearlyFull } = desk({ ...off, per_country: ['5 in 1 h', '8 in 24 h'] });
  for (let count = 0; count < 4; count++) send({ recipient: german });
  expect(nearlyFull).toMatchObject([{ name: 'per_country', country: 'DE', limit: { count: 5 } }]);
  for (let count = 0; count < 3; count++) send({ recipient: austrian });
  expect(nearlyFull).toHaveLength(1);
  send({ recipient: austrian });
  expect(nearlyFull[1]).toMatchObject({ country: 'AT', limit: { count: 5 } });
});

it('what was given back does not count towards it, and is told of when it is full again', () => {
  const { clock, admit, send, nearlyFull } = desk({ ...off, total: '5 in 10 min' });
  for (let count = 0; count < 3; count++) send();
  for (let count = 0; count < 3; count++) admit({}).giveBack();
  expect(nearlyFull).toHaveLength(1);
  clock.now += 2 * hour;
  for (let count = 0; count < 3; count++) send();
  expect(nearlyFull).toHaveLength(1);
  send();
  expect(nearlyFull).toHaveLength(2);
});

it('limits of one person, or of neighbours, are not told of: a person who asks twice is no news', () => {
  const each = '5 in 10 min';
  const { send, nearlyFull } = desk({
    ...off,
    per_recipient: each,
    per_block: each,
    per_client_ip: each,
    per_caller: each,
  });
  for (let count = 0; count < 5; count++) send({ clientIp: '192.0.2.1' });
  expect(nearlyFull).toEqual([]);
});

it('the warning says which limit, for whom, and holds no number', () => {
  const limit = { count: 4000, windowMs: 24 * hour };
  expect(nearlyFullText({ name: 'per_country', limit, country: 'DE' })).toBe(
    '80 % of the limit of 4000 in 24 h for messages to DE is used (policy.per_country): at the limit everybody’s are refused. If this is no attack, raise it'.replace(
      '’',
      "'",
    ),
  );
  expect(nearlyFullText({ name: 'total', limit })).toContain(
    'for all messages is used (policy.total)',
  );
});

it('an explanation marks it', () => {
  const { policy, send } = desk({ ...off, total: '5 in 10 min', per_recipient: '5 in 10 min' });
  const explain = () => explanationJson(german, policy.explain({ recipient: german }));
  for (let count = 0; count < 3; count++) send();
  expect(explanationText(explain())).not.toContain('nearly full');
  send();
  expect(
    explain().limits.map(({ name, is_nearly_full: isNearlyFull }) => [name, isNearlyFull]),
  ).toEqual([
    ['per_recipient', false],
    ['total', true],
  ]);
  expect(explanationText(explain())).toContain(
    'total          4 of 5 in 10 min; nearly full, for everybody',
  );
  send();
  expect(explanationText(explain())).toContain(
    `total          5 of 5 in 10 min; room in ${(10 * minute) / minute} min`,
  );
});
