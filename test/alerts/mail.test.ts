import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterAll, afterEach, expect, it } from 'vitest';
import { mailWay } from '../../src/alerts/mail.js';
import type { MailConfig } from '../../src/config/alert-settings.js';
import { notice } from './support.js';

const folder = mkdtempSync(join(tmpdir(), 'simgate-mail-'));
afterAll(() => rmSync(folder, { recursive: true }));
const passwordFile = join(folder, 'password');
writeFileSync(passwordFile, 'open-sesame-of-the-relay\n');

let close: (() => void) | undefined;
afterEach(() => close?.());

/** A relay, and the mails that it took. */
async function relay(options: SMTPServerOptions = {}): Promise<{ port: number; mails: string[] }> {
  const mails: string[] = [];
  const server = new SMTPServer({
    logger: false,
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, session, done) {
      let mail = `to ${session.envelope.rcptTo.map(({ address }) => address).join()}\n`;
      stream.setEncoding('utf8').on('data', (text: string) => (mail += text));
      stream.on('end', () => {
        mails.push(mail);
        done();
      });
    },
    ...options,
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => server.close();
  return { port: (server.server.address() as AddressInfo).port, mails };
}

const deliver = (
  more: Partial<MailConfig> & { port?: number },
  signal = new AbortController().signal,
) =>
  mailWay({
    config: {
      relay: { host: '127.0.0.1', port: more.port ?? 1 },
      tls: 'off',
      from: 'simgate@example.com',
      to: ['ops@example.com', 'night@example.com'],
      username: undefined,
      passwordFile: undefined,
      onlySevere: false,
      ...more,
    },
    box: () => 'Gerät 1',
  }).deliver(notice(), signal);

it('writes to everybody who is named, and nobody answers by a machine', async () => {
  const { port, mails } = await relay();
  await deliver({ port });
  expect(mails).toHaveLength(1);
  expect(mails[0]).toContain('to ops@example.com,night@example.com');
  expect(mails[0]).toMatch(/^Subject: =\?UTF-8\?.*\?=/m);
  expect(mails[0]).toMatch(/^Auto-Submitted: auto-generated/m);
  expect(mails[0]).toContain('What to do: do what the sentence says.');
});

it('shows user and password to the relay', async () => {
  let shown: string[] = [];
  const { port, mails } = await relay({
    allowInsecureAuth: true,
    onAuth({ username, password }, _, done) {
      shown = [`${username}`, `${password}`];
      done(null, { user: 'simgate' });
    },
  });
  await deliver({ port, username: 'simgate', passwordFile });
  expect(shown).toEqual(['simgate', 'open-sesame-of-the-relay']);
  expect(mails).toHaveLength(1);
});

it.each<[string, SMTPServerOptions, Partial<MailConfig>, RegExp]>([
  [
    'refuses the password',
    { allowInsecureAuth: true, onAuth: (_, __, done) => done(new Error('no')) },
    { username: 'simgate', passwordFile },
    /^the relay refuses user and password/,
  ],
  [
    'refuses who is written to',
    {
      onRcptTo: (_, __, done) =>
        done(Object.assign(new Error('unknown here'), { responseCode: 550 })),
    },
    {},
    /^the relay refuses it .*550/,
  ],
  ['has no STARTTLS', {}, { tls: 'starttls' }, /STARTTLS/],
  [
    'has a certificate of another time',
    { disabledCommands: [] },
    { tls: 'starttls' },
    /certificate has expired/,
  ],
])('a relay that %s is a failure, said without a secret', async (_, options, config, why) => {
  const { port, mails } = await relay({ ...options });
  const failed = (await deliver({ port, ...config }).catch((error: unknown) => error)) as Error;
  expect(failed.name).toBe('NotTaken');
  expect(failed.message).toMatch(why);
  expect(failed.message).not.toContain('open-sesame');
  expect(mails).toEqual([]);
});

it('says so when nobody listens', async () => {
  await expect(deliver({ port: 1 })).rejects.toThrow(/^nobody listens there$/);
});

it('gives up a relay that says nothing when it is told to', async () => {
  const silent: Server = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  close = () => silent.close();
  const stop = new AbortController();
  const connected = new Promise((resolve) => silent.once('connection', resolve));
  const told = deliver({ port: (silent.address() as AddressInfo).port }, stop.signal);
  await connected;
  stop.abort();
  await expect(told).rejects.toThrow(/^simgate was stopped$/);
});

it('calls nobody once it is told to stop', async () => {
  const { port, mails } = await relay();
  await expect(deliver({ port }, AbortSignal.abort())).rejects.toThrow(/^simgate was stopped$/);
  expect(mails).toEqual([]);
});
