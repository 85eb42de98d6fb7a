import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkConfig, loadConfig } from '../../src/config/config.js';

const folder = mkdtempSync(join(tmpdir(), 'simgate-shared-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'simgate.toml');
writeFileSync(join(folder, 'secret'), 'a'.repeat(40), { mode: 0o600 });
writeFileSync(join(folder, 'key'), Buffer.alloc(32, 7), { mode: 0o600 });
writeFileSync(join(folder, 'short'), 'too short', { mode: 0o600 });
writeFileSync(join(folder, 'open'), Buffer.alloc(32, 7), { mode: 0o644 });
writeFileSync(join(folder, 'empty'), '\n', { mode: 0o600 });

function write(lines: string): void {
  writeFileSync(
    file,
    `policy.countries = ["DE"]\n[auth0]\nsubject = "s"\naudience = "a"\nsecret_file = "secret"\n` +
      `[[modem]]\nname = "main"\ndevice = "/dev/ttyUSB2"\n[shared]\n${lines}\n`,
  );
}

function urlOf(url: string) {
  write(`url = "${url}"\nkey_file = "key"`);
  return loadConfig(file, {}).shared!.url;
}

describe('[shared]', () => {
  it.each([
    ['redis://127.0.0.1', { host: '127.0.0.1', port: 6379, isTls: false, database: 0 }],
    [
      'rediss://simgate@north.example:7000/3',
      { port: 7000, isTls: true, user: 'simgate', database: 3 },
    ],
    [
      'valkeys://north.example',
      { host: 'north.example', port: 6379, isTls: true, user: undefined },
    ],
    ['valkey://[::1]:6380/', { host: '::1', port: 6380, isTls: false }],
  ])('takes %s', (url, address) => {
    expect(urlOf(url)).toMatchObject(address);
  });

  it.each([
    ['http://127.0.0.1', /scheme redis, rediss/],
    ['127.0.0.1:6379', /must be as/],
    ['redis://50%off@127.0.0.1', /a % in the name of the user is written %25/],
    ['redis://127.0.0.1/simgate', /number of a database/],
    ['redis://127.0.0.1/0?tls=true', /number of a database/],
    ['rediss://simgate:hunter2hunter2@127.0.0.1', /must hold no password/],
  ])('does not take %s', (url, why) => {
    write(`url = "${url}"\nkey_file = "key"`);
    const { problems } = checkConfig(file, {});
    expect(problems).toMatchObject([
      { path: 'shared.url', message: expect.stringMatching(why) as string },
    ]);
    // A password may stand in it.
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  it.each([
    ['key_file = "none"', 'shared.key_file', /there is no such file/],
    ['key_file = "short"', 'shared.key_file', /32 octets, it has 9/],
    ['key_file = "open"', 'shared.key_file', /chmod 600/],
    ['key_file = "key"\npassword_file = "empty"', 'shared.password_file', /is empty/],
    ['key_file = "key"\nca_file = "short"', 'shared.ca_file', /no certificate/],
    ['key_file = "key"\npassword = "hunter2hunter2"', 'shared.password', /password_file/],
  ])('with %s is told so', (lines, path, why) => {
    write(`url = "rediss://127.0.0.1"\n${lines}`);
    expect(checkConfig(file, {}).problems).toMatchObject([
      { path, message: expect.stringMatching(why) as string },
    ]);
  });

  it('is warned of where it leaves the machine without TLS', () => {
    write('url = "redis://north.example"\nkey_file = "key"');
    expect(checkConfig(file, {}).warnings).toEqual([
      expect.stringContaining('shared.url has no TLS'),
    ]);
    write('url = "redis://127.0.0.1"\nkey_file = "key"');
    expect(checkConfig(file, {}).warnings).toEqual([]);
  });
});
