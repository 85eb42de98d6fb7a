import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.js';
import { fileSchema } from '../../src/config/schema.js';
import { keysByTable } from '../../src/config/table.js';

const example = readFileSync(new URL('../../config/simgate.example.toml', import.meta.url), 'utf8');
/** With every line in force that is a setting left out. */
const everyKey = example.replace(/^#(?=[a-z]|\[)/gm, '');

const directory = mkdtempSync(join(tmpdir(), 'simgate-example-'));
afterAll(() => rmSync(directory, { recursive: true }));

const auth0 =
  'policy.countries = ["DE"]\n[auth0]\nsubject = "urn:Auth0"\naudience = "urn:MySmsGateway"\n';
const modem = '[[modem]]\nname = "main"\ndevice = "/dev/ttyUSB2"\n';

function load(toml: string) {
  const file = join(directory, 'simgate.toml');
  writeFileSync(file, toml);
  return loadConfig(file, {});
}

/** What has a value: a default, or what must be given. */
function defined(settings: object): object {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

/** Keys that cannot stand beside the one that is shown; its comment has them. */
const instead: Readonly<Record<string, string>> = {
  'alerts.heartbeat_url_file': 'heartbeat_url',
  'alerts.webhook.url_file': 'url',
  'alerts.webhook.chat_id': 'shape',
  'alerts.webhook.template': 'shape',
  'modem.credit.sms_to': 'ussd',
  'modem.credit.sms_text': 'ussd',
  'modem.credit.sms_from': 'ussd',
};

/** The table of that path, the first of several. */
function tableIn(file: object, path: string): object {
  let table: unknown = file;
  for (const key of path === '' ? [] : path.split('.')) {
    const value: unknown = (table as Record<string, unknown>)[key];
    table = Array.isArray(value) ? value[0] : value;
  }
  return table as object;
}

describe('the example', () => {
  it('is valid as it stands and says only what must be said', () => {
    const config = load(example);
    const bare = load(`${auth0}secret_file = "/etc/simgate/auth0-secret"\n${modem}`);
    const [own, other] = [config.modems[0]!, bare.modems[0]!];
    expect({
      ...config,
      modems: [{ ...own, device: other.device, selector: other.selector }],
    }).toEqual(bare);
  });

  it('is valid with every line uncommented, and shows the defaults where there are any', () => {
    const config = load(everyKey);
    const bare = load(auth0 + modem);
    const { limits, lockOutFirstMs, lockOutLongestMs, coolDownRecipientMs, coolDownBlockMs } =
      bare.policy;
    expect(config).toMatchObject({
      stateDir: bare.stateDir,
      http: { listen: bare.http.listen },
      admin: { listen: bare.admin.listen },
      control: bare.control,
      auth0: defined(bare.auth0!),
      modems: [
        defined({ ...bare.modems[0], device: undefined, selector: undefined, caps: undefined }),
      ],
      journal: bare.journal,
      policy: { limits, lockOutFirstMs, lockOutLongestMs, coolDownRecipientMs, coolDownBlockMs },
      message: bare.message,
      log: bare.log,
    });
  });

  it('shows every key of the schema', () => {
    const shown = parse(everyKey);
    const known = keysByTable(fileSchema(directory, {}));
    expect(known.size).toBe(19);
    for (const [name, keys] of known) {
      const others = Object.keys(instead).filter((key) => key.replace(/\.\w+$/, '') === name);
      const written = [
        ...Object.keys(tableIn(shown, name)),
        ...others.map((key) => key.slice(name.length + 1)),
      ];
      expect(written.sort(), name).toEqual(keys.toSorted());
    }
    for (const key of Object.keys(instead))
      expect(example).toMatch(new RegExp(`^# .*\\b${key.replace(/.*\./, '')} = `, 'm'));
  });
});
