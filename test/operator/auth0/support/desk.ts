import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import winston from 'winston';
import { auth0Command } from '../../../../src/cli/auth0.js';
import { type ControlServer, openControlSocket } from '../../../../src/control/server.js';
import { OperatorError } from '../../../../src/errors.js';
import { daemonAt } from '../../../../src/operator/auth0/daemon-link.js';
import type { Auth0Environment } from '../../../../src/operator/auth0/environment.js';
import { keyId } from '../../../../src/secret/token.js';
import { Auth0StandIn, management } from '../stand-in.js';

export const gatewayUrl = 'https://sms.example.com/sms';
export const secret = 'the-secret-of-this-test-run-0123456789abcdef';

/** A message in the journal of the daemon, as its control command `log` tells it. */
interface Row {
  id: string;
  /** Default: `auth0`. */
  caller?: string;
  status?: number;
  code?: string;
}

/**
 * The secrets of one caller as they were read from the files at the daemon's start or last reload,
 * and with which of them a message was signed.
 */
export class HeldSecrets {
  current = '';
  previous: string | undefined;
  readonly seenAt = new Map<string, string>();
  readonly #file: string;
  #taken = 0;

  constructor(file: string) {
    this.#file = file;
  }

  read(): void {
    const text = (file: string) => readFileSync(file, 'utf8').replace(/\n$/, '');
    this.current = text(this.#file);
    const previous = `${this.#file}.previous`;
    this.previous = existsSync(previous) ? text(previous) : undefined;
    for (const known of this.seenAt.keys())
      if (known !== this.current && known !== this.previous) this.seenAt.delete(known);
  }

  /** A message that Auth0 signed with `text`. */
  take(text: string): boolean {
    if (text !== this.current && text !== this.previous) return false;
    this.#taken += 1;
    this.seenAt.set(text, new Date(this.#taken * 1000).toISOString());
    return true;
  }

  /** As the control command `auth` tells it. */
  told(): object {
    const id = (text: string | undefined) =>
      text === undefined ? undefined : keyId(Buffer.from(text));
    const seen = (text: string | undefined) =>
      text === undefined ? undefined : this.seenAt.get(text);
    return {
      current_key_id: id(this.current),
      current_seen_at: seen(this.current),
      previous_key_id: id(this.previous),
      previous_seen_at: seen(this.previous),
    };
  }
}

/** What the set-up needs of the daemon, behind a real control socket. */
export class StandInDaemon {
  rows: Row[] = [];
  /** Whether a reload works. */
  isStubborn = false;
  readonly #held: ReadonlyMap<string, HeldSecrets>;
  readonly #socket: string;
  #server: ControlServer | undefined;
  readonly #followers = new Set<() => void>();

  /** @param secretFiles by the callers' names */
  constructor(secretFiles: Readonly<Record<string, string>>, socket: string) {
    this.#held = new Map(
      Object.entries(secretFiles).map(([caller, file]) => [caller, new HeldSecrets(file)]),
    );
    this.#socket = socket;
  }

  of(caller: string): HeldSecrets {
    const held = this.#held.get(caller);
    if (held === undefined) throw new OperatorError(`there is no caller ${caller}`);
    return held;
  }

  /** Of the first caller, as all below. */
  get current(): string {
    return this.#first.current;
  }

  set current(text: string) {
    this.#first.current = text;
  }

  get previous(): string | undefined {
    return this.#first.previous;
  }

  take(text: string): boolean {
    return this.#first.take(text);
  }

  get #first(): HeldSecrets {
    return [...this.#held.values()][0]!;
  }

  async start(): Promise<void> {
    this.read();
    this.#server = await openControlSocket({
      path: this.#socket,
      log: winston.createLogger({
        transports: [new winston.transports.Stream({ stream: new Writable() })],
      }),
      commands: {
        status: async function* () {
          yield { pid: process.pid };
        },
        reload: (_request) => this.#reload(),
        auth: (request) => this.#auth(request),
        log: (request, signal) => this.#log(request, signal),
      },
    });
  }

  async stop(): Promise<void> {
    await this.#server?.close();
  }

  /** As at a start. */
  read(): void {
    for (const held of this.#held.values()) held.read();
  }

  record(row: Row): void {
    this.rows.push(row);
    for (const wake of this.#followers) wake();
  }

  async *#reload() {
    if (this.isStubborn) throw new OperatorError('the secret file cannot be read');
    this.read();
    yield { reloaded: true };
  }

  async *#auth({ caller }: Readonly<Record<string, unknown>>) {
    yield this.of(String(caller)).told();
  }

  async *#log(request: Readonly<Record<string, unknown>>, signal: AbortSignal) {
    if (
      typeof request.to !== 'string' ||
      typeof request.since_ms !== 'number' ||
      request.follow !== true
    )
      throw new OperatorError(`a strange request: ${JSON.stringify(request)}`);
    for (let next = 0; !signal.aborted; ) {
      const row = this.rows[next];
      if (row !== undefined) {
        next += 1;
        yield { row: { caller: 'auth0', ...row } };
        continue;
      }
      await new Promise<void>((resolve) => {
        this.#followers.add(resolve);
        signal.addEventListener('abort', () => resolve());
      });
    }
  }
}

export interface DeskOptions {
  /** Whether the callers have their secrets; default: yes. */
  withSecret?: boolean;
  withDaemon?: boolean;
  /** More keys of [auth0]; false: there is no such table. */
  auth0?: string | false;
  /** More keys of the tables [[caller]] of the kind auth0, by their names. */
  callers?: Readonly<Record<string, string>>;
}

/** Of each caller another, of the first one {@link secret}. */
export const secretOf = (index: number): string =>
  index === 0 ? secret : `the-secret-of-caller-${index}-0123456789abcdef-0123456789`;

/**
 * A tenant, a configuration, a daemon, and a person (or nobody) who runs the commands; all in one
 * process.
 */
export class Desk {
  readonly folder = mkdtempSync(join(tmpdir(), 'simgate-auth0-'));
  readonly configFile = join(this.folder, 'simgate.toml');
  readonly secretFile = join(this.folder, 'auth0-secret');
  readonly stateDir = join(this.folder, 'state');
  readonly daemon: StandInDaemon;
  /** Further tenants. */
  readonly tenants: Auth0StandIn[] = [];
  readonly lines: string[] = [];
  readonly questions: string[] = [];
  /** What the person says when asked; without any, nobody is there. */
  answers: string[] | undefined;
  env: NodeJS.ProcessEnv = { AUTH0_MANAGEMENT_TOKEN: management.token };
  /** What answers at the gateway's URL. */
  gateway: () => Response = () => Response.json({ code: 'token_expired' }, { status: 401 });
  readonly gatewayRequests: Request[] = [];
  /** Milliseconds that the commands wanted to wait. */
  readonly waits: number[] = [];
  /** Called at each wait. */
  onWait: () => void = () => undefined;
  /** Whether waits take their time, else the clock jumps. */
  isPatient = false;
  #clockMs = 0;

  readonly auth0: Auth0StandIn;

  private constructor(auth0: Auth0StandIn, callers: readonly string[]) {
    this.auth0 = auth0;
    const files = callers.map((name) => [name, this.secretFileOf(name)] as const);
    this.daemon = new StandInDaemon(Object.fromEntries(files), join(this.folder, 'control.sock'));
  }

  static async open(options: DeskOptions = {}): Promise<Desk> {
    const { callers = {}, withSecret = true } = options;
    const names = Object.keys(callers);
    if (options.auth0 !== false) names.unshift('auth0');
    const desk = new Desk(await Auth0StandIn.start(), names);
    desk.env.AUTH0_DOMAIN = desk.auth0.origin;
    writeFileSync(desk.configFile, config(options));
    writeFileSync(join(desk.folder, 'group'), 'root:x:0:\n');
    for (const [index, name] of names.entries())
      if (withSecret)
        writeFileSync(desk.secretFileOf(name), `${secretOf(index)}\n`, { mode: 0o600 });
    if (options.withDaemon) await desk.daemon.start();
    return desk;
  }

  secretFileOf(caller: string): string {
    return join(this.folder, `${caller}-secret`);
  }

  /** Another tenant, beside the one that the environment names. */
  async addTenant(): Promise<Auth0StandIn> {
    const tenant = await Auth0StandIn.start();
    this.tenants.push(tenant);
    return tenant;
  }

  async close(): Promise<void> {
    await this.daemon.stop();
    for (const tenant of [this.auth0, ...this.tenants]) await tenant.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Runs `simgate auth0 …`, and gives what it said. */
  run(...words: string[]): Promise<string> {
    return this.runWith(this.environment(), ...words);
  }

  /** As {@link run}, in environment that were tampered with. */
  async runWith(environment: Auth0Environment, ...words: string[]): Promise<string> {
    this.lines.length = 0;
    const quiet = { writeOut: () => undefined, writeErr: () => undefined };
    const command = auth0Command(environment);
    for (const one of [command, ...command.commands]) one.exitOverride().configureOutput(quiet);
    await command.parseAsync([...words, '--config', this.configFile], { from: 'user' });
    return this.lines.join('\n');
  }

  environment(): Auth0Environment {
    return {
      env: this.env,
      fetch: (input, init) => this.#fetch(new Request(input, init)),
      terminal: {
        isInteractive: this.answers !== undefined,
        say: (line) => void this.lines.push(line),
        ask: (question) => this.#ask(question),
        askSecret: (question) => this.#ask(`${question}(hidden)`),
      },
      wait: async (ms, signal) => {
        this.waits.push(ms);
        this.#clockMs += ms;
        this.onWait();
        if (this.isPatient) await delay(ms, undefined, { signal });
      },
      clock: () => this.#clockMs,
      now: () => new Date(),
      daemonAt,
      place: {
        uid: process.getuid!(),
        gid: process.getgid!(),
        groupFile: join(this.folder, 'group'),
      },
    };
  }

  async #fetch(request: Request): Promise<Response> {
    // A tenant that is known by its record alone is asked by https.
    const url = request.url.replace(/^https:/, 'http:');
    const isAuth0s = [this.auth0, ...this.tenants].some(({ origin }) =>
      url.startsWith(`${origin}/`),
    );
    if (isAuth0s) return fetch(new Request(url, request));
    this.gatewayRequests.push(request);
    return this.gateway();
  }

  #ask(question: string): Promise<string> {
    this.questions.push(question);
    const answer = this.answers?.shift();
    if (answer === undefined) throw new Error(`nobody answers: ${question}`);
    return Promise.resolve(answer);
  }
}

function config({ auth0 = '', callers = {} }: DeskOptions): string {
  const table = `[auth0]
subject = "urn:Auth0"
audience = "urn:MySmsGateway"
secret_file = "auth0-secret"
${auth0}
`;
  const others = Object.entries(callers).map(
    ([name, keys]) => `[[caller]]
name = "${name}"
kind = "auth0"
subject = "urn:Auth0"
audience = "urn:MySmsGateway"
secret_file = "${name}-secret"
${keys}
`,
  );
  return `state_dir = "state"
[control]
socket = "control.sock"
${auth0 === false ? '' : table}${others.join('')}[policy]
countries = ["*"]
[[modem]]
name = "main"
device = "/dev/null"
`;
}
