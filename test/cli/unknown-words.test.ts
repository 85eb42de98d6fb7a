import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const cli = join(import.meta.dirname, '../../dist/cli.js');

async function said(...words: string[]): Promise<{ code: number; text: string }> {
  try {
    const { stdout, stderr } = await run(process.execPath, [cli, ...words]);
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: stdout + stderr };
  }
}

const all = ['serve', 'doctor', 'policy', 'auth0', 'service', 'setup', 'simulate'];

test.each([[], ['--help'], ['help'], ['nonsense']])(
  'the help has every command: %j',
  async (...words) => {
    const { text } = await said(...words);
    for (const command of all) expect(text).toMatch(new RegExp(`^  ${command} `, 'm'));
  },
);

test.each([
  [['docter'], 'doctor'],
  [['setpu'], 'setup'],
  [['simulte', '--link', '/x'], 'simulate'],
  [['auht0', 'status'], 'auth0'],
  [['servcie', 'install'], 'service'],
  [['unlock', '+4915112345678'], 'policy unlock'],
  [['rotate'], 'auth0 rotate'],
  [['auth0', 'rotat'], 'rotate'],
  [['policy', 'explian'], 'explain'],
  [['setup', '--devise', 'auto'], '--device'],
  [['simulate', '--lnk', '/x'], '--link'],
  [['doctor', '--jsn'], '--json'],
])('%j: what was meant is told', async (words, meant) => {
  const { code, text } = await said(...words);
  expect(code).toBe(1);
  expect(text).toContain(`(Did you mean ${meant}?)`);
});

test('what is hidden is not proposed, and what is near to nothing gets the help alone', async () => {
  expect((await said('examine-star')).text).not.toContain('examine-start');
  expect((await said('xyzzy')).text).not.toContain('Did you mean');
});

test('check-config takes --config as the others do, and one file only', async () => {
  expect((await said('check-config', '--config', '/nowhere.toml')).text).toContain(
    '/nowhere.toml has a problem',
  );
  const { code, text } = await said('check-config', '-c', '/a.toml', '/b.toml');
  expect(code).toBe(1);
  expect(text).toContain('which one is to be checked, /b.toml or /a.toml?');
});
