import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mintToken } from '../../src/secret/token.js';
import { openPolicy } from '../config-text.js';
import { Child } from '../faults/child.js';
import { VirtualModem } from '../faults/virtual-modem.js';

export const secret = 'the-secret-of-this-test-run-0123456789abcdef';
const [subject, audience] = ['urn:Auth0', 'urn:MySmsGateway'];

/** A line of the daemon's log. */
export type LogLine = Record<string, unknown>;

/** The whole daemon as a process, at a virtual modem in another, on a real tty. */
export class Rig {
  readonly folder = mkdtempSync(join(tmpdir(), 'simgate-e2e-'));
  readonly configFile = join(this.folder, 'simgate.toml');
  readonly log: LogLine[] = [];
  /** Everything the daemon has said, for what must not be in it. */
  raw = '';
  modem!: VirtualModem;
  daemon!: Child;
  port = 0;
  adminPort = 0;
  token = '';
  /** What of the daemon's environment differs from ours. */
  env: NodeJS.ProcessEnv = {};
  /** A command line that becomes the daemon, and each command of the walk, as `setpriv`. */
  under: readonly string[] = [];
  readonly #waiting = new Set<() => void>();

  static async start(
    modemFlags: readonly string[] = [],
    extraConfig = '',
    {
      pin = '',
      env = {},
      phase = 'ready',
      files = {},
    }: {
      pin?: string;
      env?: NodeJS.ProcessEnv;
      phase?: string;
      /** More secrets, by their names. */
      files?: Record<string, string>;
    } = {},
  ): Promise<Rig> {
    const rig = new Rig();
    rig.env = env;
    rig.modem = await VirtualModem.start(rig.folder, 'modem', modemFlags);
    writeFileSync(join(rig.folder, 'secret'), secret, { mode: 0o600 });
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(rig.folder, name), text, { mode: 0o600 });
    if (pin !== '') writeFileSync(join(rig.folder, 'pin'), pin, { mode: 0o600 });
    writeFileSync(rig.configFile, rig.config(rig.modem.link, 'state', extraConfig));
    rig.token = await mintToken({
      secret: Buffer.from(secret),
      subject,
      audience,
      expiresInS: 600,
    });
    await rig.startDaemon();
    await rig.until((line) => line.event === 'modem' && line.phase === phase);
    return rig;
  }

  config(device: string, stateDir: string, extra = ''): string {
    return `state_dir = "${stateDir}"
[http]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
${extra.includes('[control]') ? '' : `[control]\nsocket = "${stateDir}.sock"`}
[auth0]
subject = "${subject}"
audience = "${audience}"
secret_file = "secret"
${extra.includes('[policy]') ? '' : openPolicy}[log]
level = "debug"
format = "json"
[[modem]]
name = "main"
device = "${device}"
guard_ms = 0
${extra}
`;
  }

  async startDaemon(): Promise<void> {
    const onLine = (line: string) => {
      this.raw += `${line}\n`;
      if (!line.startsWith('{')) return;
      this.log.push(JSON.parse(line) as LogLine);
      for (const look of this.#waiting) look();
    };
    this.daemon = new Child(['serve', '--config', this.configFile], onLine, this.env, this.under);
    const from = this.log.length;
    const started = await this.until((line) => line.event === 'started', from);
    this.port = Number(started.port);
    this.adminPort = Number(started.admin_port);
  }

  /** The first line since `from` that fits, when it comes; vitest's own timeout is the limit. */
  until(fits: (line: LogLine) => boolean, from = 0): Promise<LogLine> {
    return new Promise((resolve) => {
      const look = () => {
        const found = this.log.slice(from).find(fits);
        if (found === undefined) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }

  async post(
    message: Record<string, unknown>,
    init: RequestInit = {},
  ): Promise<{ status: number; body: LogLine }> {
    const response = await fetch(`http://127.0.0.1:${this.port}/sms`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(init.headers as Record<string, string>),
      },
      body: JSON.stringify({
        recipient: '+49 151 12345678',
        body: 'Your code is 417093',
        ...message,
      }),
      ...(init.signal ? { signal: init.signal } : {}),
    });
    return { status: response.status, body: (await response.json()) as LogLine };
  }

  /** Resolves when so many messages wait for a modem; vitest's own timeout is the limit. */
  async untilWaiting(count: number): Promise<void> {
    const wanted = new RegExp(`^simgate_messages_waiting ${count}$`, 'm');
    const look = async (): Promise<boolean> => {
      const response = await fetch(`http://127.0.0.1:${this.adminPort}/metrics`);
      return wanted.test(await response.text());
    };
    while (!(await look())) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** The texts that the network accepted, in order. */
  texts(): (string | undefined)[] {
    return this.modem.record().flatMap((entry) => (entry.kind === 'accepted' ? [entry.text] : []));
  }

  async stop(): Promise<void> {
    if (!this.daemon.hasEnded) await this.daemon.end('SIGTERM');
    await this.modem.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
