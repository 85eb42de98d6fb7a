import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { Rig } from './rig.js';

const run = promisify(execFile);
const cli = join(import.meta.dirname, '../../dist/cli.js');

let rig: Rig;
afterEach(() => rig.stop());

const command = async (...args: string[]) => {
  const { stdout, stderr } = await run(process.execPath, [
    cli,
    ...args,
    ...(args[0] === 'check-config' ? [] : ['--config', rig.configFile]),
  ]).catch((error: unknown) => error as { stdout: string; stderr: string });
  return stdout + stderr;
};

const change = (from: RegExp, to: string): void => {
  const text = readFileSync(rig.configFile, 'utf8');
  expect(text).toMatch(from);
  writeFileSync(rig.configFile, text.replace(from, to));
};

test('what a reload brings is in force everywhere: a session’s trace, doctor’s deadline', async () => {
  rig = await Rig.start(['--submit-latency', '2500'], '[message]\ndeadline_s = 20');
  await rig.daemon.end('SIGTERM');
  change(/level = "debug"/, 'level = "info"');
  const from = rig.log.length;
  await rig.startDaemon();
  await rig.until((line) => line.phase === 'ready', from);
  expect(rig.log.slice(from).some(({ event }) => event === 'at')).toBe(false);

  change(/level = "info"/, 'level = "debug"');
  change(/deadline_s = 20/, 'deadline_s = 1');
  expect(await command('reload')).toContain('anew');
  const reloaded = rig.log.length;
  // The modem takes 2.5 s: within the deadline of before, over that of now.
  expect(await command('doctor', '--send', '+4915112345678')).toContain('may or may not arrive');
  expect(rig.log.slice(reloaded).some(({ event }) => event === 'at')).toBe(true);
  expect(rig.log.slice(reloaded).some(({ phase }) => phase === 'opening')).toBe(false);
});

const homeSecret = 'the-secret-of-home-0123456789abcdef-0123456789abcdef';
const newSecret = 'the-new-secret-of-home-0123456789abcdef-0123456789ab';
const writeSecret = (text: string) =>
  writeFileSync(join(rig.folder, 'home-secret'), text, { mode: 0o600 });
const home = (keys = '') =>
  `[[caller]]\nname = "home"\nkind = "bearer"\npath = "/home"\nsecret_file = "home-secret"\n${keys}\n[policy]`;

interface HomeAnswer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

async function postHome(body: string, token = homeSecret): Promise<HomeAnswer> {
  const answer = await fetch(`http://127.0.0.1:${rig.port}/home`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ recipient: '+4915112345678', body }),
  });
  const { status, headers } = answer;
  return { status, headers, body: (await answer.json()) as Record<string, unknown> };
}

test('a caller comes, changes and goes, while the messages of others stay on their way', async () => {
  rig = await Rig.start(['--submit-latency', '2000']);
  writeSecret(homeSecret);
  const reload = async () => expect(await command('reload')).toContain('anew');

  // It comes while a message of another is in the modem.
  const first = rig.post({ body: 'first' });
  await rig.until((line) => line.event === 'at' && String(line.message).includes('AT+CMGS'));
  expect((await postHome('too early')).status).toBe(404);
  change(/\[policy\]/, home());
  await reload();
  expect(await postHome('by home')).toMatchObject({ status: 200 });
  expect(await first).toMatchObject({ status: 200 });
  expect(await command('token', '--caller', 'home')).toBe(`${homeSecret}\n`);
  expect(await command('check-config', rig.configFile)).toContain(
    'caller "home" (bearer): POST /home is answered within 25 s',
  );

  // Its terms: a repeat is one, until it is no longer.
  expect((await postHome('by home')).headers.get('idempotent-replayed')).toBe('true');
  change(/path = "\/home"/, 'path = "/home"\nrepeats_s = 0\ndeadline_s = 1\non_slow = "202"');
  await reload();
  const promised = await postHome('by home');
  expect(promised.status).toBe(202);
  expect(await command('policy', 'explain', '+43664123456', '--caller', 'home')).toContain(
    'a message would be let in',
  );
  change(/path = "\/home"/, 'path = "/home"\ncountries = ["DE"]');
  await reload();
  expect(await command('policy', 'explain', '+43664123456', '--caller', 'home')).toContain(
    'refused, recipient_not_allowed',
  );
  expect(await command('policy', 'explain', '+43664123456', '--caller', 'auth0')).toContain(
    'a message would be let in',
  );
  expect(await command('policy', 'explain', '+43664123456', '--caller', 'nobody')).toContain(
    'there is no caller "nobody": there is auth0, home',
  );

  // Its secret, and not that of the other.
  writeSecret(newSecret);
  await reload();
  expect((await postHome('with the old one')).status).toBe(401);
  const last = await postHome('with the new one', newSecret);
  expect(last.status).toBe(202);

  // It goes, and what it was promised is sent all the same.
  change(/\[\[caller\]\][^[]*(?:\["DE"\][^[]*)?/, '');
  await reload();
  expect((await postHome('too late', newSecret)).status).toBe(404);
  await expect
    .poll(() => rig.texts(), { timeout: 15_000 })
    .toEqual(['first', 'by home', 'by home', 'with the new one']);
  expect(await rig.post({ body: 'last' })).toMatchObject({ status: 200 });
  expect(rig.log.filter(({ phase }) => phase === 'opening')).toHaveLength(1);
  for (const hidden of [homeSecret, newSecret]) expect(rig.raw).not.toContain(hidden);
});

test('a reload that cannot be taken up names why, and brings no caller', async () => {
  rig = await Rig.start();
  change(/\[policy\]/, home());
  expect(await command('reload')).toMatch(/caller\[0\]\.secret_file.*there is no such file/);
  expect((await postHome('x')).status).toBe(404);
  writeSecret(homeSecret);
  change(/^state_dir = /m, 'recovery_drop_dir = "elsewhere"\nstate_dir = ');
  expect(await command('reload')).toMatch(
    /recovery_drop_dir cannot change while simgate runs: restart it\. Nothing was changed/,
  );
  expect((await postHome('x')).status).toBe(404);
  change(/^recovery_drop_dir.*\n/m, '');
  expect(await command('reload')).toContain('anew');
  expect((await postHome('x')).status).toBe(200);
  expect(await rig.post({})).toMatchObject({ status: 200 });
});
