import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterEach, expect, it } from 'vitest';
import { VirtualModem } from '../faults/virtual-modem.js';
import { run as command } from './command.js';
import { inPhase, lookMs, movedClocks, pass, webhook } from './moved-rig.js';
import { Receiver } from './receiver.js';
import { Rig } from './rig.js';

let rig: Rig | undefined;
const receiver = () => {
  const one = new Receiver();
  stops.push(() => one.stop());
  return one;
};
const stops: (() => void)[] = [];
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
  for (const stop of stops.splice(0)) stop();
});

const quick = '[alerts]\nname = "gate-1"\nno_modem_ready_s = 10\n';

const run = (...args: string[]) => command(rig!, ...args);

it('tells once that no modem is ready and once that it is over, over a restart and a receiver that refuses', {
  timeout: 180_000,
}, async () => {
  const phone = receiver();
  rig = await Rig.start([], quick + webhook(await phone.start()), { env: movedClocks() });
  /** Time goes by until that is so. */
  const passUntilIs = async (isSo: () => boolean) => {
    while (!isSo()) await pass(rig!, lookMs);
  };
  phone.mood = 'refuses';
  await rig.modem.control({ hangup: true, reattach_ms: 500_000 });
  await passUntilIs(() => phone.calls > 0);
  // Codes are refused at once while a receiver is dead: nobody waits for it.
  expect(await rig.post({})).toMatchObject({ status: 503 });
  const status = await run('alerts');
  expect(status.said).toMatch(/severe: no modem is ready, since /);
  expect(status.said).toMatch(/telephone +webhook: FAILING since .*: it answers 500/);
  await rig.daemon.end('SIGTERM');
  phone.mood = 'well';
  await rig.startDaemon();
  await passUntilIs(() => phone.was('raised', 'no_modem_ready'));
  await rig.daemon.end('SIGTERM');
  await rig.startDaemon();
  const ready = inPhase(rig, 'ready');
  await rig.modem.stop();
  rig.modem = await VirtualModem.start(rig.folder, 'modem', []);
  await ready;
  await passUntilIs(() => phone.was('cleared', 'no_modem_ready'));
  const own = phone.told.filter(({ kind }) => kind === 'no_modem_ready');
  expect(own.map(({ state }) => state)).toEqual(['raised', 'cleared']);
  expect(new Set(own.map(({ id }) => id)).size).toBe(1);
  expect(own[0]?.text).toContain('What to do: ');
  const page = (await (await fetch(`http://127.0.0.1:${rig.adminPort}/status.json`)).json()) as {
    alerts: { open: unknown[]; ways: unknown[] };
  };
  expect(page.alerts).toMatchObject({ open: [], ways: [{ name: 'telephone', ok: true }] });
});

it('tests each way: a webhook, a mail over SMTP, an SMS through its own modem, and the heartbeat', {
  timeout: 120_000,
}, async () => {
  const phone = receiver();
  const heart = receiver();
  const mails: string[] = [];
  const relay = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    onData(stream, _, done) {
      let mail = '';
      stream.setEncoding('utf8').on('data', (text: string) => (mail += text));
      stream.on('end', () => {
        mails.push(mail);
        done();
      });
    },
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  stops.push(() => relay.close());
  const { port } = relay.server.address() as AddressInfo;
  rig = await Rig.start(
    [],
    `[alerts]\nname = "gate-1"\nheartbeat_url = "${await heart.start()}"\n${webhook(await phone.start())}` +
      `[alerts.mail]\nrelay = "127.0.0.1:${port}"\ntls = "off"\nfrom = "simgate@example.com"\nto = ["ops@example.com"]\n` +
      '[alerts.sms]\nto = ["+4915112345678"]\nper_day = 2\n',
  );
  const first = await run('alerts', 'test');
  expect(first.said).toMatch(
    /^telephone \(webhook\): told in .*\nmail \(mail\): told in .*\nsms \(sms\): told in .*\nheartbeat \(heartbeat\): told in /,
  );
  expect(first.code).toBe(0);
  expect(phone.told).toMatchObject([{ state: 'test' }]);
  expect(heart.calls).toBe(1);
  expect(mails[0]).toMatch(/^Subject: gate-1: a test of the alerts/m);
  expect(rig.texts()).toEqual([expect.stringMatching(/^simgate gate-1: a test of the alerts\./)]);
  phone.mood = 'refuses';
  const second = await run('alerts', 'test', '--way', 'telephone');
  expect(second).toEqual({
    said: 'telephone (webhook): NOT told: it answers 500 (out of order)\n',
    code: 1,
  });
  await run('alerts', 'test', '--way', 'sms');
  // Its own budget is used up; a login goes out all the same.
  const third = await run('alerts', 'test', '--way', 'sms');
  expect(third.said).toMatch(
    /NOT told: the SMS to \+49…78 was not sent: rate_limited \(per_caller/,
  );
  expect(await rig.post({ recipient: '+4915112345679' })).toMatchObject({ status: 200 });
  const strange = await run('alerts', 'test', '--way', 'pigeon');
  expect(strange.said).toContain('there is no way "pigeon": there is telephone, mail, sms');
  expect(rig.raw).not.toContain('15112345678');
});

it('a receiver that hangs holds no code up', { timeout: 60_000 }, async () => {
  const phone = receiver();
  phone.mood = 'hangs';
  rig = await Rig.start([], `[alerts]\n${webhook(await phone.start())}`);
  const test = run('alerts', 'test');
  await phone.until(() => phone.calls > 0);
  expect(await rig.post({})).toMatchObject({ status: 200 });
  expect((await test).said).toMatch(/NOT told: it did not answer within 10 s/);
});

it('does not start with an alert number that the policy would refuse, and check-config says so', async () => {
  rig = await Rig.start();
  const extra = '[alerts.sms]\nto = ["+15005550006"]\n[policy]\ncountries = ["DE"]\n';
  writeFileSync(rig.configFile, rig.config(rig.modem.link, 'state', extra));
  const { said, code } = await run('check-config');
  expect(said).toContain('warning: alerts.sms is the only way');
  expect(said).toMatch(/alerts\.sms\.to\[0\]: would be refused by the policy: numbers of /);
  expect(code).toBe(78);
  const serve = await run('serve');
  expect(serve.said).toMatch(/alerts\.sms\.to\[0\]/);
  expect(serve.code).toBe(78);
});
