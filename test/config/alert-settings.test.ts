import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { checkConfig } from '../../src/config/config.js';

const folder = mkdtempSync(join(tmpdir(), 'simgate-alert-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'secret'), 'x1'.repeat(30), { mode: 0o600 });

function check(extra: string) {
  const file = join(folder, 'simgate.toml');
  const least =
    'policy.countries = ["DE"]\n[auth0]\nsubject = "s"\naudience = "a"\nsecret_file = "secret"\n[[modem]]\nname = "main"\ndevice = "auto"\n';
  writeFileSync(file, `${least}${extra}`);
  const { problems, warnings } = checkConfig(file, {});
  return { problems: problems.map(({ path, message }) => `${path}: ${message}`), warnings };
}

const hook = '[[alerts.webhook]]\nname = "a"\n';

it.each<[string, string, RegExp]>([
  [
    'an address that is none',
    `${hook}url = "ntfy.sh"`,
    /^alerts\.webhook\[0\]\.url: must be an address that begins with https/,
  ],
  [
    'a password in the address, which no call could be made with',
    `${hook}url = "https://:hunter2@a.example"`,
    /url: must be an address that begins with https:.*without a user and password/,
  ],
  ['a webhook that calls nobody', hook, /^alerts\.webhook\[0\]\.url: is missing: where to call/],
  [
    'Telegram without a chat',
    `${hook}shape = "telegram"\ntoken_file = "secret"`,
    /chat_id: is missing/,
  ],
  [
    'a template that is no JSON',
    `${hook}shape = "template"\nurl = "https://a.example"\ntemplate = "{text}"`,
    /template: must be JSON/,
  ],
  [
    'a file that is away',
    `${hook}url_file = "nowhere"`,
    /^alerts\.webhook\[0\]\.url_file: cannot be read/,
  ],
  [
    'a token in the file itself',
    `${hook}url = "https://a.example"\ntoken = "t"`,
    /alerts\.webhook\[0\]\.token: a secret must not stand in this file/,
  ],
  [
    'a misspelt key',
    '[alerts]\nquite_hours = "22:00-07:00"',
    /alerts\.quite_hours: unknown key: did you mean quiet_hours/,
  ],
  [
    'hours that are none',
    '[alerts]\nquiet_hours = "22-7"',
    /quiet_hours: must be two times of day/,
  ],
  [
    'a password without TLS',
    '[alerts.mail]\nrelay = "r"\ntls = "off"\nfrom = "a@b"\nto = ["c@d"]\nusername = "u"\npassword_file = "secret"',
    /alerts\.mail\.tls: must not be "off"/,
  ],
  [
    'two ways to ask',
    '[modem.credit]\nussd = "*100#"\nsms_to = "12345"\nsms_text = "B"',
    /modem\[0\]\.credit\.sms_to: stands beside ussd/,
  ],
  [
    'an expression without an amount',
    '[modem.credit]\nussd = "*100#"\nexpression = "x"',
    /modem\[0\]\.credit\.expression: must have a group/,
  ],
  [
    'an expression that is none',
    '[modem.credit]\nussd = "*100#"\nexpression = "("',
    /modem\[0\]\.credit\.expression: has a \( without its \)/,
  ],
  ['nothing to ask with', '[modem.credit]\nlow = 5', /modem\[0\]\.credit\.ussd: is missing/],
])('%s is a problem', (_, extra, problem) => {
  expect(check(extra).problems).toEqual([expect.stringMatching(problem)]);
});

it('warns where an SMS is the only way, and of a token that everybody can read', () => {
  const sms = '[alerts.sms]\nto = ["+4915112345678"]\n';
  expect(check(sms).warnings).toEqual([expect.stringMatching(/^alerts\.sms is the only way/)]);
  expect(check(`${sms}${hook}url = "https://a.example"`).warnings).toEqual([]);
  const open = `${hook}url = "http://a.example"\ntoken_file = "secret"`;
  expect(check(open).warnings).toEqual([expect.stringMatching(/sends its token without TLS/)]);
  const near = `${hook}url = "http://192.168.1.7/hook"\ntoken_file = "secret"`;
  expect(check(near).warnings).toEqual([]);
});
