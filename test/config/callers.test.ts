import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type CallerKind, callerKindNames, kinds } from '../../src/config/caller-kinds.js';
import { checkConfig, loadConfig, loadSecrets, viewOfAuth0 } from '../../src/config/config.js';

const directory = mkdtempSync(join(tmpdir(), 'simgate-callers-'));
afterAll(() => rmSync(directory, { recursive: true }));

const long = 'made-up-secret-of-more-than-32-characters';
const webhook = 'v1,whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=';

function fileOf(callers: string, secrets: Record<string, string> = {}): string {
  for (const [name, secret] of Object.entries({ secret: long, ...secrets }))
    writeFileSync(join(directory, name), secret, { mode: 0o600 });
  const file = join(directory, 'simgate.toml');
  const rest = '[policy]\ncountries = ["DE"]\n[[modem]]\nname = "main"\ndevice = "/dev/ttyUSB2"\n';
  writeFileSync(file, `${callers}\n${rest}`);
  return file;
}

/** What a person is told of it. */
function problemsOf(callers: string, secrets?: Record<string, string>): string[] {
  const { problems } = checkConfig(fileOf(callers, secrets), {});
  return problems.map(({ path, message }) => `${path} ${message}`);
}

const own: Partial<Record<CallerKind, string>> = {
  auth0: 'subject = "s"\naudience = "a"',
  supabase: 'template = "Your code is {code}"',
  logto: 'template = "{code}"',
  alerts: 'recipients = ["+4915112345678"]',
};
const table = (kind: CallerKind, more = '', name = 'one') =>
  `[[caller]]\nname = "${name}"\nkind = "${kind}"\nsecret_file = "secret"\n${own[kind] ?? ''}\n${more}\n`;

describe('a caller', () => {
  it.each(callerKindNames)('of the kind %s needs no more than its secret and its own', (kind) => {
    const file = fileOf(table(kind), { secret: kind === 'supabase' ? webhook : long });
    const { callers } = loadConfig(file, {});
    expect(callers).toMatchObject([{ name: 'one', kind, ...kinds[kind].defaults }]);
    expect(loadSecrets(loadConfig(file, {}), {}).has('one')).toBe(true);
  });

  it('says otherwise where it is to be otherwise', () => {
    const more =
      'path = "/in"\ndeadline_s = 4.5\non_slow = "504"\nrepeats_s = 0\nclass = "alert"\nmodems = ["main"]\nper_caller = "5 in 1 min"\ncountries = ["AT"]\n[caller.templates]\n"SignIn.de" = "Dein Code: {code}"';
    expect(loadConfig(fileOf(table('logto', more)), {}).callers).toMatchObject([
      {
        path: '/in',
        deadlineMs: 4_500,
        onSlow: '504',
        repeatsMs: 0,
        class: 'alert',
        modems: ['main'],
        perCaller: [{ count: 5, windowMs: 60_000 }],
        countries: ['AT'],
        templates: { 'SignIn.de': 'Dein Code: {code}' },
      },
    ]);
  });

  it('stands beside [auth0], which is one of that name and has the deadline of [message]', () => {
    const auth0 =
      '[auth0]\nsubject = "s"\naudience = "a"\nsecret_file = "secret"\n[message]\ndeadline_s = 20\n';
    const { callers } = loadConfig(fileOf(auth0 + table('bearer')), {});
    expect(callers).toMatchObject([
      { name: 'auth0', kind: 'auth0', path: '/sms', deadlineMs: 20_000, repeatsMs: 0 },
      { name: 'one', kind: 'bearer' },
    ]);
  });
});

describe('what is wrong with callers', () => {
  it.each<[string, string, string]>([
    ['a kind that there is not', table('bearer').replace('bearer', 'saml'), 'caller[0].kind must'],
    ['a name twice', table('bearer') + table('header'), 'caller[1].name is already that of'],
    [
      'the name of [auth0]',
      `[auth0]\nsubject = "s"\naudience = "a"\nsecret_file = "secret"\n${table('bearer', '', 'auth0')}`,
      'caller[0].name is already that of [auth0]',
    ],
    [
      'a token without its claims',
      table('auth0').replace('subject = "s"\n', ''),
      'caller[0].subject is missing: the subject',
    ],
    [
      'a code without words',
      table('logto').replace('template = "{code}"', ''),
      'caller[0].template is missing: the text',
    ],
    ['words without a code', table('logto').replace('{code}', 'Hi'), 'caller[0].template must'],
    ['other braces', table('zitadel', 'template = "{code} {name}"'), 'may have only {code}'],
    ['alerts to nobody', table('alerts').replace(own.alerts!, ''), 'must name recipients'],
    ['a modem that there is not', table('basic', 'modems = ["x"]'), 'there is no [[modem]] of'],
    ['the path of the health', table('basic', 'path = "/livez"'), 'caller[0].path is taken'],
    ['a path that is none', table('basic', 'path = "sms"'), 'caller[0].path must be a path'],
    ['a path nobody asks for', table('basic', 'path = "/a/../b"'), 'without a step "." or ".."'],
    ['a secret in its place', table('basic', 'secret = "x"'), 'a secret must not stand in this'],
    [
      'no secret',
      table('basic').replace(/secret_file.*\n/, ''),
      'caller[0].secret_file is missing',
    ],
  ])('%s is told', (_, callers, said) => {
    expect(problemsOf(callers)).toEqual(expect.arrayContaining([expect.stringContaining(said)]));
  });

  it.each<[CallerKind, string, string]>([
    ['bearer', 'short', 'has 5 characters: a credential that never changes needs 32'],
    ['header', `${long} blank`, 'must be printable ASCII without blanks'],
    ['supabase', long, 'must be the secret as Supabase shows it'],
  ])('a secret that is useless for %s is told', (kind, secret, said) => {
    expect(problemsOf(table(kind), { secret })).toEqual([expect.stringContaining(said)]);
  });

  it('two that nobody could tell apart are refused; with another path or secret they pass', () => {
    const two = (more: string) => table('bearer') + table('bearer', more, 'two');
    expect(problemsOf(two(''))).toEqual([
      expect.stringContaining('caller[1].secret_file holds the secret of caller "one"'),
    ]);
    expect(problemsOf(two('path = "/other"'))).toEqual([]);
    expect(problemsOf(table('bearer') + table('basic', '', 'two'))).toEqual([]);
    expect(
      problemsOf(two('').replace(/secret"\n(?=\n*$)/, 'second"\n'), { second: `${long}2` }),
    ).toHaveLength(0);
  });
});

it.each<[CallerKind, string, CallerKind, string]>([
  ['bearer', '', 'header', 'header = "authorization"'],
  ['bearer', '', 'logto', 'path = "/sms"'],
  ['basic', 'username = "u"', 'alerts', 'path = "/sms"\nusername = "u"'],
  ['bearer', '', 'alerts', 'path = "/sms"'],
  ['header', '', 'uptime_kuma', 'path = "/sms"'],
  ['header', 'header = "Authorization"', 'logto', 'path = "/sms"'],
])('%s (%s) and %s (%s) with one secret could show the same', (kind, more, other, others) => {
  expect(problemsOf(table(kind, more) + table(other, others, 'two'))).toEqual([
    expect.stringContaining('caller[1].secret_file holds the secret of caller "one"'),
  ]);
});

it('a caller of Auth0 is the only one, or is named', () => {
  const only = loadConfig(fileOf(table('auth0') + table('bearer', '', 'two')), {});
  expect(viewOfAuth0(only)).toMatchObject({ caller: 'one', auth0: { subject: 's' } });
  const both = loadConfig(fileOf(table('auth0') + table('auth0', 'path = "/b"', 'two')), {});
  expect(() => viewOfAuth0(both)).toThrow(
    'which caller is meant? --caller NAME; name one of: one, two',
  );
  expect(viewOfAuth0(both, 'two').caller).toBe('two');
  expect(() => viewOfAuth0(both, 'three')).toThrow('has no caller "three" of the kind auth0');
});
