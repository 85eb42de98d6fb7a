import { expect, it } from 'vitest';
import { guessCountry, readCountries } from '../../../src/operator/setup/countries.js';
import { nextLines, type SetupOutcome } from '../../../src/operator/setup/next-lines.js';

it.each([
  ['the SIM’s home, wherever it is', '+49…00', { LANG: 'fr_FR.UTF-8' }, 'DE'],
  ['the locale, where the calling code is shared', '+44…00', { LANG: 'en_JE.UTF-8' }, 'JE'],
  ['the main country of a shared code', '+44…00', { LANG: 'C.UTF-8' }, 'GB'],
  ['the main country of another one', '+39…00', {}, 'IT'],
  ['nothing, where a code has several main countries', '+1…00', {}, undefined],
  ['the locale for such a code', '+1…00', { LC_ALL: 'fr_CA' }, 'CA'],
  ['the locale without an SMSC', undefined, { LC_ALL: '', LANG: 'de_AT@euro' }, 'AT'],
  ['the locale for an SMSC that is masked whole', '…00', { LANG: 'de_AT' }, 'AT'],
  ['nothing without anything', undefined, { LANG: 'POSIX' }, undefined],
  ['nothing for a language without a country', undefined, { LANG: 'eo' }, undefined],
])('the country to propose is %s', (_title, smsc, env, expected) => {
  expect(guessCountry(smsc, env)).toBe(expected);
});

it('countries are read as the configuration reads them', () => {
  expect(readCountries(' de , AT,de ')).toEqual({ value: ['DE', 'AT'] });
  expect(readCountries('de at')).toEqual({ value: ['DE', 'AT'] });
  expect(readCountries('de; at')).toEqual({ value: ['DE', 'AT'] });
  expect(readCountries('*')).toEqual({ value: ['*'] });
  for (const wrong of ['', ',', '*, DE', 'XX', 'Germany'])
    expect(readCountries(wrong), wrong).toMatchObject({ objection: expect.stringContaining('') });
  expect(readCountries('Germany')).toMatchObject({
    objection: expect.stringContaining('write "DE"'),
  });
});

const outcome: SetupOutcome = {
  command: 'simgate',
  docs: 'docs',
  hasService: true,
  configFile: '/etc/simgate/simgate.toml',
  caller: 'auth0',
  callers: [{ name: 'auth0', kind: 'auth0', path: '/sms' }],
  url: 'https://sms.example.org/sms',
  listen: '127.0.0.1:8080',
  isDaemonRunning: false,
  needsReload: true,
};

it('the next lines start the service, then lead through the proxy to Auth0', () => {
  expect(nextLines(outcome)).toEqual([
    'Start it, now and at every boot, and watch for "modem … is ready":',
    '  sudo systemctl enable --now simgate',
    '  journalctl -u simgate -f',
    'Publish it by a TLS proxy, nginx or Caddy, that passes /sms on to http://127.0.0.1:8080: docs/proxy.md has both.',
    'Then have Auth0 send through it (it asks for tenant and credentials, and shows first what would change; see docs/auth0.md):',
    '  sudo simgate auth0 setup --gateway-url https://sms.example.org/sms',
  ]);
});

it.each<[string, Partial<SetupOutcome>, string]>([
  ['a reload where a daemon runs', { isDaemonRunning: true }, '  sudo simgate reload'],
  [
    'another configuration',
    { configFile: '/tmp/a b.toml' },
    "  simgate serve --config '/tmp/a b.toml'",
  ],
  [
    'a program with a token',
    { caller: 'token' },
    '  curl -i http://127.0.0.1:8080/sms -H "Authorization: Bearer $(sudo simgate token)" -d \'{"recipient":"+…","body":"It works"}\'',
  ],
  [
    'a program with a token beside other callers',
    {
      caller: 'token',
      callers: [
        { name: 'auth0', kind: 'auth0', path: '/sms' },
        { name: 'home', kind: 'bearer', path: '/sms' },
      ],
    },
    '  curl -i http://127.0.0.1:8080/sms -H "Authorization: Bearer $(sudo simgate token --caller auth0)" -d \'{"recipient":"+…","body":"It works"}\'',
  ],
  [
    'one of two tenants',
    {
      caller: undefined,
      callers: [
        { name: 'production', kind: 'auth0', path: '/sms' },
        { name: 'staging', kind: 'auth0', path: '/staging' },
      ],
    },
    '  sudo simgate auth0 setup --caller staging --gateway-url https://YOUR.NAME/staging',
  ],
])('the next lines know of %s', (_title, own, expected) => {
  expect(nextLines({ ...outcome, ...own })).toContain(expected);
});

it('the next lines ask for nothing of a daemon that has nothing to take up', () => {
  expect(nextLines({ ...outcome, isDaemonRunning: true, needsReload: false })[0]).toMatch(
    /^Publish/,
  );
});
