import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mintToken } from '../../src/secret/token.js';
import type { RecordEntry } from '../../src/simulator/record.js';
import { claims, openPolicy } from '../config-text.js';
import { Child } from '../faults/child.js';
import { VirtualModem } from '../faults/virtual-modem.js';

export type LogLine = Record<string, unknown>;
export interface Answer {
  status: number;
  body: LogLine;
}

const secret = randomBytes(32).toString('hex');

export interface BoxOptions {
  /** Lines of `[shared]` but key_file and box; undefined: the box is alone. */
  shared: string | undefined;
  /** How many. */
  modems?: number;
  modemFlags?: readonly string[];
  policy?: string;
  deadlineS?: number;
  more?: string;
  /** What of the daemons' environment differs from ours. */
  env?: NodeJS.ProcessEnv;
}

/** One daemon with its modems, of several that share an engine. */
export class Box {
  readonly name: string;
  readonly folder: string;
  readonly modems: VirtualModem[] = [];
  readonly log: LogLine[] = [];
  raw = '';
  port = 0;
  adminPort = 0;
  #daemon!: Child;
  #env: NodeJS.ProcessEnv = {};
  readonly #waiting = new Set<() => void>();

  constructor(parent: string, name: string) {
    this.name = name;
    this.folder = mkdtempSync(join(parent, `${name}-`));
  }

  async setUp(keyFile: string, options: BoxOptions): Promise<void> {
    const { shared, modems = 1, modemFlags = [], policy = openPolicy, deadlineS = 10 } = options;
    for (let index = 0; index < modems; index += 1)
      this.modems.push(await VirtualModem.start(this.folder, `m${index + 1}`, modemFlags));
    writeFileSync(join(this.folder, 'secret'), secret, { mode: 0o600 });
    const lines = [
      `state_dir = "state"\n[http]\nlisten = "127.0.0.1:0"\n[admin]\nlisten = "127.0.0.1:0"`,
      `[control]\nsocket = "control.sock"\n[auth0]\nsubject = "${claims.subject}"`,
      `audience = "${claims.audience}"\nsecret_file = "secret"\n[message]\ndeadline_s = ${deadlineS}`,
      policy,
      '[log]\nlevel = "debug"\nformat = "json"',
      ...(shared === undefined
        ? []
        : [`[shared]\nkey_file = "${keyFile}"\nbox = "${this.name}"\n${shared}`]),
      ...this.modems.map(
        ({ name, link }) =>
          `[[modem]]\nname = "${name}"\ndevice = "${link}"\nguard_ms = 0\nsubmit_timeout_s = 4\nidle_probe_s = 2`,
      ),
      options.more ?? '',
    ];
    writeFileSync(this.configFile, `${lines.join('\n')}\n`);
    this.#env = options.env ?? {};
    await this.start();
  }

  get configFile(): string {
    return join(this.folder, 'simgate.toml');
  }

  async start(): Promise<void> {
    const from = this.log.length;
    const onLine = (line: string): void => {
      this.raw += `${line}\n`;
      if (!line.startsWith('{')) return;
      this.log.push(JSON.parse(line) as LogLine);
      for (const look of this.#waiting) look();
    };
    this.#daemon = new Child(['serve', '--config', this.configFile], onLine, this.#env);
    const started = await Promise.race([
      this.until((line) => line.event === 'started', from),
      this.#daemon.ended.then(() => {
        throw new Error(`the daemon did not start: ${this.raw}`);
      }),
    ]);
    this.port = Number(started.port);
    this.adminPort = Number(started.admin_port);
    for (const { name } of this.modems)
      await this.until(
        (line) => line.event === 'modem' && line.modem === name && line.phase === 'ready',
        from,
      );
  }

  /** @throws after a minute, with the last lines: what never comes is named, and not waited for. */
  until(fits: (line: LogLine) => boolean, from = 0): Promise<LogLine> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        const last = this.raw.split('\n').slice(-20).join('\n');
        reject(new Error(`${this.name} has not said within 60 s: ${String(fits)}\n${last}`));
      }, 60_000);
      const look = () => {
        const found = this.log.slice(from).find(fits);
        if (found === undefined) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }

  get pid(): number {
    return this.#daemon.pid;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (!this.#daemon.hasEnded) await this.#daemon.end(signal);
  }

  async post(
    message: Record<string, unknown>,
    headers: Record<string, string> = {},
    signal?: AbortSignal,
  ): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${this.port}/sms`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await token()}`, connection: 'close', ...headers },
      body: JSON.stringify({ body: 'Your code is 417093', ...message }),
      ...(signal && { signal }),
    });
    return { status: response.status, body: (await response.json()) as LogLine };
  }

  async read(id: string): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${this.port}/sms/${id}`, {
      headers: { authorization: `Bearer ${await token()}`, connection: 'close' },
    });
    return { status: response.status, body: (await response.json()) as LogLine };
  }

  async admin(path: string): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.adminPort}${path}`, {
      headers: { connection: 'close', accept: 'application/json' },
    });
    return response.text();
  }

  /** What the command line says to it, whatever its exit. */
  cli(...words: string[]): Promise<string> {
    const args = [join(import.meta.dirname, '../../dist/cli.js'), ...words];
    return new Promise((resolve, reject) => {
      execFile(process.execPath, [...args, '--config', this.configFile], (error, stdout) =>
        error && stdout === '' ? reject(error) : resolve(stdout),
      );
    });
  }

  accepted(): Extract<RecordEntry, { kind: 'accepted' }>[] {
    return this.modems.flatMap((modem) =>
      modem.record().flatMap((entry) => (entry.kind === 'accepted' ? [entry] : [])),
    );
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
    for (const modem of this.modems) await modem.stop();
  }
}

let minted: Promise<string> | undefined;
function token(): Promise<string> {
  minted ??= mintToken({ secret: Buffer.from(secret), ...claims, expiresInS: 7200 });
  return minted;
}

/** Boxes that share an engine. */
export class Boxes {
  readonly folder = mkdtempSync(join(tmpdir(), 'simgate-boxes-'));
  readonly keyFile = join(this.folder, 'key');
  readonly all: Box[] = [];

  constructor() {
    writeFileSync(this.keyFile, randomBytes(32), { mode: 0o600 });
  }

  static async start(count: number, options: BoxOptions): Promise<Boxes> {
    const boxes = new Boxes();
    await Promise.all(Array.from({ length: count }, (_, index) => boxes.add(index, options)));
    return boxes;
  }

  async add(index: number, options: BoxOptions): Promise<Box> {
    const box = new Box(this.folder, `box${index + 1}`);
    this.all[index] = box;
    await box.setUp(this.keyFile, options);
    return box;
  }

  /** The texts that any network took. */
  texts(): string[] {
    return this.all.flatMap((box) => box.accepted().map(({ text }) => text ?? ''));
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((box) => box.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
