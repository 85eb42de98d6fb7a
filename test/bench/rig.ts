import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { RecordEntry } from '../../src/simulator/record.js';
import { mintToken } from '../../src/token.js';
import { Caller, type Exchange } from './caller.js';
import { monotonicMs } from './monotonic.js';
import { entriesSince } from './submits.js';

const cli = join(import.meta.dirname, '../../dist/cli.js');
const startWithinMs = 20_000;
const lookEveryMs = 20;

/** 55 characters of the GSM alphabet: one segment, 140 octets on the line. */
export const shortText = 'Your code is 482913. It is valid for the next 5 minutes';
/** 400 characters: three segments. */
export const longText = `${'Your code is 482913. '.repeat(19)}x`;

/** What a message was, and what became of it. */
export interface Sent extends Exchange {
  recipient: string;
}

/** A process started by us; ends with us. */
function start(args: readonly string[], stdio: [stdin: 'pipe' | 'ignore', stdout: number | 'ignore']): ChildProcess {
  const child = spawn(process.execPath, [cli, ...args], { stdio: [...stdio, 'inherit'] });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

/** Looks at `found` until it says something; rejects when `child` ends before, or nothing comes. */
async function waitFor<T>(what: string, child: ChildProcess, found: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const until = monotonicMs() + startWithinMs;
  for (;;) {
    const value = await found();
    if (value !== undefined) return value;
    if (child.exitCode !== null) throw new Error(`${what}: the process ended with ${child.exitCode}`);
    if (monotonicMs() > until) throw new Error(`${what}: not within ${startWithinMs} ms`);
    await pause(lookEveryMs);
  }
}

/** A virtual modem in a process of its own. */
export class ModemProcess {
  readonly tty: string;
  readonly #child: ChildProcess;
  readonly #record: string;

  private constructor(child: ChildProcess, tty: string, record: string) {
    this.#child = child;
    this.tty = tty;
    this.#record = record;
  }

  /** `flags` are those of `simgate simulate`; `folder` gets the record. */
  static async start(folder: string, flags: readonly string[]): Promise<ModemProcess> {
    const [record, tty] = [join(folder, 'record.jsonl'), join(folder, 'tty')];
    const child = start(['simulate', '--link', tty, '--record', record, ...flags], ['pipe', 'ignore']);
    await waitFor('the virtual modem', child, () =>
      readIfThere(record).includes('"kind":"booted"') ? true : undefined,
    );
    return new ModemProcess(child, tty, record);
  }

  entriesSince(fromMs: number): RecordEntry[] {
    return entriesSince(this.#record, fromMs);
  }

  async stop(): Promise<void> {
    await stop(this.#child);
  }
}

/** The whole daemon in a process of its own, at a virtual modem in another, and we who call it. */
export class Rig {
  readonly modem: ModemProcess;
  readonly daemonPid: number;
  readonly #folder: string;
  readonly #daemon: ChildProcess;
  readonly #port: number;
  readonly #token: string;
  readonly #callers: Caller[] = [];
  #messages = 0;

  private constructor(folder: string, modem: ModemProcess, daemon: ChildProcess, port: number, token: string) {
    this.#folder = folder;
    this.modem = modem;
    this.#daemon = daemon;
    this.#port = port;
    this.#token = token;
    this.daemonPid = daemon.pid!;
  }

  /** Resolves when the daemon says that it is ready. */
  static async start(modemFlags: readonly string[] = []): Promise<Rig> {
    const folder = mkdtempSync(join(tmpdir(), 'simgate-bench-'));
    const modem = await ModemProcess.start(folder, modemFlags);
    const secret = randomBytes(32).toString('hex');
    writeFileSync(join(folder, 'secret'), secret, { mode: 0o600 });
    writeFileSync(join(folder, 'simgate.toml'), configOf(modem.tty));
    const log = join(folder, 'log');
    const stdout = openSync(log, 'w');
    const daemon = start(['serve', '--config', join(folder, 'simgate.toml')], ['ignore', stdout]);
    closeSync(stdout);
    const port = await waitFor('the daemon', daemon, () => portIn(readIfThere(log)));
    await waitFor('its modem', daemon, async () => {
      const { ok } = await fetch(`http://127.0.0.1:${port}/readyz`);
      return ok ? true : undefined;
    });
    const token = await mintToken({ secret: Buffer.from(secret), subject, audience, expiresInS: 3600 });
    return new Rig(folder, modem, daemon, port, token);
  }

  /** So many connections, opened before anything is measured. */
  async connect(count: number): Promise<Caller[]> {
    const callers = await Promise.all(Array.from({ length: count }, () => Caller.open(this.#port)));
    this.#callers.push(...callers);
    return callers;
  }

  /** Sends one message, each to a recipient of its own, so that none supersedes another and each is found in the record. */
  async send(caller: Caller, text = shortText): Promise<Sent> {
    this.#messages += 1;
    const recipient = `+4915${String(this.#messages).padStart(9, '0')}`;
    const exchange = await caller.exchange(requestOf(this.#token, recipient, text));
    return { recipient, ...exchange };
  }

  /** As {@link send}; throws unless the answer is 200. */
  async deliver(caller: Caller, text = shortText): Promise<Sent> {
    const sent = await this.send(caller, text);
    if (sent.status !== 200) throw new Error(`a message was answered ${sent.status} where 200 was sure`);
    return sent;
  }

  /** `count` messages, as many in flight as there are callers. */
  async deliverMany(callers: readonly Caller[], count: number): Promise<Sent[]> {
    const sent: Sent[] = [];
    let left = count;
    const work = async (caller: Caller): Promise<void> => {
      while (left > 0) {
        left -= 1;
        sent.push(await this.deliver(caller));
      }
    };
    await Promise.all(callers.map(work));
    return sent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const caller of this.#callers) caller.close();
    await stop(this.#daemon);
    await this.modem.stop();
    rmSync(this.#folder, { recursive: true });
  }
}

const subject = 'urn:Auth0';
const audience = 'urn:MySmsGateway';

/** No guard time, and no liveness probe while we look: every other setting is the default. */
function configOf(tty: string): string {
  return `state_dir = "state"
[http]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[auth0]
subject = "${subject}"
audience = "${audience}"
secret_file = "secret"
[[modem]]
name = "main"
device = "${tty}"
guard_ms = 0
idle_probe_s = 86400
`;
}

function requestOf(token: string, recipient: string, text: string): Buffer {
  const body = JSON.stringify({ recipient, body: text, message_type: 'otp_verify' });
  const head = [
    'POST /sms HTTP/1.1',
    'Host: localhost',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

function portIn(log: string): number | undefined {
  const port = /"event":"started".*?"port":(\d+)/.exec(log)?.[1];
  return port === undefined ? undefined : Number(port);
}
