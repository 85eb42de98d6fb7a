import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkConfig, loadConfig } from '../../src/config/config.js';

const directory = mkdtempSync(join(tmpdir(), 'simgate-warnings-'));
afterAll(() => rmSync(directory, { recursive: true }));

const auth0 =
  'policy.countries = ["DE"]\n[auth0]\nsubject = "urn:Auth0"\naudience = "urn:MySmsGateway"\n';
const modem = '[[modem]]\nname = "main"\ndevice = "/dev/ttyUSB2"\n';

function write(toml: string): string {
  const file = join(directory, 'simgate.toml');
  writeFileSync(file, toml);
  return file;
}

const load = (toml: string) => loadConfig(write(toml), {});

describe('what is unwise', () => {
  it.each([
    ['policy.total', `policy.total = "off"\n${auth0}${modem}`],
    ['message.deadline_s', `message.deadline_s = 30\n${auth0}${modem}`],
    ['http.listen', `http.listen = "0.0.0.0:8080"\n${auth0}${modem}`],
  ])('is warned of: %s', (path, toml) => {
    expect(load(toml).warnings).toEqual([
      expect.stringMatching(new RegExp(`^${path.replace(/[[\]]/g, '\\$&')} `)),
    ]);
  });
});

describe('checkConfig', () => {
  it('reports problems and warnings of the file and of its secrets', () => {
    const secret = join(directory, 'secret');
    writeFileSync(secret, 'short');
    chmodSync(secret, 0o644);
    const toml = `http.listen = "0.0.0.0:8080"\n${auth0}secret_file = "secret"\n${modem}pin_file = "nowhere"\n`;
    const { problems, warnings } = checkConfig(write(toml), {});
    expect(problems).toMatchObject([{ path: 'modem[0].pin_file' }]);
    expect(warnings).toEqual([
      expect.stringContaining('http.listen'),
      expect.stringContaining('chmod o-rwx'),
      expect.stringContaining('5 octets'),
    ]);
  });

  it('reports a broken file', () => {
    expect(checkConfig(write('a = '), {})).toMatchObject({
      problems: [{ path: '' }],
      warnings: [],
    });
  });
});
