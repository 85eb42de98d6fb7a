/**
 * What the daemon remembers over a restart, what it tells of it, and what it takes up while it
 * runs.
 */

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { mintToken } from '../../src/secret/token.js';
import { openPolicy } from '../config-text.js';
import { Rig, secret } from './rig.js';

const run = promisify(execFile);
const cli = join(import.meta.dirname, '../../dist/cli.js');

let rig: Rig;
afterEach(() => rig.stop());

const keyed = (key: string) => ({ headers: { 'idempotency-key': key } });
const policy = (lines: string) => `${openPolicy.replace(/^per_recipient.*$/m, '')}${lines}\n`;

/** A command of the command line, asked of the rig's daemon. */
async function ask(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const all = [cli, ...args, '--config', rig.configFile];
  try {
    const { stdout, stderr } = await run(process.execPath, all);
    return { code: 0, out: stdout, err: stderr };
  } catch (thrown) {
    const { code, stdout, stderr } = thrown as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

/** Ends the daemon so, and starts it again. */
async function restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const from = rig.log.length;
  await rig.daemon.end(signal);
  await rig.startDaemon();
  await rig.until((line) => line.event === 'modem' && line.phase === 'ready', from);
}

describe.each(['SIGTERM', 'SIGKILL'] as const)('after %s', (signal) => {
  test('a repeat is told what became of the message, and limits and caps go on counting', async () => {
    rig = await Rig.start([], `per_day = 4\n${policy('per_recipient = "2 in 10 min"')}`);
    const first = await rig.post({ body: 'code 1' }, keyed('a'));
    expect(first.status).toBe(200);
    await rig.modem.control({ fault: 'cms:21' });
    expect((await rig.post({ body: 'code 2' }, keyed('b'))).status).toBe(502);
    expect((await rig.post({ body: 'to another', recipient: '+4915112345600' })).status).toBe(200);
    await restart(signal);
    const again = await rig.post({ body: 'code 1' }, keyed('a'));
    expect(again).toEqual({ status: 200, body: expect.objectContaining({ id: first.body.id }) });
    const reused = await rig.post({ body: 'code 9' }, keyed('a'));
    expect(reused).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused', submitted: 'no' },
    });
    // Two went to this number, one of them refused by the network: it is at its limit.
    expect(await rig.post({ body: 'code 3' })).toMatchObject({
      status: 429,
      body: { code: 'rate_limited' },
    });
    // Two segments were sent within the day, of four.
    const long = await rig.post({ body: 'x'.repeat(400), recipient: '+4915112345601' });
    expect(long).toMatchObject({ status: 503, body: { code: 'sim_cap_reached', submitted: 'no' } });
    expect(rig.texts()).toEqual(['code 1', 'to another']);
  });
});

test('a message that was cut off by SIGKILL is unknown, and not sent again for its key', async () => {
  rig = await Rig.start(['--submit-latency', '3000']);
  const cut = rig.post({ body: 'code 1' }, keyed('a')).catch(() => 'cut');
  await expect.poll(() => rig.modem.record().some(({ kind }) => kind === 'ctrl_z')).toBe(true);
  await restart('SIGKILL');
  expect(await cut).toBe('cut');
  const again = await rig.post({ body: 'code 1' }, keyed('a'));
  expect(again).toMatchObject({
    status: 504,
    body: { code: 'outcome_unknown', submitted: 'unknown' },
  });
  expect(rig.texts().filter((text) => text === 'code 1').length).toBeLessThanOrEqual(1);
  expect((await ask('log')).out).toMatch(/ 504 .*outcome_unknown/);
});

describe('the journal', () => {
  test('is shown by `simgate log`, and holds no text, number, key or address', async () => {
    rig = await Rig.start();
    await rig.post(
      { body: 'secret text 417093', req: { ip: '203.0.113.77' } },
      keyed('secret-key'),
    );
    await rig.modem.control({ fault: 'cms:21' });
    await rig.post({ body: 'secret text 417094', recipient: '+4915112340001' });
    const all = await ask('log', '--json');
    const rows = all.out.trim().split('\n');
    expect(rows.map((row) => JSON.parse(row) as object)).toMatchObject([
      { status: 200, recipient: '+49…78', modem: 'main', country: 'DE', segments: 1 },
      { status: 502, recipient: '+49…01', code: 'network_refused' },
    ]);
    expect((await ask('log', '--json', '--to', '+4915112340001')).out.trim()).toBe(rows[1]);
    expect((await ask('log', '--json', '--status', '200', '--since', '5m')).out.trim()).toBe(
      rows[0],
    );
    expect(await ask('log', '--since', 'yesterday')).toMatchObject({ code: 1 });
    await rig.daemon.end('SIGTERM');
    const state = join(rig.folder, 'state');
    const bytes = readdirSync(state, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => readFileSync(join(state, name), 'latin1'))
      .join('');
    expect(bytes).toContain('network_refused');
    for (const word of ['417093', '417094', '5112345678', '5112340001', 'secret', '203.0.113'])
      expect(bytes).not.toContain(word);
  });

  test('that cannot be opened is loud, and messages go out without it', async () => {
    rig = await Rig.start();
    await rig.daemon.end('SIGTERM');
    writeFileSync(
      join(rig.folder, 'state', 'journal.db'),
      'this is no database, and longer than a page '.repeat(200),
    );
    const from = rig.log.length;
    await rig.startDaemon();
    await rig.until((line) => line.event === 'modem' && line.phase === 'ready', from);
    expect(
      rig.log.slice(from).find(({ event, level }) => event === 'journal' && level === 'error'),
    ).toBeDefined();
    expect((await rig.post({ body: 'code' })).status).toBe(200);
    expect(
      readdirSync(join(rig.folder, 'state')).some((name) => name.startsWith('journal.db.corrupt-')),
    ).toBe(true);
  });
});

describe('`simgate policy explain`', () => {
  test('says what would become of a message, and changes nothing', async () => {
    rig = await Rig.start([], policy('per_recipient = "1 in 10 min"'));
    const before = await ask('policy', 'explain', '+4915112345678');
    expect(before).toMatchObject({ code: 0, out: expect.stringContaining('would be let in') });
    expect((await rig.post({ body: 'code 1' })).status).toBe(200);
    const after = await ask('policy', 'explain', '+49 151 12345678', '--json');
    expect(JSON.parse(after.out)).toMatchObject({
      recipient: '+49…78',
      is_allowed: false,
      code: 'rate_limited',
    });
    expect(after.code).toBe(1);
    expect(rig.texts()).toEqual(['code 1']);
  });
});

describe('a reload', () => {
  const change = (from: string | RegExp, to: string) =>
    writeFileSync(rig.configFile, readFileSync(rig.configFile, 'utf8').replace(from, to));

  test('takes up secrets and policy, and keeps a message on its way', async () => {
    rig = await Rig.start(['--submit-latency', '1500']);
    const onItsWay = rig.post({ body: 'on its way' });
    await expect.poll(() => rig.modem.record().some(({ kind }) => kind === 'ctrl_z')).toBe(true);
    const newSecret = 'another-secret-of-this-test-run-0123456789abc';
    writeFileSync(join(rig.folder, 'secret'), newSecret, { mode: 0o600 });
    writeFileSync(join(rig.folder, 'secret.previous'), secret, { mode: 0o600 });
    change('countries = ["*"]', 'countries = ["AT"]');
    expect(await ask('reload')).toMatchObject({ code: 0 });
    expect((await onItsWay).status).toBe(200);
    expect(await rig.post({ body: 'code' })).toMatchObject({
      status: 403,
      body: { code: 'recipient_not_allowed' },
    });
    rig.token = await mintToken({
      secret: Buffer.from(newSecret),
      subject: 'urn:Auth0',
      audience: 'urn:MySmsGateway',
      expiresInS: 600,
    });
    expect((await rig.post({ body: 'code', recipient: '+436641234567' })).status).toBe(200);
  });

  test.each([
    ['what is wrong', /countries = .*/, 'countries = ["Germany"]', 'write "DE"'],
    [
      'what needs a restart',
      '[http]',
      '[http]\ntrusted_proxies = ["192.0.2.1"]',
      'http cannot change',
    ],
  ])('refuses %s, and changes nothing', async (_, from, to, words) => {
    rig = await Rig.start();
    change(from, to);
    change('per_recipient = "off"', 'per_recipient = "1 in 10 min"');
    const refused = await ask('reload');
    expect(refused.code).toBe(1);
    expect(refused.err).toContain(words);
    const lines = rig.log.length;
    process.kill(rig.daemon.pid, 'SIGHUP');
    await rig.until(({ event }) => event === 'reload_refused', lines);
    for (const body of ['code 1', 'code 2']) expect((await rig.post({ body })).status).toBe(200);
  });

  test('happens on SIGHUP', async () => {
    rig = await Rig.start();
    change('countries = ["*"]', 'countries = ["AT"]');
    process.kill(rig.daemon.pid, 'SIGHUP');
    await rig.until(({ event }) => event === 'reloaded');
    expect((await rig.post({ body: 'code' })).status).toBe(403);
  });
});
