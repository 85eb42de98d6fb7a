import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, checkConfig, loadConfig, loadSecrets } from '../../src/config/config.js';

const directory = mkdtempSync(join(tmpdir(), 'simgate-secrets-'));
afterAll(() => rmSync(directory, { recursive: true }));

const long = 'a-secret-of-more-than-thirty-two-octets-ä€';

function write(name: string, content: string | Buffer, mode = 0o600): string {
  const file = join(directory, name);
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

function config(auth0Lines = '', modemLines = '') {
  const toml = `[auth0]\nsubject = "s"\naudience = "a"\n${auth0Lines}\n[policy]\ncountries = ["*"]\n[[modem]]\nname = "main"\ndevice = "/dev/x"\n${modemLines}\n`;
  return loadConfig(write('simgate.toml', toml), {});
}

function problemsOf(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

const fromFile = (content: string | Buffer, lines = '', env: NodeJS.ProcessEnv = {}) => {
  write('secret', content);
  const loaded = config(`secret_file = "secret"\n${lines}`);
  return { config: loaded, load: () => loadSecrets(loaded, env) };
};

const text = (octets: Uint8Array | undefined) => octets && Buffer.from(octets).toString('utf8');

describe('the secret', () => {
  it.each([
    [long, long],
    [`${long}\n`, long],
    [`${long}\r\n`, long],
    [`${long}\n\n`, `${long}\n`],
    [` ${long} `, ` ${long} `],
    [`\ufeff${long}`, long],
  ])('of a file that holds %j is %j', (content, secret) => {
    expect(text(fromFile(content).load().get('auth0')?.current)).toBe(secret);
  });

  it('comes from the environment where no file is named', () => {
    expect(text(loadSecrets(config(), { SIMGATE_AUTH0_SECRET: long }).get('auth0')?.current)).toBe(
      long,
    );
  });

  const octets = Buffer.from(Array.from({ length: 41 }, (_, index) => (index * 47 + 251) % 256));

  it.each([
    ['base64url', octets.toString('base64url')],
    ['base64 with padding', octets.toString('base64')],
    ['base64url with padding and a newline', `${octets.toString('base64url')}=\n`],
  ])('is decoded from %s when the configuration says so', (_title, content) => {
    expect(content).toMatch(/[-_+/]/);
    const { current } = fromFile(content, 'secret_base64_encoded = true').load().get('auth0')!;
    expect(Buffer.from(current)).toEqual(octets);
  });

  it('has one before it while it is rotated', () => {
    write('old', `${long}-old\n`);
    const { load } = fromFile(long, 'previous_secret_file = "old"');
    expect(text(load().get('auth0')?.previous)).toBe(`${long}-old`);
  });
});

describe('a secret is refused', () => {
  it.each([
    ['empty', '', '', 'is empty'],
    ['nothing but a newline', '\n', '', 'is empty'],
    ['no UTF-8', Buffer.from([0xff, 0xfe, 0x41]), '', 'it is not UTF-8 text'],
    ['no base64', `${long}!`, 'secret_base64_encoded = true', 'is not base64url'],
    ['cut base64', 'A'.repeat(45), 'secret_base64_encoded = true', 'is not base64url'],
    ['that of the guide', 'MySecretToSignTheToken', '', 'sample secret'],
    [
      'that of the guide, taken for base64',
      'MySecretToSignTheToken',
      'secret_base64_encoded = true',
      'sample secret',
    ],
    [
      'that of the guide in base64',
      Buffer.from('MySecretToSignTheToken').toString('base64url'),
      'secret_base64_encoded = true',
      'sample secret',
    ],
  ])('when it is %s', (_title, content, lines, message) => {
    const problems = problemsOf(fromFile(content, lines).load);
    expect(problems).toContain(`auth0.secret_file: `);
    expect(problems).toContain(message);
    if (content.length > 1) expect(problems).not.toContain(content.toString());
  });

  it('when there is none: the message names both ways', () => {
    const problems = problemsOf(() => loadSecrets(config(), {}));
    expect(problems).toMatch(/auth0\.secret_file: is missing: .*SIMGATE_AUTH0_SECRET/);
  });

  it('when the environment holds an empty one', () => {
    expect(problemsOf(() => loadSecrets(config(), { SIMGATE_AUTH0_SECRET: '' }))).toContain(
      'SIMGATE_AUTH0_SECRET: is empty',
    );
  });

  it('when both a file and the environment give one', () => {
    const { config: loaded } = fromFile(long);
    expect(problemsOf(() => loadSecrets(loaded, { SIMGATE_AUTH0_SECRET: long }))).toContain(
      'remove one',
    );
  });

  it('when its file cannot be read, without repeating what may be the secret itself', () => {
    const loaded = config(
      `secret_file = "hunter2"\nprevious_secret_file = "${directory}"`,
      'pin_file = "7482"',
    );
    const problems = problemsOf(() => loadSecrets(loaded, {}));
    expect(problems.split('\n')).toEqual([
      expect.stringContaining('has 3 problems'),
      '  auth0.secret_file: cannot be read: there is no such file (the key takes a path, not the secret itself)',
      '  auth0.previous_secret_file: cannot be read: it is a directory',
      '  modem[0].pin_file: cannot be read: there is no such file (the key takes a path, not the secret itself)',
    ]);
  });
});

describe('what is unwise about a secret', () => {
  it('is warned of, never with the secret', () => {
    write('secret', ' hunter2', 0o644);
    const loaded = config('secret_file = "secret"');
    loadSecrets(loaded, {});
    expect(loaded.warnings).toEqual([
      `auth0.secret_file: every user of this machine can get at the file: chmod o-rwx ${join(directory, 'secret')}`,
      'auth0.secret_file: the key has 8 octets; HS256 asks for 32 (RFC 7518 3.2)',
      'auth0.secret_file: the secret begins or ends with white space, which counts',
    ]);
  });

  it.each([
    ['configured', 'previous_secret_file = "old"\n', 'take auth0.previous_secret_file out of'],
    ['left by a rotation', '', 'finish with `simgate auth0 rotate`, or remove'],
  ])('is an old one that is still accepted, %s', (_how, line, end) => {
    const old = write(line === '' ? 'secret.previous' : 'old', `${long}-old`);
    write('secret', long);
    const loaded = config(`secret_file = "secret"\n${line}`);
    expect(text(loadSecrets(loaded, {}).get('auth0')?.previous)).toBe(`${long}-old`);
    const expected = [
      expect.stringContaining(`two secrets are accepted, the present and an old one: ${end}`),
    ];
    expect(loaded.warnings).toEqual(expected);
    expect(checkConfig(loaded.file, {}).warnings).toEqual(expected);
    rmSync(old);
  });

  it('is not a file for a group, as packages install it', () => {
    write('secret', long, 0o640);
    const loaded = config('secret_file = "secret"');
    loadSecrets(loaded, {});
    expect(loaded.warnings).toEqual([]);
  });
});

describe('the secret before a rotation', () => {
  it('stands beside the new one, without a key in the configuration', () => {
    write('secret', long);
    write('secret.previous', `${long}-old`);
    const { current, previous } = loadSecrets(config('secret_file = "secret"'), {}).get('auth0')!;
    rmSync(join(directory, 'secret.previous'));
    expect(Buffer.from(current).toString()).toBe(long);
    expect(Buffer.from(previous ?? []).toString()).toBe(`${long}-old`);
    expect(
      loadSecrets(config('secret_file = "secret"'), {}).get('auth0')?.previous,
    ).toBeUndefined();
  });
});

describe('a PIN', () => {
  it.each(['0000\n', '12345678'])('of %j is taken, and not kept in memory', (content) => {
    write('pin', content);
    const secrets = loadSecrets(config('', 'pin_file = "pin"'), { SIMGATE_AUTH0_SECRET: long });
    expect([...secrets].map(([name, own]) => [name, Object.keys(own)])).toEqual([
      ['auth0', ['current']],
    ]);
  });

  it.each(['123', '123456789', '12a4', ' 1234', ''])(
    'of %j is refused, and not repeated',
    (content) => {
      write('pin', content);
      const problems = problemsOf(() =>
        loadSecrets(config('', 'pin_file = "pin"'), { SIMGATE_AUTH0_SECRET: long }),
      );
      expect(problems).toMatch(
        /modem\[0\]\.pin_file: must hold the PIN and nothing else, 4 to 8 digits$/,
      );
    },
  );
});
