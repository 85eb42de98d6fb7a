import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scripts } from '../../src/shared/lua.js';

const users = readFileSync(join(import.meta.dirname, '../../config/boxes/users.acl'), 'utf8');

it('the shipped user may do what each script does, and no more', () => {
  const may = [...users.matchAll(/ \+(\w+)/g)].map(([, command]) => command!);
  const called = Object.values(scripts).flatMap((lua) =>
    [...lua.matchAll(/redis\.call\('(\w+)'/g)].map(([, command]) => command!.toLowerCase()),
  );
  const ofTheWire = ['auth', 'select', 'info', 'ping', 'get', 'set', 'eval', 'evalsha'];
  expect([...may].sort()).toEqual([...new Set([...called, ...ofTheWire])].sort());
});
