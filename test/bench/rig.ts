import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mintToken } from '../../src/secret/token.js';
import { openPolicy } from '../open-policy.js';
import { Caller, type Exchange } from './caller.js';
import { ModemProcess, readIfThere, startSimgate, stop, waitFor } from './processes.js';

/** 55 characters of the GSM alphabet: one segment, 140 octets on the line. */
export const shortText = 'Your code is 482913. It is valid for the next 5 minutes';
/** 400 characters of it: three segments. */
export const longText = `${'Your code is 482913. '.repeat(19)}x`;

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
}

/** What a request says, where it differs from the usual. */
export interface RequestOptions {
  recipient?: string;
  token?: string;
}

/** The whole daemon in a process of its own, at virtual modems in others, and we who call it. */
export class Rig {
  readonly modems: readonly ModemProcess[];
  readonly daemonPid: number;
  readonly #daemon: ChildProcess;
  readonly #port: number;
  /** One that the daemon takes. */
  readonly token: string;
  readonly #isKeyed: boolean;
  readonly #callers: Caller[] = [];
  #messages = 0;

  private constructor(
    modems: readonly ModemProcess[],
    daemon: ChildProcess,
    port: number,
    token: string,
    isKeyed: boolean,
  ) {
    this.#isKeyed = isKeyed;
    this.modems = modems;
    this.#daemon = daemon;
    this.#port = port;
    this.token = token;
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
    const secret = randomBytes(32).toString('hex');
    const [config, log] = [join(folder, 'simgate.toml'), join(folder, 'log')];
    writeFileSync(join(folder, 'secret'), secret, { mode: 0o600 });
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
    const daemon = startSimgate(['serve', '--config', config], ['ignore', stdout]);
    closeSync(stdout);
    const port = await waitFor('the daemon', daemon, () => portIn(readIfThere(log)));
    for (const index of modems.keys()) {
      const name = modemName(index);
      await waitFor(name, daemon, () => isReadyIn(readIfThere(log), name) || undefined);
    }
    const token = await mintToken({
      secret: Buffer.from(secret),
      subject,
      audience,
      expiresInS: 3600,
    });
    return new Rig(modems, daemon, port, token, options.isKeyed === true);
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
    const exchange = await caller.exchange(requestOf(this.token, recipient, text, key));
    return { recipient, ...exchange };
  }

  /** A request that can be sent again and again, and is no message of its own. */
  request({ recipient = '+4915000000000', token = this.token }: RequestOptions = {}): Buffer {
    return requestOf(token, recipient, shortText);
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

  async [Symbol.asyncDispose](): Promise<void> {
    for (const caller of this.#callers) caller.close();
    await stop(this.#daemon);
    await Promise.all(this.modems.map((modem) => modem[Symbol.asyncDispose]()));
  }
}

const subject = 'urn:Auth0';
const audience = 'urn:MySmsGateway';

/** No guard time, and no liveness probe while we look; every other setting is the default. */
function configOf(
  ttys: readonly string[],
  { policy = openPolicy, maxWaiting, deadlineS }: RigOptions,
): string {
  const modems = ttys.map(
    (tty, index) => `[[modem]]
name = "${modemName(index)}"
device = "${tty}"
guard_ms = 0
idle_probe_s = 86400
`,
  );
  return `state_dir = "state"
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
${policy}[message]
${maxWaiting === undefined ? '' : `max_waiting = ${maxWaiting}\n`}${deadlineS === undefined ? '' : `deadline_s = ${deadlineS}\n`}${modems.join('')}`;
}

function modemName(index: number): string {
  return `modem${index + 1}`;
}

/** One piece, so that its first octet and its last are written at the same time. */
function requestOf(token: string, recipient: string, text: string, key?: string): Buffer {
  const req = { ip: '192.0.2.1' };
  const body = JSON.stringify({ recipient, body: text, message_type: 'otp_verify', req });
  const head = [
    'POST /sms HTTP/1.1',
    'Host: localhost',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(key === undefined ? [] : [`Idempotency-Key: ${key}`]),
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** Port 0 was asked for; which it became stands in the daemon's first lines. */
function portIn(log: string): number | undefined {
  const port = /"event":"started".*?"port":(\d+)/.exec(log)?.[1];
  return port === undefined ? undefined : Number(port);
}

function isReadyIn(log: string, modem: string): boolean {
  return log.includes(`"modem":"${modem}","phase":"ready"`);
}
