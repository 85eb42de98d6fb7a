import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { Child } from '../faults/child.js';
import { Rig, secret } from './rig.js';

const run = promisify(execFile);
const cli = join(import.meta.dirname, '../../dist/cli.js');

const pin = '48391726';
const own = '+491700000042';

let rig: Rig;
afterEach(() => rig.stop());

/** What a second daemon says before it ends, and its exit code. */
async function runToEnd(args: string[]): Promise<{ code: number | null; said: string }> {
  let said = '';
  const child = new Child(args, (line) => {
    said += `${line}\n`;
  });
  const { code } = await child.ended;
  return { code, said };
}

describe('the daemon', () => {
  test('sends a code the whole way, character for character', async () => {
    rig = await Rig.start();
    const text = 'Ihr Code: 417093 – gültig 5 min 🔑\n\n@login.example.com #417093';
    const long = `${'äöü€[]{}'.repeat(20)} 998877`;
    expect(
      await rig.post({ body: text, sender: 'Auth0', req: { ip: '203.0.113.7', user_agent: 'x' } }),
    ).toMatchObject({
      status: 200,
      body: {
        segments: 1,
        modem: 'main',
        references: [expect.any(Number)],
        took_ms: expect.any(Number),
      },
    });
    expect(await rig.post({ body: long })).toMatchObject({ status: 200, body: { segments: 2 } });
    const [first, ...rest] = rig.texts();
    expect(first).toBe(text);
    expect(rest.join('')).toBe(long);
  });

  test('keeps texts, numbers, tokens and the secret out of its log, at debug level too', async () => {
    rig = await Rig.start(
      [
        '--urc-noise',
        '20',
        '--pin',
        pin,
        '--status-reports',
        '--status-report-delay',
        '10',
        '--number',
        own,
      ],
      'status_report = true\npin_file = "pin"',
      { pin },
    );
    const numbers = ['15112345678', '15112340001', '15112340002'];
    await rig.post({ body: 'secret text 417093' });
    await rig.modem.control({ fault: 'cms:21' });
    await rig.post({
      body: 'secret text 417094',
      recipient: '+4915112340001',
      sender: 'secret sender',
    });
    await rig.post({ body: 'secret text 417095 '.repeat(30), recipient: '+4915112340002' });
    await rig.modem.control({ inbound: { from: '+4915112340009', text: 'secret inbound' } });
    const { token } = rig;
    rig.token = `${token.slice(0, -8)}AAAAAAAA`;
    await rig.post({ body: 'secret text 417096' });
    await rig.daemon.end('SIGTERM');
    expect(rig.texts()).toHaveLength(1);
    expect(rig.raw).toContain('AT+CPIN=…');
    expect(rig.raw).toContain('+49…78');
    for (const word of [
      'secret text',
      '41709',
      'secret sender',
      'secret inbound',
      pin,
      secret,
      token.slice(-40),
      own.slice(3),
      '15112340009',
      ...numbers,
    ]) {
      expect(rig.raw, `the log holds ${word}`).not.toContain(word);
    }
    const packed = rig.modem
      .record()
      .flatMap((entry) => (entry.kind === 'accepted' ? [entry.tpdu] : []));
    for (const tpdu of packed) expect(rig.raw).not.toContain(tpdu.slice(20));
  });

  test('answers 503 while its modem is unplugged, and sends again when it is back', async () => {
    rig = await Rig.start(['--boot-ms', '200']);
    await rig.modem.control({ hangup: true, reattach_ms: 3000 });
    const lost = await rig.until((line) => line.phase === 'lost');
    expect(lost.reason).toContain('was lost');
    const { status, body } = await rig.post({});
    expect([status, body.code, body.submitted]).toEqual([503, 'no_modem_ready', 'no']);
    await rig.until((line) => line.phase === 'ready', rig.log.indexOf(lost));
    expect((await rig.post({})).status).toBe(200);
    expect(rig.texts()).toHaveLength(1);
  });

  test('that was killed while it sent never takes the late result for the next message’s', async () => {
    rig = await Rig.start([], 'submit_timeout_s = 30');
    await rig.post({ body: 'first' });
    await rig.modem.control({ fault: 'late:4000' });
    const cut = rig.post({ body: 'second' }).catch(() => 'cut');
    await expect
      .poll(() => rig.modem.record().filter((entry) => entry.kind === 'ctrl_z'))
      .toHaveLength(2);
    // However long a start takes, the late result finds the next daemon at the modem.
    rig.modem.signal('SIGSTOP');
    await rig.daemon.end('SIGKILL');
    expect(await cut).toBe('cut');
    const from = rig.log.length;
    await rig.startDaemon();
    await rig.until((line) => line.phase === 'probing', from);
    rig.modem.signal('SIGCONT');
    await rig.until((line) => line.phase === 'ready', from);
    await rig.modem.control({ fault: 'cms:21' });
    expect(await rig.post({ body: 'third' })).toMatchObject({
      status: 502,
      body: { cause_code: expect.stringContaining('CMS 21') },
    });
    expect((await rig.post({ body: 'fourth' })).status).toBe(200);
    expect(rig.texts()).toEqual(['first', 'second', 'fourth']);
  });

  test('does not send a waiting message whose caller has hung up', async () => {
    rig = await Rig.start(['--submit-latency', '4000']);
    const first = rig.post({ body: 'first', recipient: '+4915112345601' });
    await expect.poll(() => rig.modem.record().some((entry) => entry.kind === 'ctrl_z')).toBe(true);
    const caller = new AbortController();
    const second = rig.post(
      { body: 'second', recipient: '+4915112345602' },
      { signal: caller.signal },
    );
    const third = rig.post({ body: 'third', recipient: '+4915112345603' });
    const gone = expect(second).rejects.toThrow();
    await rig.untilWaiting(2);
    caller.abort();
    await gone;
    expect([(await first).status, (await third).status]).toEqual([200, 200]);
    expect(rig.texts()).toEqual(['first', 'third']);
  });
});

describe('a second daemon', () => {
  test('on the same state directory says who has it, and touches no modem', async () => {
    rig = await Rig.start();
    const { code, said } = await runToEnd(['serve', '--config', rig.configFile]);
    expect([code, said]).toEqual([
      1,
      expect.stringContaining(`in use by another simgate (pid ${rig.daemon.pid})`),
    ]);
  });

  test('on a port that is taken ends before it touches the modem', async () => {
    rig = await Rig.start();
    const config = rig
      .config(join(rig.folder, 'another.tty'), 'state2')
      .replace('127.0.0.1:0', `127.0.0.1:${rig.port}`);
    const file = join(rig.folder, 'second.toml');
    writeFileSync(file, config);
    const { code, said } = await runToEnd(['serve', '--config', file]);
    expect(code).toBe(1);
    expect(said).toContain(`127.0.0.1:${rig.port}`);
    expect(said).not.toContain('opening');
  });

  test('on the same modem cannot open it and says why', async () => {
    rig = await Rig.start();
    const file = join(rig.folder, 'second.toml');
    writeFileSync(file, rig.config(rig.modem.link, 'state2'));
    const lines: string[] = [];
    const second = new Child(['serve', '--config', file], (line) => lines.push(line));
    await expect.poll(() => lines.join('\n'), { timeout: 10_000 }).toContain('is busy');
    await second.end('SIGTERM');
  });
});

describe('SIGTERM', () => {
  test('refuses what waits, lets what is in the modem finish, and ends with 0', async () => {
    rig = await Rig.start(['--submit-latency', '4000']);
    const first = rig.post({ body: 'first', recipient: '+4915112345601' });
    await expect.poll(() => rig.modem.record().some((entry) => entry.kind === 'ctrl_z')).toBe(true);
    const second = rig.post({ body: 'second', recipient: '+4915112345602' });
    await rig.untilWaiting(1);
    const ended = rig.daemon.end('SIGTERM');
    expect(await second).toMatchObject({
      status: 503,
      body: { code: 'shutting_down', submitted: 'no' },
    });
    expect((await first).status).toBe(200);
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(rig.texts()).toEqual(['first']);
  });

  test('sent twice ends it at once', async () => {
    rig = await Rig.start(['--submit-latency', '60000']);
    const cut = rig.post({}).catch(() => 'cut');
    await expect.poll(() => rig.modem.record().some((entry) => entry.kind === 'ctrl_z')).toBe(true);
    const ended = rig.daemon.end('SIGTERM');
    await rig.until((line) => line.event === 'stopping');
    await rig.daemon.end('SIGTERM');
    expect(await ended).toEqual({ code: 1, signal: null });
    expect(await cut).toBe('cut');
  });
});

describe('the command line', () => {
  test('mints a token that the daemon takes', async () => {
    rig = await Rig.start();
    const { stdout } = await run(process.execPath, [cli, 'token', '--config', rig.configFile]);
    rig.token = stdout.trim();
    expect((await rig.post({})).status).toBe(200);
  });

  test('checks a configuration and tells every problem at once', async () => {
    rig = await Rig.start();
    const file = join(rig.folder, 'wrong.toml');
    writeFileSync(
      file,
      'state_dri = "x"\n[auth0]\nsubject = "a"\nsecret = "hunter2hunter2"\n[[modem]]\nname = "m"\nbaud = "fast"\n',
    );
    const { code, said } = await runToEnd(['check-config', file]);
    expect(code).toBe(78);
    // By this code systemd knows that another start would end in the same way.
    expect(await runToEnd(['serve', '--config', file])).toMatchObject({ code: 78 });
    for (const words of [
      'state_dir',
      'auth0.secret',
      'auth0.audience',
      'modem[0].baud',
      'modem[0].device',
    ]) {
      expect(said).toContain(words);
    }
    expect(said).not.toContain('hunter2');
    expect(await runToEnd(['check-config', rig.configFile])).toMatchObject({ code: 0 });
  });
});
