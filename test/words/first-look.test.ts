/** What somebody meets in the first five minutes: the README, and what `npm ci` says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const readme = read('README.md');

test('no line of the README is longer than 120 characters', () => {
  const long = readme.split('\n').filter((line) => line.length > 120);
  expect(long).toEqual([]);
});

test('the README’s first screen says what it is, for whom and what was tried, before its first block runs the demo', () => {
  const [before = '', block] = readme.split(/^```.*$/m);
  expect(before).toMatch(/^# simgate\n\n[^\n]{1,120}\n\n/);
  for (const said of ['**For**', '**Tried so far**', '**Not tried yet**'])
    expect(before).toContain(said);
  expect(before.split('\n').length).toBeLessThan(20);
  expect(block).toBe('\nnpm ci && npm run demo\n');
});

test('npm has been told of each package with an install script whether it may run', () => {
  const { allowScripts } = JSON.parse(read('package.json')) as {
    allowScripts: Record<string, boolean>;
  };
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { hasInstallScript?: boolean; os?: string[] }>;
  };
  const withScripts = Object.entries(packages)
    .filter(([, { hasInstallScript, os }]) => hasInstallScript === true && os === undefined)
    .map(([folder]) => folder.replace(/^.*node_modules\//, ''));
  expect(Object.keys(allowScripts).sort()).toEqual([...new Set(withScripts)].sort());
});
