import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, loadSecrets } from '../../src/config/config.js';

const directory = mkdtempSync(join(tmpdir(), 'simgate-published-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** What is wrong with this secret, wherever it stands. */
function problemsOf(
  secret: string,
  place: 'file' | 'previous' | 'environment',
  isBase64 = false,
): string {
  const good = Buffer.alloc(40, 'a good one ').toString(isBase64 ? 'base64url' : 'utf8');
  writeFileSync(join(directory, 'secret'), place === 'file' ? secret : good, { mode: 0o600 });
  writeFileSync(join(directory, 'previous'), place === 'previous' ? secret : good, { mode: 0o600 });
  const files =
    place === 'environment' ? '' : 'secret_file = "secret"\nprevious_secret_file = "previous"\n';
  const file = join(directory, 'simgate.toml');
  writeFileSync(
    file,
    `policy.countries = ["*"]\n[auth0]\nsubject = "s"\naudience = "a"\n${files}secret_base64_encoded = ${isBase64}\n` +
      '[[modem]]\nname = "main"\ndevice = "/dev/x"\n',
  );
  try {
    loadSecrets(
      loadConfig(file, {}),
      place === 'environment' ? { SIMGATE_AUTH0_SECRET: secret } : {},
    );
    return '';
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

describe('a secret that everyone knows', () => {
  it.each([
    "Auth0's guide: MySecretToSignTheToken",
    'jwt.io: a-string-secret-at-least-256-bits-long',
    'an older jwt.io: your-256-bit-secret',
    'RFC 7515: AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
    'our own README: what stands in /etc/simgate/auth0-secret',
    'other letters: MYSECRETTOSIGNTHETOKEN',
    'white space around:  changeme ',
  ])('is refused: %s', (named) => {
    const secret = named.slice(named.indexOf(': ') + 2);
    for (const place of ['file', 'previous', 'environment'] as const) {
      const problems = problemsOf(secret, place);
      expect(problems).toContain('is a sample secret that everyone knows');
      expect(problems).not.toContain(secret.trim());
    }
  });

  it('is refused in base64url, and when it is one in base64url', () => {
    const rfc7515 =
      'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow';
    const spellings = [
      Buffer.from('MySecretToSignTheToken').toString('base64'),
      rfc7515,
      `${rfc7515}==`,
    ];
    for (const secret of spellings) {
      expect(problemsOf(secret, 'file', true)).toContain('is a sample secret that everyone knows');
    }
  });

  it('is none that only holds one', () => {
    expect(problemsOf('MySecretToSignTheToken-and-something-that-nobody-knows', 'file')).toBe('');
  });
});

it('the example configuration and the README hold no secret that would be taken', () => {
  for (const name of ['README.md', 'config/simgate.example.toml']) {
    const text = readFileSync(join(import.meta.dirname, '../..', name), 'utf8');
    const shown = [...text.matchAll(/"?\bsecret"?\s*[:=]\s*"([^"]+)"/g)].map(
      ([, secret]) => secret!,
    );
    for (const secret of shown) expect(problemsOf(secret, 'file')).toContain('sample secret');
  }
});
