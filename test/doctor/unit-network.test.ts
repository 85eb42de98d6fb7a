import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config/config.js';
import { judgeUnitNetwork } from '../../src/doctor/unit-network.js';
import { configHead } from '../config-text.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-unit-network-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** Of a unit of which systemctl says this; undefined: there is no systemd. */
async function forbidden(said: string | undefined, extra: string): Promise<string[]> {
  writeFileSync(join(folder, 'systemctl'), `#!/bin/sh\nprintf '${said}'\n`, { mode: 0o755 });
  if (said === undefined) rmSync(join(folder, 'systemctl'));
  vi.stubEnv('PATH', said === undefined ? folder : `${folder}:/usr/bin:/bin`);
  writeFileSync(join(folder, 'secret'), 'x1'.repeat(30), { mode: 0o600 });
  const file = join(folder, 'simgate.toml');
  writeFileSync(
    file,
    `policy.countries = ["DE"]\n${configHead({})}${extra}\n[[modem]]\nname = "main"\ndevice = "auto"\n`,
  );
  const findings = await judgeUnitNetwork(loadConfig(file, {}));
  for (const { remedy } of findings) expect(remedy).toContain('IPAddressAllow=any');
  return findings.map(({ what }) => what.split(' names another machine')[0] ?? '');
}

const shipped = 'IPAddressAllow=127.0.0.0/8 ::1/128\\nIPAddressDeny=0.0.0.0/0 ::/0\\n';
const hook = (url: string) => `[[alerts.webhook]]\nname = "a"\nurl = "${url}"\n`;
const everything = `[alerts]\nheartbeat_url = "https://192.0.2.7/x"\n${hook('https://192.0.2.8/x')}[alerts.mail]\nrelay = "192.0.2.9"\nfrom = "a@b"\nto = ["c@d"]\n[inbound]\nurl = "https://[2001:db8::1]/x"\nsecret_file = "secret"\n`;
const all = ['alerts.webhook "a"', 'alerts.heartbeat_url', 'inbound.url', 'alerts.mail.relay'];

it.each<[string, string | undefined, string, string[]]>([
  ['the shipped unit keeps from every other machine', shipped, everything, all],
  [
    'this machine is let',
    shipped,
    hook('http://127.0.0.1:9/x') + hook('http://[::1]:9/x').replace('"a"', '"b"'),
    [],
  ],
  ['a name of this machine is let', shipped, hook('http://localhost:9/x'), []],
  [
    'a drop-in lets all',
    `IPAddressAllow=0.0.0.0/0 ::/0 127.0.0.0/8\\nIPAddressDeny=0.0.0.0/0 ::/0\\n`,
    everything,
    [],
  ],
  [
    'a drop-in lets one',
    `IPAddressAllow=192.0.2.8/32 127.0.0.0/8\\nIPAddressDeny=0.0.0.0/0 ::/0\\n`,
    everything,
    all.slice(1),
  ],
  ['a unit that forbids nothing', 'IPAddressAllow=\\nIPAddressDeny=\\n', everything, []],
  ['no systemd', undefined, everything, []],
])('%s', async (_, said, extra, keys) => {
  expect(await forbidden(said, extra)).toEqual(keys);
});

it('an address in a file is looked at, and not told', async () => {
  writeFileSync(join(folder, 'url'), 'https://192.0.2.7/T0/secret\n', { mode: 0o600 });
  const extra = '[[alerts.webhook]]\nname = "slack"\nshape = "slack"\nurl_file = "url"\n';
  expect(await forbidden(shipped, extra)).toEqual(['alerts.webhook "slack"']);
});
