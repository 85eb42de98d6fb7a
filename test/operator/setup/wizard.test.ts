import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig, loadSecrets } from '../../../src/config/config.js';
import { exampleDevice } from '../../../src/operator/setup/present.js';
import { wholeNumbers } from '../../doctor/support/scripted-modem.js';
import { endingByEnter, type Line, Person, restByEnter } from './support/person.js';

const example = readFileSync(
  new URL('../../../config/simgate.example.toml', import.meta.url),
  'utf8',
);

let person: Person;
beforeEach(() => {
  person = new Person();
});
afterEach(async () => {
  process.exitCode = undefined;
  await person.leave();
});

const changed = (before: string, after: string) => {
  const [old, now] = [before.split('\n'), after.split('\n')];
  return {
    gone: old.filter((line) => !now.includes(line)),
    added: now.filter((line) => !old.includes(line)),
  };
};

describe('a first run', () => {
  it('needs nothing but Enter where one modem answers', async () => {
    person.write(example);
    const device = await person.plugEc25();
    const said = await person.runs([
      [/^Which one, by number.*\[1\]: $/, ''],
      ...restByEnter,
      ...endingByEnter,
    ]);
    expect(said).toContain('Quectel EC25 (2c7c:0125 at USB port 1-1.2)');
    expect(said).toContain('it is ready to send');
    expect(changed(example, person.read('simgate.toml'))).toEqual({
      gone: ['secret_file = "/etc/simgate/auth0-secret"', `device = "${exampleDevice}"`],
      added: [`secret_file = "${join(person.folder, 'auth0-secret')}"`, `device = "${device}"`],
    });
    const config = loadConfig(person.file, {});
    expect(loadSecrets(config, {}).get('auth0')?.current).toHaveLength(43);
    expect(config.warnings).toEqual([]);
    expect(person.files()).toEqual(['auth0-secret', 'simgate.toml', 'simgate.toml.bak']);
    expect(person.read('simgate.toml.bak')).toBe(example);
    for (const name of person.files()) expect(person.mode(name)).toBe(0o600);
    expect(said).not.toContain(person.read('auth0-secret').trim());
    for (const number of wholeNumbers) expect(said).not.toContain(number);
    expect(said).toContain(`simgate serve --config ${person.file}`);
    expect(said).toContain('--gateway-url https://YOUR.NAME/sms');
    expect(process.exitCode).toBeUndefined();
  });

  it('makes the whole file from options alone, without a terminal', async () => {
    const words = [
      '--device',
      'usb:12d1:1506',
      '--countries',
      'de,AT',
      '--caller',
      'token',
      '--subject',
      'shop',
    ];
    const said = await person.runsAsScript(
      ...words,
      '--audience',
      'sms',
      '--url',
      'sms.example.com',
    );
    const config = loadConfig(person.file, {});
    expect(config.modems).toMatchObject([{ name: 'main', device: 'usb:12d1:1506' }]);
    expect(config.auth0).toMatchObject({ subject: 'shop', audience: 'sms' });
    expect(config.policy.countries).toEqual(['DE', 'AT']);
    expect(person.files()).toEqual(['auth0-secret', 'simgate.toml']);
    expect(said).toContain('curl -i http://127.0.0.1:8080/sms');
    expect(said).toContain('posts to https://sms.example.com/sms');
    expect(said).not.toContain('auth0 setup');
  });

  it('takes with --yes what it would propose: the modem, and the country of the SIM', async () => {
    await person.plugEc25({ 'AT+CSCA?': ['+CSCA: "+4366012345678",145', 'OK'] });
    await person.runsAsScript('--yes');
    expect(loadConfig(person.file, {}).policy.countries).toEqual(['AT']);
    expect(person.read('simgate.toml')).toContain(
      '#countries = ["DE", "AT"]\ncountries = ["AT"]\n',
    );
  });

  it('does not take the example’s country for an answer', async () => {
    person.write(example);
    await person.plugEc25({ 'AT+CSCA?': ['+CSCA: "+4366012345678",145', 'OK'] });
    await person.runsAsScript('--yes');
    expect(loadConfig(person.file, {}).policy.countries).toEqual(['AT']);
  });

  it('asks again after an answer that cannot be', async () => {
    await person.plugEc25();
    const said = await person.runs([
      [/^Which one/, '7'],
      [/^Which one/, '1'],
      [/^The countries/, ' '],
      [/^The countries/, 'UK, DE'],
      [/^The countries/, 'gb, de'],
      [/^Who sends/, 'me'],
      [/^Who sends/, ' Token'],
      [/^The subject/, 'shop'],
      [/^Their audience/, ''],
      [/^Its public URL/, 'ftp://x'],
      [/^Its public URL/, 'http://192.168.1.2'],
      [/^Write this/, 'yse'],
      ...endingByEnter,
    ]);
    expect(said).toContain('" " must be two-letter codes, as DE, AT; * is every country');
    expect(said).toContain('"yse" must be y or n');
    expect(said).toContain('write "GB" (United Kingdom)');
    expect(said).toContain('must be auth0 or token');
    expect(said).toContain('the gateway URL is no URL');
    expect(said).toContain('not https');
    expect(loadConfig(person.file, {}).auth0).toMatchObject({
      subject: 'shop',
      audience: 'urn:simgate',
    });
  });

  it('changes nothing when the person says no, or only wants to look', async () => {
    person.write(example);
    await person.plugEc25();
    await person.runs([[/^Which one/, ''], ...restByEnter, [/^Write this/, 'n']]);
    await person.runsAsScript('--yes', '--dry-run', '--countries', 'FR');
    expect(person.files()).toEqual(['simgate.toml']);
    expect(person.read('simgate.toml')).toBe(example);
  });
});

describe('a second run', () => {
  const own = `# my gateway
[auth0] # as at Auth0
subject = "urn:Auth0"
audience = 'urn:mine'
secret_file = "auth0-secret"
policy.countries = [ "de" ]   # home
[[modem]]
  name = "main"
  device = "usb:2c7c:0125" # the white stick
`.replace('policy.countries', '[policy]\ncountries');

  beforeEach(() => {
    person.write(own);
    writeFileSync(join(person.folder, 'auth0-secret'), 'an-own-secret-of-more-than-32-octets\n', {
      mode: 0o600,
    });
  });

  it('changes the one thing that an option says, and nothing else', async () => {
    await person.runsAsScript('--countries', 'DE,FR');
    expect(person.read('simgate.toml')).toBe(own.replace('[ "de" ]', '["DE", "FR"]'));
    expect(person.read('auth0-secret')).toBe('an-own-secret-of-more-than-32-octets\n');
    expect(person.read('simgate.toml.bak')).toBe(own);
  });

  it('changes nothing when everything is answered with Enter', async () => {
    await person.plugEc25();
    const said = await person.runs([
      [/^Keep it\? \[Y\/n\] $/, ''],
      [/^The countries .*\[de\]: $/, ''],
      [/^Who sends.*\[auth0\]: $/, ''],
      [/^The subject.*\[urn:Auth0\]: $/, ''],
      [/^Their audience.*\[urn:mine\]: $/, ''],
      [/^Its public URL/, ''],
      [/^A number to send/, ''],
    ]);
    expect(said).toContain('Nothing is to be changed.');
    expect(person.read('simgate.toml')).toBe(own);
    expect(person.files()).toEqual(['auth0-secret', 'simgate.toml']);
  });

  it('adds a second modem, which is not the one that is configured', async () => {
    await person.plugEc25();
    const device = await person.plugE3372();
    const said = await person.runsAsScript('--yes', '--modem', 'backup');
    expect(said).not.toContain('Quectel EC25 (2c7c');
    expect(person.read('simgate.toml')).toBe(
      `${own}\n[[modem]]\nname = "backup"\ndevice = "${device}"\n`,
    );
  });

  it('leaves several modems alone unless one is named', async () => {
    const two = `${own}[[modem]]\nname = "backup"\ndevice = "/dev/backup"\n`;
    person.write(two);
    await person.runsAsScript('--audience', 'urn:new');
    expect(person.read('simgate.toml')).toBe(two.replace("'urn:mine'", '"urn:new"'));
    await expect(person.runsAsScript('--device', 'auto')).rejects.toThrow(
      '--modem: there is main, backup',
    );
    await person.runsAsScript('--device', 'auto', '--modem', 'backup');
    expect(person.read('simgate.toml')).toContain('name = "backup"\ndevice = "auto"\n');
  });

  it('says which line to change by hand where it cannot, and leaves no trace', async () => {
    const inline = own.replace(
      /\[auth0\][^[]*/,
      'auth0 = { subject = "s", audience = "a", secret_file = "auth0-secret" }\n',
    );
    person.write(inline);
    await expect(person.runsAsScript('--audience', 'urn:new')).rejects.toThrow(
      /line 2: auth0 is written on one line: write audience = "urn:new" into it/,
    );
    expect(person.read('simgate.toml')).toBe(inline);
    expect(person.files()).toEqual(['auth0-secret', 'simgate.toml']);
  });

  it('refuses a result that the daemon would refuse', async () => {
    const wrong = `${own}baudrate = 9600\n`;
    person.write(wrong);
    await expect(person.runsAsScript('--countries', 'FR')).rejects.toThrow(
      /simgate\.toml has a problem:\n.*baudrate/,
    );
    expect(person.read('simgate.toml')).toBe(wrong);
    expect(person.files()).toEqual(['auth0-secret', 'simgate.toml']);
  });

  it('does not write over what somebody else wrote meanwhile', async () => {
    const edited = `${own}# edited\n`;
    const script: Line[] = [
      [/^Keep it/, ''],
      [/^Who sends/, ''],
      [/^The subject/, ''],
      [/^Their audience/, ''],
      [/^Its public URL/, ''],
      [
        /^Write this/,
        () => {
          person.write(edited);
          return 'y';
        },
      ],
    ];
    await expect(person.runs(script, '--countries', 'FR')).rejects.toThrow('has changed meanwhile');
    expect(person.read('simgate.toml')).toBe(edited);
    expect(person.files()).toEqual(['auth0-secret', 'simgate.toml']);
  });
});

describe('a secret in the environment', () => {
  it('is left to the service, and no second one is made beside it', async () => {
    const own =
      '[auth0]\nsubject = "s"\naudience = "a"\n[policy]\ncountries = ["DE"]\n[[modem]]\nname = "main"\ndevice = "auto"\n';
    person.write(own);
    const said = await person.runsAsScript('--countries', 'FR');
    expect(said).toContain('must have SIMGATE_AUTH0_SECRET');
    expect(process.exitCode).toBeUndefined();
    expect(person.read('simgate.toml')).toBe(own.replace('DE', 'FR'));
    await person.runsAsScript('--secret-file', join(person.folder, 'made'));
    expect(person.read('made')).toHaveLength(44);
    expect(loadConfig(person.file, {}).auth0?.secretFile).toBe(join(person.folder, 'made'));
  });
});

describe('callers in tables of their own, without [auth0]', () => {
  const own = `# two systems
[[caller]]
name = "production"
kind = "auth0"
subject = "urn:Auth0"
audience = "urn:mine"
secret_file = "production-secret"
[[caller]]
name = "identity"
kind = "logto"
secret_file = "identity-secret"
template = "Your code is {code}"
[caller.templates]
de = "Ihr Code ist {code}"
[policy]
countries = ["DE"]
[[modem]]
name = "main"
device = "auto"
`;
  const names = ['production-secret', 'identity-secret'];

  beforeEach(() => {
    person.write(own);
    for (const name of names)
      writeFileSync(join(person.folder, name), `${name}-of-more-than-32-octets-0123\n`, {
        mode: 0o644,
      });
  });

  it('are left as they are, and nothing is asked about them', async () => {
    const said = await person.runsAsScript('--countries', 'FR');
    expect(person.read('simgate.toml')).toBe(own.replace('["DE"]', '["FR"]'));
    expect(loadConfig(person.file, {}).callers.map(({ name }) => name)).toEqual([
      'production',
      'identity',
    ]);
    expect(person.files()).toEqual([
      'identity-secret',
      'production-secret',
      'simgate.toml',
      'simgate.toml.bak',
    ]);
    expect(said).toContain('says who sends in tables [[caller]]: they stay as they are.');
    expect(said).toContain('passes /sms, /logto on to http://127.0.0.1:8080');
    expect(said).toContain(
      `simgate auth0 setup --config ${person.file} --gateway-url https://YOUR.NAME/sms`,
    );
    expect(said).toContain('docs/callers.md');
    expect(process.exitCode).toBeUndefined();
  });

  it('have their secret files made readable by nobody else', async () => {
    const said = await person.runsAsScript('--yes');
    for (const name of names) {
      expect(person.mode(name)).toBe(0o600);
      expect(said).toContain(`${join(person.folder, name)} can now be read by the service`);
    }
    expect(person.read('simgate.toml')).toBe(own);
  });

  it.each([
    ['--caller', 'auth0'],
    ['--audience', 'urn:new'],
    ['--secret-file', '/etc/simgate/other'],
  ])('are not changed by %s', async (...words) => {
    await expect(person.runsAsScript(...words)).rejects.toThrow(
      /tables \[\[caller\]\], which setup does not change: .*docs\/callers\.md/,
    );
    expect(person.read('simgate.toml')).toBe(own);
  });

  it('what is wrong with one is said, and leaves exit code 1', async () => {
    rmSync(join(person.folder, 'identity-secret'));
    expect(await person.runsAsScript('--yes')).toContain(
      'error: caller[1].secret_file: cannot be read',
    );
    expect(process.exitCode).toBe(1);
  });

  it('beside [auth0] they are left, and [auth0] is asked for as ever', async () => {
    const both = `[auth0]\nsubject = "urn:Auth0"\naudience = "a"\nsecret_file = "auth0-secret"\n${own}`;
    person.write(both);
    const said = await person.runsAsScript('--audience', 'urn:new');
    expect(person.read('simgate.toml')).toBe(
      both.replace('audience = "a"', 'audience = "urn:new"'),
    );
    expect(said).toContain(
      `simgate auth0 setup --config ${person.file} --caller auth0 --gateway-url`,
    );
  });
});

it('an IMEI is not shown whole', async () => {
  const said = await person.runsAsScript(
    '--device',
    'imei:867000000000069',
    '--countries',
    'DE',
    '--yes',
  );
  expect(`${said}${await person.runsAsScript()}`).not.toContain('867000000000069');
  expect(loadConfig(person.file, {}).modems[0]?.device).toBe('imei:867000000000069');
});
