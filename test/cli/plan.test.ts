import { expect, it } from 'vitest';
import { planCommand } from '../../src/cli/plan.js';

const asked = (...args: string[]) =>
  planCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .parseAsync(['--logins', '10', '--within', '10s', ...args], { from: 'user' });

it.each(['1..2.5', '1..5000', '0', '3..1'])(
  'modems that cannot be, as %s, are told as a slip in the argument',
  async (modems) => {
    await expect(asked('--modems', modems)).rejects.toThrow(/^error: option '--modems <count>'/);
  },
);

it('fewer modems than boxes are no plan', async () => {
  await expect(asked('--modems', '1', '--boxes', '3')).rejects.toThrow(
    '1 modem for 3 boxes: a box without one sends nothing. Give --modems 3 or more',
  );
});

it('its help says each default as it would be typed', () => {
  const help = planCommand().helpInformation();
  const defaults = [...help.matchAll(/\(default:\s+([^)]*)\)/g)].map(([, value]) => value);
  expect(defaults).toEqual(['4', '1..6', '1', '1', '50', '1']);
});
