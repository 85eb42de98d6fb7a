import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { checkConfig, loadWhole } from '../../src/config/config.js';

const folder = mkdtempSync(join(tmpdir(), 'all-at-once-'));
const file = join(folder, 'simgate.toml');
afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 1 }));

const wrong = `
[auth0]
audience = "urn:a"
secret_file = "nowhere"
[policy]
countries = ["DE"]
[[caller]]
name = "home"
kind = "beerer"
secret_file = "empty"
[[caller]]
name = "alarm"
kind = "bearer"
secret_file = "short"
deadline_s = 9999
[alerts]
heartbeat_url_file = "empty"
[alerts.mail]
relay = "relay.example.com:465"
username = "gateway"
from = "gateway@example.com"
to = ["operator@example.com"]
password_file = "nowhere"
[[alerts.webhook]]
name = "chat"
url_file = "nowhere"
[inbound]
url = "https://example.com/sms"
secret_file = "short"
[shared]
url = "rediss://engine:6379"
key_file = "short"
[[modem]]
name = "main"
device = "COM3"
pin_file = "pin"
[[modem]]
name = "second"
device = "imei:49-015420-323751-99"
`;

test('one look finds all that is wrong: keys, values, secrets and PINs', () => {
  writeFileSync(file, wrong);
  writeFileSync(join(folder, 'empty'), '');
  writeFileSync(join(folder, 'short'), 'only-this', { mode: 0o600 });
  writeFileSync(join(folder, 'pin'), 'abcd');
  const { problems } = checkConfig(file, {});
  expect(problems.map(({ path }) => path).sort()).toEqual([
    'alerts.heartbeat_url_file',
    'alerts.mail.password_file',
    'alerts.webhook[0].url_file',
    'auth0.secret_file',
    'auth0.subject',
    'caller[0].kind',
    'caller[0].secret_file',
    'caller[1].deadline_s',
    'caller[1].secret_file',
    'inbound.secret_file',
    'modem[0].device',
    'modem[0].pin_file',
    'modem[1].device',
    'shared.key_file',
  ]);
  const all = JSON.stringify(problems);
  for (const hidden of ['only-this', 'abcd', '323751']) expect(all).not.toContain(hidden);
  // The start and a reload say the same.
  expect(() => loadWhole(file, {})).toThrow(`${file} has 14 problems:`);
});
