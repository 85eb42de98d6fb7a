/** Alerts by e-mail as the whole daemon writes them, to a relay on a real socket. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { run } from '../e2e/command.js';
import { hold, movedClocks, pass, reload, status } from '../e2e/moved-rig.js';
import { Rig } from '../e2e/rig.js';

const password = 'open-sesame-of-the-relay';
const folder = mkdtempSync(join(tmpdir(), 'simgate-mail-'));
const inFolder = (name: string) => join(folder, name);
const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'pipe' });

/** Of an authority of the test's own. */
function certify(name: string, subject: string, days: string): void {
  const [key, request] = [inFolder(`${name}.key`), inFolder(`${name}.csr`)];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'];
  openssl('req', ...kind, '-subj', '/CN=relay', '-keyout', key, '-out', request);
  writeFileSync(inFolder('names'), `subjectAltName=${subject}\n`);
  const signer = ['-CA', inFolder('ca.pem'), '-CAkey', inFolder('ca.key'), '-CAcreateserial'];
  const out = ['-extfile', inFolder('names'), '-out', inFolder(`${name}.pem`), '-days', days];
  openssl('x509', '-req', '-in', request, ...signer, ...out);
}

beforeAll(() => {
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'];
  const out = ['-keyout', inFolder('ca.key'), '-out', inFolder('ca.pem'), '-days', '9'];
  openssl('req', '-x509', ...kind, '-subj', '/CN=An authority of one', ...out);
  certify('good', 'IP:127.0.0.1', '9');
  certify('foreign', 'DNS:elsewhere.example', '9');
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Taken {
  text: string;
  to: string[];
  isEncrypted: boolean;
  user: unknown;
}

const closes: (() => void)[] = [];
let rig: Rig;
afterEach(async () => {
  for (const close of closes.splice(0)) close();
  await rig.stop();
});

/** A relay that takes mail over TLS and from `simgate` only, and what it took. */
async function relay(options: SMTPServerOptions = {}, certificate = 'good') {
  const mails: Taken[] = [];
  const server = new SMTPServer({
    logger: false,
    key: readFileSync(inFolder(`${certificate}.key`)),
    cert: readFileSync(inFolder(`${certificate}.pem`)),
    onAuth: (shown, _, done) =>
      shown.username === 'simgate' && shown.password === password
        ? done(null, { user: shown.username })
        : done(new Error('535 no such user')),
    onData(stream, session, done) {
      let text = '';
      stream.setEncoding('utf8').on('data', (part: string) => (text += part));
      stream.on('end', () => {
        const to = session.envelope.rcptTo.map(({ address }) => address);
        mails.push({ text, to, isEncrypted: session.secure, user: session.user });
        done();
      });
    },
    ...options,
  });
  // One that trusts it not ends the handshake.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closes.push(() => server.close(() => undefined));
  return { port: (server.server.address() as AddressInfo).port, mails };
}

const mailTo = (port: number, tls = 'starttls') =>
  `[alerts.mail]\nrelay = "127.0.0.1:${port}"\ntls = "${tls}"\nfrom = "simgate@example.com"\n` +
  'to = ["ops@example.com", "night@example.com"]\nusername = "simgate"\npassword_file = "relay"\n';

async function start(config: string, shown = password, trust = true): Promise<void> {
  const known = trust ? { NODE_EXTRA_CA_CERTS: inFolder('ca.pem') } : {};
  const env = { ...movedClocks(), ...known };
  rig = await Rig.start([], config, { env, files: { relay: `${shown}\n` } });
}

/** Reads its configuration with another relay in it. */
async function turnTo(was: number, port: number, tls?: string): Promise<void> {
  const text = readFileSync(rig.configFile, 'utf8');
  writeFileSync(rig.configFile, text.replace(mailTo(was), mailTo(port, tls)));
  await reload(rig);
}

const beSuspect = async () => {
  await rig.modem.control({ fault: 'cms:50', submits: 3 });
  for (let n = 0; n < 3; n += 1) await rig.post({ recipient: `+49151100000${n}` });
};

it('an alert goes over STARTTLS and TLS, to a relay that is shown the password', async () => {
  const upgraded = await relay();
  await start(mailTo(upgraded.port));
  await beSuspect();
  await hold(rig, 0);
  await expect.poll(() => upgraded.mails.length).toBe(1);
  expect(upgraded.mails[0]).toMatchObject({
    to: ['ops@example.com', 'night@example.com'],
    isEncrypted: true,
    user: 'simgate',
    text: expect.stringMatching(/^Subject: .*the SIM of main is suspect/m) as string,
  });
  const encrypted = await relay({ secure: true });
  await turnTo(upgraded.port, encrypted.port, 'tls');
  expect(await run(rig, 'alerts', 'test', '--way', 'mail')).toMatchObject({ code: 0 });
  expect(encrypted.mails).toMatchObject([{ isEncrypted: true, user: 'simgate' }]);
});

it('a relay that greylists is asked again, and told once', async () => {
  let isFirst = true;
  const { port, mails } = await relay({
    onRcptTo(_address, _session, done) {
      if (!isFirst) return done();
      done(Object.assign(new Error('4.2.0 Greylisted, come back later'), { responseCode: 451 }));
    },
  });
  await start(mailTo(port));
  await beSuspect();
  await hold(rig, 0);
  const way = async () => (await status(rig)).alerts.ways.find(({ name }) => name === 'mail');
  await expect
    .poll(way)
    .toMatchObject({ ok: false, waiting: 1, why: expect.stringMatching(/Greylisted/) as string });
  isFirst = false;
  await pass(rig, 90_000);
  await expect.poll(way).toMatchObject({ ok: true, waiting: 0 });
  await hold(rig, 90_000);
  expect(mails).toHaveLength(1);
});

it('a relay that refuses the password, or has the certificate of another, is named without it', async () => {
  const { port, mails } = await relay();
  await start(mailTo(port), `not-${password}`);
  const refused = await run(rig, 'alerts', 'test', '--way', 'mail');
  expect(refused.code).not.toBe(0);
  expect(refused.said).toContain('the relay refuses user and password');
  const foreign = await relay({}, 'foreign');
  await turnTo(port, foreign.port);
  const other = await run(rig, 'alerts', 'test', '--way', 'mail');
  expect(other.said).toContain('its certificate is for another name');
  expect([...mails, ...foreign.mails]).toEqual([]);
  expect(rig.raw + refused.said + other.said).not.toContain(password);
});

it('a relay whose certificate nobody known has signed is not shown the password', async () => {
  let isShown = false;
  const { port, mails } = await relay({
    onAuth(_shown, _, done) {
      isShown = true;
      done(null, { user: 'anybody' });
    },
  });
  await start(mailTo(port), password, false);
  const test = await run(rig, 'alerts', 'test', '--way', 'mail');
  expect(test.said).toContain('its certificate is signed by nobody who is known');
  expect(test.said).toContain('NODE_EXTRA_CA_CERTS');
  expect(mails).toEqual([]);
  expect(isShown).toBe(false);
});
