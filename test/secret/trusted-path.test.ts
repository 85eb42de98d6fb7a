import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { whoElseMayChange } from '../../src/secret/trusted-path.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-trusted-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const directory = 0o040755;
const file = 0o100755;
const link = 0o120777;

/** A stat(2) in which all that is not said is root's. */
const stats =
  (said: Record<string, { uid?: number; mode?: number }>) =>
  (path: string): { uid: number; mode: number } => ({ uid: 0, mode: directory, ...said[path] });

test('nobody else may change what belongs to root, with all folders above it', () => {
  expect(whoElseMayChange('/usr/bin/x', stats({ '/usr/bin/x': { mode: file } }))).toBeUndefined();
});

test.each([
  ['/srv/x', { '/srv/x': { uid: 1000, mode: file } }, '/srv/x does not belong to root'],
  ['/srv/a/x', { '/srv/a': { uid: 1000 } }, '/srv/a does not belong to root'],
  ['/srv/a/x', { '/srv': { mode: 0o040777 } }, 'everybody may write to /srv'],
  ['/srv/a/x', { '/srv/a/x': { mode: 0o100757 } }, 'everybody may write to /srv/a/x'],
])('%s: who else may change it is told', (path, said, why) => {
  expect(whoElseMayChange(path, stats(said))).toBe(why);
});

test('a link is as good as all that it leads through', () => {
  mkdirSync(join(folder, 'real'));
  writeFileSync(join(folder, 'real/x'), '');
  symlinkSync('real/x', join(folder, 'x'));
  const said = { [join(folder, 'x')]: { mode: link }, [join(folder, 'real/x')]: { mode: file } };
  expect(whoElseMayChange(join(folder, 'x'), stats(said))).toBeUndefined();
  const others = { ...said, [join(folder, 'real')]: { uid: 1000 } };
  expect(whoElseMayChange(join(folder, 'x'), stats(others))).toBe(
    `${join(folder, 'real')} does not belong to root`,
  );
});

test('links that lead in a circle end', () => {
  symlinkSync('b', join(folder, 'a'));
  symlinkSync('a', join(folder, 'b'));
  const said = { [join(folder, 'a')]: { mode: link }, [join(folder, 'b')]: { mode: link } };
  expect(whoElseMayChange(join(folder, 'a'), stats(said))).toBe(
    `${join(folder, 'a')} has too many links`,
  );
});
