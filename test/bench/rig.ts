import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mintToken } from '../../src/secret/token.js';
import { claims, configHead, openPolicy } from '../config-text.js';
import { Caller, type Exchange } from './caller.js';
import { ModemProcess, readIfThere, startSimgate, stop, waitFor } from './processes.js';
import { requestOf, shortText } from './requests.js';

/** A message, and how it was answered. */
export interface Sent extends Exchange {
  recipient: string;
}

/** How the daemon of a rig differs from the usual. */
export interface RigOptions {
  /** The table `[policy]`; default: everything is let in. */
  policy?: string;
  /** `message.max_waiting`; default: the daemon's own. */
  maxWaiting?: number;
  /** `message.deadline_s`; default: the daemon's own. */
  deadlineS?: number;
  /**
   * False: where the journal's file would be there is a folder, so that the daemon goes on without
   * one.
   */
  hasJournal?: boolean;
  /** True: each message has an `Idempotency-Key` of its own. */
  isKeyed?: boolean;
  /** Of the kind `auth0`, all at `/sms`, each with a secret of its own; default: one. */
  callers?: number;
  /** Port of the engine that it shares with other boxes; default: it is alone. */
  enginePort?: number;
  /** More lines of each modem's table, and tables behind it. */
  settings?: string;
  /** `dist/cli.js` of the daemon's build; default: ours. */
  cli?: string;
}

/** The whole daemon in a process of its own, at virtual modems in others, and we who call it. */
export class Rig {
  readonly modems: readonly ModemProcess[];
  readonly daemonPid: number;
  readonly adminPort: number;
  readonly #daemon: ChildProcess;
  readonly #port: number;
  /** One of each caller. */
  readonly #tokens: readonly [string, ...string[]];
  readonly #isKeyed: boolean;
  readonly #callers: Caller[] = [];
  #messages = 0;

  private constructor(
    modems: readonly ModemProcess[],
    daemon: ChildProcess,
    { port, adminPort }: Ports,
    tokens: readonly [string, ...string[]],
    isKeyed: boolean,
  ) {
    this.#isKeyed = isKeyed;
    this.modems = modems;
    this.#daemon = daemon;
    this.#port = port;
    this.adminPort = adminPort;
    this.#tokens = tokens;
    this.daemonPid = daemon.pid!;
  }

  /** A rig with one modem. `modemFlags` are those of `simgate simulate`. */
  static start(modemFlags: readonly string[] = [], options: RigOptions = {}): Promise<Rig> {
    return Rig.startWith([modemFlags], options);
  }

  /**
   * Resolves when the daemon has said of every modem that it is ready. `flagsOfEach` are those of
   * `simgate simulate`, one list a modem.
   */
  static async startWith(
    flagsOfEach: readonly (readonly string[])[],
    options: RigOptions = {},
  ): Promise<Rig> {
    const modems = await Promise.all(flagsOfEach.map((flags) => ModemProcess.start(flags)));
    const { folder } = modems[0]!;
    const [secret, ...others] = Array.from({ length: options.callers ?? 1 }, newSecret);
    const [config, log] = [join(folder, 'simgate.toml'), join(folder, 'log')];
    writeFileSync(join(folder, 'key'), randomBytes(32), { mode: 0o600 });
    writeFileSync(join(folder, 'secret'), secret!, { mode: 0o600 });
    for (const [index, other] of others.entries())
      writeFileSync(join(folder, callerName(index)), other, { mode: 0o600 });
    writeFileSync(
      config,
      configOf(
        modems.map(({ tty }) => tty),
        options,
      ),
    );
    if (options.hasJournal === false)
      mkdirSync(join(folder, 'state', 'journal.db'), { recursive: true });
    const stdout = openSync(log, 'w');
    const daemon = startSimgate(['serve', '--config', config], ['ignore', stdout], options.cli);
    closeSync(stdout);
    const ports = await waitFor('the daemon', daemon, () => portsIn(readIfThere(log)));
    for (const index of modems.keys()) {
      const name = modemName(index);
      await waitFor(name, daemon, () => isReadyIn(readIfThere(log), name) || undefined);
    }
    const [token, ...tokens] = await Promise.all([secret!, ...others].map(tokenOf));
    return new Rig(modems, daemon, ports, [token!, ...tokens], options.isKeyed === true);
  }

  /** One that the daemon takes. */
  get token(): string {
    return this.#tokens[0];
  }

  /** The only modem, or the first. */
  get modem(): ModemProcess {
    return this.modems[0]!;
  }

  /** A connection, to be used within 10 s: so long the daemon waits for its first request. */
  async connect(): Promise<Caller> {
    const caller = await Caller.open(this.#port);
    this.#callers.push(caller);
    return caller;
  }

  async connectMany(count: number): Promise<Caller[]> {
    return Promise.all(Array.from({ length: count }, () => this.connect()));
  }

  /**
   * Sends one message, each to a recipient of its own, so that none supersedes another and each is
   * found in the record.
   */
  async send(caller: Caller, text = shortText): Promise<Sent> {
    this.#messages += 1;
    const recipient = `+4915${String(this.#messages).padStart(9, '0')}`;
    const key = this.#isKeyed ? recipient : undefined;
    const token = this.#tokens[this.#messages % this.#tokens.length]!;
    const exchange = await caller.exchange(
      requestOf({ token, recipient, text, ...(key !== undefined && { key }) }),
    );
    return { recipient, ...exchange };
  }

  /** A request that is no message of its own. */
  request(recipient: string, token = this.token): Buffer {
    return requestOf({ token, recipient });
  }

  /** As {@link send}; rejects unless the answer is 200. */
  async deliver(caller: Caller, text = shortText): Promise<Sent> {
    const sent = await this.send(caller, text);
    if (sent.status !== 200)
      throw new Error(`answered ${sent.status}, where 200 was sure: ${sent.body}`);
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

  /** Ends the daemon at once, where an orderly stop would wait for what is at the modem. */
  kill(): void {
    for (const caller of this.#callers) caller.close();
    this.#daemon.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const caller of this.#callers) caller.close();
    await stop(this.#daemon);
    await Promise.all(this.modems.map((modem) => modem[Symbol.asyncDispose]()));
  }
}

/** Several rigs that begin and end together. */
export class Rigs {
  readonly list: readonly Rig[];

  constructor(list: readonly Rig[]) {
    this.list = list;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.list.map((rig) => rig[Symbol.asyncDispose]()));
  }
}

/** A rig for the daemon of each build. */
export async function startEach(
  clis: readonly string[],
  start: (cli: string) => Promise<Rig>,
): Promise<Rigs> {
  return new Rigs(await Promise.all(clis.map(start)));
}

/** No guard time, and no liveness probe while we look; every other setting is the default. */
function configOf(
  ttys: readonly string[],
  {
    policy = openPolicy,
    maxWaiting,
    deadlineS,
    callers = 1,
    enginePort,
    settings = '',
  }: RigOptions,
): string {
  const modems = ttys.map(
    (tty, index) => `[[modem]]
name = "${modemName(index)}"
device = "${tty}"
guard_ms = 0
idle_probe_s = 86400
${settings}
`,
  );
  const others = Array.from(
    { length: callers - 1 },
    (_, index) => `[[caller]]
name = "${callerName(index)}"
kind = "auth0"
subject = "${claims.subject}"
audience = "${claims.audience}"
secret_file = "${callerName(index)}"
`,
  );
  const shared =
    enginePort === undefined
      ? ''
      : `[shared]\nurl = "redis://127.0.0.1:${enginePort}"\nkey_file = "key"\n`;
  return `${configHead()}${policy}${shared}${others.join('')}[message]
${maxWaiting === undefined ? '' : `max_waiting = ${maxWaiting}\n`}${deadlineS === undefined ? '' : `deadline_s = ${deadlineS}\n`}${modems.join('')}`;
}

function newSecret(): string {
  return randomBytes(32).toString('hex');
}

function tokenOf(secret: string): Promise<string> {
  return mintToken({ secret: Buffer.from(secret), ...claims, expiresInS: 3600 });
}

/** Of those beside the first. */
function callerName(index: number): string {
  return `caller${index + 2}`;
}

function modemName(index: number): string {
  return `modem${index + 1}`;
}

/** Port 0 was asked for; which it became stands in the daemon's first lines. */
/** Where a daemon listens. */
interface Ports {
  port: number;
  adminPort: number;
}

function portsIn(log: string): Ports | undefined {
  const match = /"event":"started".*?"port":(\d+),"admin_port":(\d+)/.exec(log);
  return match ? { port: Number(match[1]), adminPort: Number(match[2]) } : undefined;
}

function isReadyIn(log: string, modem: string): boolean {
  return log.includes(`"modem":"${modem}","phase":"ready"`);
}
