import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LogLine, Rig, secret } from '../e2e/rig.js';
import { freePort } from './free-port.js';

/**
 * Programs that know nothing of ours ask for messages: Debian's prometheus-alertmanager, curl, and
 * jsonnet, which is what Ory Kratos writes its requests with. A missing one fails these tests.
 */
const recipients = ['+4915112345671', '+4915112345672'];
const callers = `
[[caller]]
name = "ops"
kind = "alerts"
secret_file = "secret"
recipients = ${JSON.stringify(recipients)}
[[caller]]
name = "hasty"
kind = "alerts"
path = "/hasty"
secret_file = "secret"
recipients = ${JSON.stringify(recipients)}
deadline_s = 2
on_slow = "504"
[[caller]]
name = "kratos"
kind = "basic"
secret_file = "secret"
[[caller]]
name = "script"
kind = "header"
secret_file = "secret"
path = "/script"
`;

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.start([], callers);
});
afterEach(() => rig.stop());

/** What the log says of messages, in order: the status of each, and whether it was a repeat. */
const statuses = () => rig.log.filter((line) => line.event === 'message').map(shown);
const shown = ({ status, replay_of: isReplay }: LogLine) =>
  `${String(status)}${isReplay ? ' again' : ''}`;

/** An Alertmanager of its own folder and port, whose only receiver is the rig. */
class Alertmanager {
  readonly #port: number;
  readonly #process;
  #said = '';

  private constructor(port: number, credentials: string, path: string, more: string) {
    this.#port = port;
    const folder = join(rig.folder, 'alertmanager');
    mkdirSync(folder);
    const config = join(folder, 'alertmanager.yml');
    writeFileSync(
      config,
      `route: { receiver: sms, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 4h }
receivers:
  - name: sms
    webhook_configs:
      - url: http://127.0.0.1:${rig.port}${path}
        http_config: { ${credentials} }
        ${more}
`,
    );
    this.#process = spawn(
      'prometheus-alertmanager',
      [
        `--config.file=${config}`,
        `--storage.path=${folder}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--cluster.listen-address=',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#process.stderr.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
    });
  }

  static async start(
    credentials: string,
    { path = '/alerts', more = '' } = {},
  ): Promise<Alertmanager> {
    const started = new Alertmanager(await freePort(), credentials, path, more);
    await once(started.#process, 'spawn');
    while (!(await started.#isReady())) await pause(50);
    return started;
  }

  async #isReady(): Promise<boolean> {
    if (this.#process.exitCode !== null) throw new Error(`it ended: ${this.#said}`);
    try {
      return (await fetch(`http://127.0.0.1:${this.#port}/-/ready`)).ok;
    } catch {
      return false;
    }
  }

  /** As Prometheus tells it of alerts: they fire, or have just ended. */
  async tell(alerts: readonly Labels[], has: 'begun' | 'ended' = 'begun'): Promise<void> {
    const now = Date.now();
    const body = alerts.map(({ summary, ...labels }) => ({
      labels,
      annotations: { summary },
      startsAt: new Date(now - 60_000).toISOString(),
      ...(has === 'ended' && { endsAt: new Date(now - 1).toISOString() }),
    }));
    const answer = await fetch(`http://127.0.0.1:${this.#port}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(200);
  }

  /** What it counts of its webhook. */
  async count(name: string): Promise<number> {
    const metrics = await (await fetch(`http://127.0.0.1:${this.#port}/metrics`)).text();
    return Number(new RegExp(`^${name}{integration="webhook"} (\\d+)$`, 'm').exec(metrics)?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await exited;
  }
}

type Labels = Record<string, string>;
const hot: Labels = { alertname: 'Hot', rack: '3', summary: 'rack 3 is at 41 °C' };
const begin = '[FIRING:1] Hot: rack 3 is at 41 deg C';
const end = '[RESOLVED:1] Hot: rack 3 is at 41 deg C';
const bearer = `authorization: { credentials: ${secret} }`;
const sent = 'alertmanager_notification_requests_total';
const failed = 'alertmanager_notification_requests_failed_total';
const patience = { timeout: 30_000, interval: 100 };

describe('Alertmanager', () => {
  test.each([
    ['a bearer token', bearer],
    ['a user and a password', `basic_auth: { username: ops, password: ${secret} }`],
  ])('known by %s, tells each recipient of the begin and of the end', async (_, credentials) => {
    await using alertmanager = await Alertmanager.start(credentials);
    await alertmanager.tell([hot]);
    await expect.poll(() => rig.texts(), patience).toEqual([begin, begin]);
    await alertmanager.tell([hot], 'ended');
    await expect.poll(() => rig.texts(), patience).toEqual([begin, begin, end, end]);
    expect(await alertmanager.count(failed)).toBe(0);
  });

  test('with another secret is refused, and nothing is sent', async () => {
    await using alertmanager = await Alertmanager.start(bearer.replace(secret, `${secret}x`));
    await alertmanager.tell([hot]);
    await expect.poll(() => alertmanager.count(failed), patience).toBeGreaterThan(0);
    expect(rig.log.filter((line) => line.event === 'token_refused')).not.toEqual([]);
    expect(rig.texts()).toEqual([]);
  });

  test('repeats what got a 503 until a modem is there, and it is sent once', async () => {
    await using alertmanager = await Alertmanager.start(bearer);
    await rig.modem.control({ hangup: true, reattach_ms: 3_000 });
    await rig.until((line) => line.phase === 'lost');
    await alertmanager.tell([hot]);
    await expect.poll(statuses, patience).toContain('503');
    await expect.poll(() => rig.texts(), patience).toEqual([begin, begin]);
    await expect.poll(() => alertmanager.count(sent), patience).toBeGreaterThan(1);
    const repeats = await alertmanager.count(sent);
    // The next interval finds that all is told.
    await pause(2_500);
    expect([await alertmanager.count(sent), rig.texts()]).toEqual([repeats, [begin, begin]]);
  });

  test('repeats what got a 504 and is told of the first: nothing is sent twice', async () => {
    await using alertmanager = await Alertmanager.start(bearer, { path: '/hasty' });
    await rig.modem.control({ fault: 'late:4000' });
    await alertmanager.tell([hot]);
    await expect.poll(statuses, patience).toContain('504');
    await expect.poll(statuses, patience).toContain('200 again');
    await expect.poll(() => rig.texts(), patience).toEqual([begin, begin]);
    await pause(2_500);
    expect(rig.texts()).toEqual([begin, begin]);
  });

  test('with max_alerts tells of a storm in one message that says so', async () => {
    await using alertmanager = await Alertmanager.start(bearer, { more: 'max_alerts: 20' });
    const storm = Array.from({ length: 500 }, (_, index) => ({
      ...hot,
      rack: `${index} ${'x'.repeat(200)}`,
    }));
    await alertmanager.tell(storm);
    const told = begin.replace(':1', ':20+');
    // What it had of them when it began to tell may have gone out before.
    await expect.poll(() => rig.texts().slice(-2), patience).toEqual([told, told]);
    expect(rig.texts().length).toBeLessThanOrEqual(4);
  });
});

describe('curl', () => {
  /** The status, and what came with it. */
  function curl(path: string, ...args: readonly string[]): [status: string, body: LogLine] {
    const url = `http://127.0.0.1:${rig.port}${path}`;
    const shows = ['--silent', '--show-error', '--write-out', '\n%{http_code}'];
    const lines = execFileSync('curl', [...shows, ...args, url], { encoding: 'utf8' }).split('\n');
    return [lines.pop() ?? '', JSON.parse(lines.join('\n')) as LogLine];
  }
  const text = 'Code "417093" & 100 % – ä\n@example.com #417093';
  const fields = ['recipient=+49 151 12345678', `body=${text}`].flatMap((field) => [
    '--data-urlencode',
    field,
  ]);

  test.each([
    ['/sms', ['--user', `kratos:${secret}`]],
    ['/script', ['--header', `X-API-Key: ${secret}`]],
  ])('posts a form to %s, and reads what became of it', (path, credentials) => {
    const [status, answer] = curl(path, ...credentials, ...fields);
    expect([status, answer]).toEqual(['200', expect.objectContaining({ segments: 1 })]);
    expect(rig.texts()).toEqual([text]);
    expect(curl(`/sms/${String(answer.id)}`, ...credentials)).toEqual([
      '200',
      expect.objectContaining({ state: 'sent' }),
    ]);
  });

  test('is refused with the password of nobody', () => {
    expect(curl('/sms', '--user', `kratos:${secret}x`, ...fields)).toEqual([
      '401',
      expect.objectContaining({ code: 'token_invalid' }),
    ]);
    expect(rig.texts()).toEqual([]);
  });

  test('posts what the Jsonnet of the recipe for Ory Kratos makes of its message', () => {
    const recipes = readFileSync(join(import.meta.dirname, '../../docs/callers.md'), 'utf8');
    const [, encoded = ''] = /base64:\/\/([A-Za-z0-9+/=]+)/.exec(recipes) ?? [];
    const program = Buffer.from(encoded, 'base64').toString();
    expect(recipes.replace(/\s+/g, ' ')).toContain(`\`${program}\``);
    // What its courier gives to it (ory/kratos, courier/http_channel.go).
    const context = {
      recipient: '+4915112345678',
      subject: '',
      body: text,
      template_type: 'login_code_valid',
      message_type: 'sms',
      template_data: { to: '+4915112345678', login_code: '417093', expires_in_minutes: 15 },
    };
    const body = execFileSync('jsonnet', ['--tla-code', `ctx=${JSON.stringify(context)}`, '-'], {
      input: program,
      encoding: 'utf8',
    });
    const credentials = ['--user', `kratos:${secret}`];
    const json = ['--header', 'Content-Type: application/json', '--data-binary', body];
    expect(curl('/sms', ...credentials, ...json)[0]).toBe('200');
    // It repeats up to five times, for whatever reason.
    expect(curl('/sms', ...credentials, ...json)[0]).toBe('200');
    expect(rig.texts()).toEqual([text]);
  });
});
