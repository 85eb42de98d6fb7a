import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createLogger, transports } from 'winston';
import { Clock } from '../../src/clock/clock.js';
import { loadConfig, loadSecrets } from '../../src/config/config.js';
import { Clients } from '../../src/daemon/clients.js';

test('alerts are cut to what a message may have, whatever their caller says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-clients-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'secret'), 's'.repeat(40), { mode: 0o600 });
  writeFileSync(
    join(folder, 'simgate.toml'),
    `[[caller]]
name = "alerts"
kind = "alerts"
secret_file = "secret"
recipients = ["+4915112345678"]
max_segments = 5
[message]
max_segments = 2
[policy]
countries = ["DE"]
[[modem]]
name = "main"
device = "/dev/null"
`,
  );
  const config = loadConfig(join(folder, 'simgate.toml'), {});
  const secrets = loadSecrets(config, {});
  const log = createLogger({ transports: [new transports.Console({ silent: true })] });
  const file = join(folder, 'clock');
  const clock = await Clock.open({ file, log, isSynchronised: () => Promise.resolve(undefined) });
  onTestFinished(() => clock.close());
  const clients = new Clients({ clock, log, config: () => config, secrets: () => secrets });
  const [{ caller }] = (await clients.make(config, secrets)) as unknown as [{ caller: Reads }];
  const body = { status: 'firing', title: 'x'.repeat(2000) };
  const [message] = caller.read(Buffer.from(JSON.stringify(body)), {});
  // Both brackets are of the extension table and take two septets; one is kept for where it parts.
  expect(message!.text).toHaveLength(2 * 153 - 2 - 1);
});

interface Reads {
  read(body: Uint8Array, headers: object): { text: string }[];
}
