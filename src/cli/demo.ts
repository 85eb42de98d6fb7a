import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { memorySettings } from '../daemon/v8-settings.js';
import { mintToken } from '../secret/token.js';

/** As in Auth0's guide. */
const subject = 'urn:Auth0';
const audience = 'urn:MySmsGateway';
const recipient = '+49 151 12345678';
/**
 * Milliseconds for the modem and the daemon to be ready; a Raspberry Pi Zero takes some 10 s, and
 * an emulator on a busy machine minutes.
 */
const startMs = 180_000;

type Fields = Record<string, unknown>;

/** What the demo has started. */
interface Gateway {
  modem: Part;
  daemon: Part;
  /** Of the public listener. */
  port: number;
  /** Of Auth0. */
  secret: Uint8Array;
}

/** A child of the demo that says JSON lines. */
class Part {
  readonly child: ChildProcess;
  readonly #listeners = new Set<(line: Fields) => void>();
  #lastWords = '';

  constructor(args: string[]) {
    const cli = fileURLToPath(new URL('./cli.js', import.meta.url));
    this.child = spawn(process.execPath, [cli, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...memorySettings, ...process.env },
    });
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const fields = JSON.parse(line) as Fields;
      for (const listener of this.#listeners) listener(fields);
    });
    this.child.stderr?.on('data', (bytes: Buffer) => {
      this.#lastWords = (this.#lastWords + bytes.toString()).slice(-2000);
    });
  }

  onLine(listener: (line: Fields) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The next line that fits; rejects when the part ends or says nothing of the kind in time. */
  until(what: string, fits: (line: Fields) => boolean): Promise<Fields> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => () =>
        done(() => reject(new Error(`${what}: ${why}\n${this.#lastWords}`)));
      const ended = fail('it ended');
      const timer = setTimeout(fail(`not within ${startMs / 1000} s`), startMs);
      const stop = this.onLine((line) => {
        if (fits(line)) done(() => resolve(line));
      });
      const done = (settle: () => void) => {
        clearTimeout(timer);
        stop();
        this.child.off('exit', ended);
        settle();
      };
      this.child.once('exit', ended);
    });
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await exit;
  }
}

/**
 * The main job without hardware: a virtual modem on a real tty, the daemon over it, and four
 * requests as Auth0 would send them. Stays up for the person's own `curl` until Ctrl-C, unless
 * `once`. Rejects when any of the four ends otherwise than it should.
 */
export async function demo({ once: endsByItself }: { once: boolean }): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'simgate-demo-'));
  const parts: Part[] = [];
  try {
    const gateway = await start(folder, parts);
    await fourMessages(gateway);
    if (!endsByItself) await stayUp(gateway);
  } finally {
    for (const part of parts.reverse()) await part.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function start(folder: string, parts: Part[]): Promise<Gateway> {
  const link = join(folder, 'modem');
  const modem = new Part(['simulate', '--link', link, '--submit-latency', '700', '--sms-events']);
  parts.push(modem);
  const { tty } = await modem.until('the virtual modem', (line) => line.event === 'ready');
  heading(`A virtual modem on ${String(tty)}, and the daemon over it`);
  const secret = randomBytes(32);
  const config = join(folder, 'simgate.toml');
  await writeFile(join(folder, 'secret'), secret.toString('base64url'), { mode: 0o600 });
  await writeFile(config, configOf(folder, link));
  const daemon = new Part(['serve', '--config', config]);
  parts.push(daemon);
  const ready = daemon.until(
    'the modem',
    (line) => line.event === 'modem' && line.phase === 'ready',
  );
  ready.catch(() => undefined); // awaited below, unless the start fails before
  const started = await daemon.until('the daemon', (line) => line.event === 'started');
  await ready;
  const port = Number(started.port);
  console.log(`  POST /sms at http://127.0.0.1:${port}; the modem is registered and ready`);
  console.log(`  status and metrics: http://127.0.0.1:${Number(started.admin_port)}/`);
  return { modem, daemon, port, secret };
}

function configOf(folder: string, device: string): string {
  return `state_dir = ${JSON.stringify(join(folder, 'state'))}
[http]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[control]
socket = "control.sock"
[auth0]
subject = "${subject}"
audience = "${audience}"
secret_file = "secret"
secret_base64_encoded = true
[policy]
countries = ["*"]
[[modem]]
name = "main"
device = ${JSON.stringify(device)}
[log]
level = "debug"
format = "json"
`;
}

async function fourMessages(gateway: Gateway): Promise<void> {
  const { modem, daemon, secret } = gateway;
  const token = await mintToken({ secret, subject, audience, expiresInS: 60 });
  const stopDialogue = showDialogue(daemon);
  const stopSms = modem.onLine(showSms);

  heading('1. A login code, as Auth0 posts it');
  await request(gateway, { token, text: 'Your code is 417093', expected: 200, isShown: true });

  heading('2. One that the network refuses');
  await fault(modem, 'cms:21');
  await request(gateway, { token, text: 'Your code is 582216', expected: 502 });

  heading('3. One with a token that expired an hour ago');
  const nowS = Math.floor(Date.now() / 1000) - 3660;
  const expired = await mintToken({ secret, subject, audience, expiresInS: 60, nowS });
  await request(gateway, { token: expired, text: 'Your code is 730144', expected: 401 });

  heading('4. Silence: the caller waits 3 s (Prefer: wait=3), the network answers after 5 s');
  await fault(modem, 'late:4300');
  const late = daemon.until('the late answer', (line) => line.outcome === 'submitted');
  late.catch(() => undefined); // awaited below, unless the request fails before
  await request(gateway, { token, text: 'Your code is 904418', expected: 504, waitS: 3 });
  await late;
  console.log(
    '  so it had gone out, as "simgate log" says now; by itself simgate sends none twice',
  );
  stopDialogue();
  stopSms();
}

/** Of the next message. */
async function fault(modem: Part, kind: string): Promise<void> {
  modem.child.stdin?.write(`${JSON.stringify({ fault: kind })}\n`);
  await modem.until('the fault', (line) => line.event === 'done');
}

/** What the lines of the dialogue mean, said once for each. */
const meanings: [RegExp, string][] = [
  [/^> AT\+CMGF=0/, 'SMS as octets'],
  [/^> AT\+CMGS=/, 'send an SMS'],
  [/^< >$/, 'go on'],
  [/^> <.*\\u001a$/, 'the SMS, and Ctrl-Z: it cannot be called back'],
  [/^< \+CMGS: /, 'the network took it'],
];

function showDialogue(daemon: Part): () => void {
  const unsaid = new Set(meanings);
  return daemon.onLine(({ event, message }) => {
    if (event !== 'at') return;
    const words = String(message).replace(/^main /, '');
    const meaning = [...unsaid].find(([pattern]) => pattern.test(words));
    if (meaning !== undefined) unsaid.delete(meaning);
    console.log(`    ${meaning === undefined ? words : `${words.padEnd(22)} ${meaning[1]}`}`);
  });
}

interface Trial {
  token: string;
  text: string;
  /** The status. */
  expected: number;
  /** Seconds; without it the gateway's own deadline. */
  waitS?: number;
  isShown?: boolean;
}

async function request(
  { daemon, port }: Gateway,
  { token, text, expected, waitS, isShown = false }: Trial,
): Promise<void> {
  const body = {
    recipient,
    body: text,
    sender: '+1 234 567',
    req: { ip: '203.0.113.7', 'user-agent': 'Mozilla/5.0' },
  };
  if (isShown) {
    console.log(
      `  POST /sms HTTP/1.1\n  Authorization: Bearer ${token.slice(0, 24)}…\n  ${JSON.stringify(body)}`,
    );
    console.log('  the modem and the daemon (texts and numbers masked, as in the debug log):');
  }
  // The lines of the log come a moment after the answer: that of the request ends the dialogue.
  const logged = daemon.until(
    'the answer in the log',
    ({ event }) => event === 'message' || event === 'token_refused',
  );
  logged.catch(() => undefined); // awaited below, unless the request fails before
  const response = await fetch(`http://127.0.0.1:${port}/sms`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...(waitS !== undefined && { prefer: `wait=${waitS}` }),
    },
    body: JSON.stringify(body),
  });
  await logged;
  const answer = (await response.text()).trimEnd();
  const { code, submitted } = JSON.parse(answer) as { code?: string; submitted?: string };
  const gist = code === undefined ? '' : `${code}, submitted: ${submitted}\n  `;
  console.log(`  answer: ${response.status} ${gist}${answer}`);
  if (response.status !== expected) throw new Error(`expected ${expected}, got ${response.status}`);
}

const showSms = (line: Fields): void => {
  if (line.event !== 'sms') return;
  console.log(
    `  what the network received, for ${String(line.recipient)}: ${JSON.stringify(line.text)}`,
  );
};

async function stayUp({ modem, port, secret }: Gateway): Promise<void> {
  const token = await mintToken({ secret, subject, audience, expiresInS: 3600 });
  heading('Your turn: paste this (the token is good for an hour); Ctrl-C ends the demo');
  const body = JSON.stringify({ recipient, body: 'Your code is 123456' });
  console.log(
    `curl -i http://127.0.0.1:${port}/sms -H 'Authorization: Bearer ${token}' -d '${body}'`,
  );
  modem.onLine(showSms);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  console.log();
}

function heading(text: string): void {
  console.log(`\n${text}`);
}
