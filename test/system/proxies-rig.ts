import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestInClear,
} from 'node:http';
import { request as requestOverTls } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { readPages } from './docs-markdown.js';
import { freePort } from './free-port.js';

export type ProxyKind = 'nginx' | 'caddy' | 'haproxy';
/** Those that stand before one simgate; all of them may stand before several boxes. */
export const proxyKinds: readonly ProxyKind[] = ['nginx', 'caddy'];

const shipped = join(import.meta.dirname, '../../config/proxy');
const debian = '/etc/nginx/nginx.conf';
/** The name in the shipped files; the caller asks for it without asking DNS. */
const hostName = 'sms.example.com';
/**
 * Who the proxies run as when the tests run as root: `nobody`, who can write nowhere but in the
 * proxy's folder.
 */
const nobody = 65_534;
const pollMs = 20;

/** What came back through a proxy. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  /** From the call to the end of the answer. */
  tookMs: number;
}

/** A request as it is put onto the wire; a string goes with its length, an array in chunks. */
export interface Call {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string | readonly string[];
  signal?: AbortSignal;
  /** Plain HTTP to this port, instead of HTTPS to the proxy's. */
  inClearTo?: number;
}

/**
 * Which paths a proxy lets through: those that stand in the shipped file, or those that its comment
 * shows for a gateway with callers of other kinds.
 */
export type Published = 'shipped' | 'documented';

/**
 * A proxy of Debian's with the shipped configuration: only ports, certificate, logs and pid file
 * are others.
 */
export class ReverseProxy {
  readonly folder = mkdtempSync(join(tmpdir(), 'simgate-proxy-'));
  httpsPort = 0;
  httpPort = 0;
  readonly #process: ChildProcess;
  readonly #ca: string;
  #said = '';

  private constructor(
    kind: ProxyKind,
    upstreams: readonly number[],
    ports: readonly [number, number],
    published: Published,
  ) {
    [this.httpPort, this.httpsPort] = ports;
    this.#ca = makeCertificate(this.folder);
    const [command, ...args] = writers[kind](this.folder, upstreams, ports, published);
    const owner = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
    if (owner.uid !== undefined) giveAway(this.folder, owner.uid);
    const env = { PATH: process.env.PATH, HOME: this.folder };
    this.#process = spawn(command, args, {
      ...owner,
      env,
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer) => {
      this.#said += chunk.toString();
    };
    this.#process.stdout?.on('data', keep);
    this.#process.stderr?.on('data', keep);
  }

  /**
   * Resolves when both ports can be connected to; rejects with what the proxy said when it ends
   * before.
   */
  static async start(
    kind: ProxyKind,
    upstream: number | readonly number[],
    published: Published = 'shipped',
  ): Promise<ReverseProxy> {
    const ports = [await freePort(), await freePort()] as const;
    const proxy = new ReverseProxy(kind, [upstream].flat(), ports, published);
    const ended = once(proxy.#process, 'exit').then(() => {
      throw new Error(`${kind} ended: ${proxy.#said}`);
    });
    const listens = Promise.all(
      [proxy.httpPort, proxy.httpsPort].map((port) => untilListening(port)),
    );
    await Promise.race([listens, ended]);
    // From here on it ends when it is told to.
    ended.catch(() => undefined);
    return proxy;
  }

  /** Everything the proxy has logged: stdout, stderr and the files in its folder. */
  logs(): string {
    const files = readdirSync(this.folder).filter((name) => name.endsWith('.log'));
    return [this.#said, ...files.map((name) => readFileSync(join(this.folder, name), 'utf8'))].join(
      '\n',
    );
  }

  /**
   * Sends one request on a connection of its own. Rejects when the connection breaks without an
   * answer.
   */
  async call({
    method = 'POST',
    path = '/sms',
    headers = {},
    body = '',
    signal,
    inClearTo,
  }: Call): Promise<Answer> {
    const from = performance.now();
    const options = {
      host: '127.0.0.1',
      method,
      path,
      headers: { host: hostName, ...headers },
      agent: false,
      signal,
    };
    const request =
      inClearTo === undefined
        ? requestOverTls({ ...options, port: this.httpsPort, servername: hostName, ca: this.#ca })
        : requestInClear({ ...options, port: inClearTo });
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    if (typeof body === 'string') request.end(body);
    else {
      for (const chunk of body) request.write(chunk);
      request.end();
    }
    const [response] = await answered;
    const received = await text(response);
    const { statusCode: status = 0 } = response;
    return { status, headers: response.headers, body: received, tookMs: performance.now() - from };
  }

  /**
   * Writes octets and returns what comes back until the proxy closes the connection or resets it.
   * Once `sendingEnds` resolves, our sending side is closed and the other stays open.
   */
  async exchange(octets: string, sendingEnds?: Promise<unknown>): Promise<string> {
    const tcp = connect({
      host: '127.0.0.1',
      port: this.httpsPort,
      allowHalfOpen: sendingEnds !== undefined,
    });
    const socket = connectTls({ socket: tcp, servername: hostName, ca: this.#ca });
    const closed = new Promise<void>((resolve, reject) => {
      socket.once('end', () => resolve()).once('close', () => resolve());
      socket.once('error', (error: NodeJS.ErrnoException) =>
        error.code === 'ECONNRESET' ? resolve() : reject(error),
      );
    });
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.write(octets);
    const ends = sendingEnds?.then(() => socket.end());
    await Promise.all([closed, ends]);
    socket.destroy();
    return answer;
  }

  async stop(): Promise<void> {
    const running = this.#process.exitCode === null && this.#process.signalCode === null;
    if (running) {
      const exited = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      await exited;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The test's own timeout is the limit. */
async function untilListening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await pause(pollMs);
  }
}

/** A self-signed certificate; returns it as the only authority the caller trusts. */
function makeCertificate(folder: string): string {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const kind = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-noenc',
    '-days',
    '2',
  ];
  const names = ['-subj', `/CN=${hostName}`, '-addext', `subjectAltName=DNS:${hostName}`];
  execFileSync(
    'openssl',
    ['req', '-x509', ...kind, ...names, '-keyout', key, '-out', certificate],
    {
      stdio: 'pipe',
    },
  );
  return readFileSync(certificate, 'utf8');
}

type Replacement = readonly [from: string | RegExp, to: string];

/**
 * Replaces each; throws when the file has it no more, so that nothing is tried but what is shipped.
 */
function substitute(file: string, replacements: readonly Replacement[]): string {
  return replacements.reduce(
    (content, [from, to]) => {
      const replaced = content.replaceAll(from, () => to);
      if (replaced === content) throw new Error(`${file} holds no ${from}`);
      return replaced;
    },
    readFileSync(file, 'utf8'),
  );
}

/** What makes the paths of the file those of its own comment, which stands above them. */
function publishing(file: string, paths: RegExp, published: Published): Replacement[] {
  const [documented, own, ...others] = readFileSync(file, 'utf8').match(paths) ?? [];
  if (documented === undefined || own === undefined || others.length > 0)
    throw new Error(`${file} does not hold ${paths} twice`);
  return published === 'shipped' ? [] : [[own, documented]];
}

const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/** Debian's own nginx.conf with the shipped site in it. Returns the command. */
function writeNginxConfig(
  folder: string,
  upstreams: readonly number[],
  [http, https]: readonly [number, number],
  published: Published,
) {
  const file = join(shipped, 'nginx/simgate.conf');
  const site = substitute(file, [
    ...publishing(file, /"\^\(\?:\/sms[^"]*"/g, published),
    ['listen 80;', `listen 127.0.0.1:${http};`],
    ['listen 443 ssl;', `listen 127.0.0.1:${https} ssl;`],
    ...(upstreams.length > 1 ? nginxForBoxes(upstreams) : oneUpstream(upstreams)),
    [`/etc/letsencrypt/live/${hostName}/fullchain.pem`, join(folder, 'certificate.pem')],
    [`/etc/letsencrypt/live/${hostName}/privkey.pem`, join(folder, 'key.pem')],
    ['/var/www/html', join(folder, 'www')],
    ['/var/log/nginx/', `${folder}/`],
  ]);
  const main = substitute(debian, [
    ['/run/nginx.pid', join(folder, 'nginx.pid')],
    ['/var/log/nginx/', `${folder}/`],
    // Debian's are made by root at the first start. Nothing can be written to these: no text may
    // get onto the disk.
    [
      'http {\n',
      `http {\n${temporary.map((name) => `${name}_temp_path ${join(folder, name)};\n`).join('')}`,
    ],
    [/include \/etc\/nginx\/conf\.d\/.*;/g, ''],
    [/include \/etc\/nginx\/sites-enabled\/.*;/g, `include ${join(folder, 'simgate.conf')};`],
  ]);
  writeFileSync(join(folder, 'simgate.conf'), site);
  writeFileSync(join(folder, 'nginx.conf'), main);
  for (const name of temporary) mkdirSync(join(folder, name), { mode: 0o500 });
  mkdirSync(join(folder, 'www/.well-known/acme-challenge'), { recursive: true });
  writeFileSync(join(folder, 'www/.well-known/acme-challenge/token'), 'proof');
  return [
    'nginx',
    '-e',
    join(folder, 'start.log'),
    '-c',
    join(folder, 'nginx.conf'),
    '-g',
    'daemon off;',
  ] as const;
}

/** The ports are options of Caddy's, so that the sites stay as they are. Returns the command. */
function writeCaddyfile(
  folder: string,
  upstreams: readonly number[],
  [http, https]: readonly [number, number],
  published: Published,
) {
  const surroundings = [
    'admin off',
    'default_bind 127.0.0.1',
    `http_port ${http}`,
    `https_port ${https}`,
  ];
  const shippedFile = join(shipped, 'Caddyfile');
  const site = substitute(shippedFile, [
    ...publishing(shippedFile, /\^\(\/sms\S*/g, published),
    ['\n{\n', `\n{\n${surroundings.join('\n')}\n`],
    [/#tls .*/g, `tls ${join(folder, 'certificate.pem')} ${join(folder, 'key.pem')}`],
    ...(upstreams.length > 1 ? caddyForBoxes(upstreams) : oneUpstream(upstreams)),
  ]);
  const file = join(folder, 'Caddyfile');
  writeFileSync(file, site);
  return ['caddy', 'run', '--adapter', 'caddyfile', '--config', file] as const;
}

const oneUpstream = ([port]: readonly number[]): Replacement[] => [
  ['127.0.0.1:8080', `127.0.0.1:${port}`],
];

/** A block of docs/proxy.md, for the boxes at these ports of this machine. */
function documentedFor(language: string, index: number, upstreams: readonly number[]): string {
  const page = readPages(join(import.meta.dirname, '../..')).find(
    ({ path }) => path === 'docs/proxy.md',
  );
  const fence = page?.fences.filter((each) => each.language === language)[index];
  if (fence === undefined) throw new Error(`docs/proxy.md has no block ${index} of ${language}`);
  return upstreams.reduce(
    (text, port, box) => text.replaceAll(`192.0.2.${11 + box}:8080`, `127.0.0.1:${port}`),
    fence.text,
  );
}

/** As docs/proxy.md has it: what stands before the servers, and what stands for two lines. */
function nginxForBoxes(upstreams: readonly number[]): Replacement[] {
  return [
    ['log_format simgate', `${documentedFor('nginx', 0, upstreams)}log_format simgate`],
    ['proxy_pass http://127.0.0.1:8080$uri;', 'proxy_pass http://boxes$uri;'],
    ['proxy_next_upstream off;', documentedFor('nginx', 1, upstreams)],
  ];
}

/** As docs/proxy.md has it: what stands for the line that names the box. */
function caddyForBoxes(upstreams: readonly number[]): Replacement[] {
  const block = documentedFor('caddyfile', 0, upstreams);
  return [['reverse_proxy 127.0.0.1:8080 {', block.replace(/\s*\}\s*$/, '')]];
}

/** Returns the command. */
function writeHaproxyConfig(
  folder: string,
  upstreams: readonly number[],
  [http, https]: readonly [number, number],
  published: Published,
) {
  const shippedFile = join(shipped, 'haproxy/haproxy.cfg');
  const config = substitute(shippedFile, [
    ...(published === 'shipped'
      ? []
      : [['(?:/sms|', '(?:/sms|/supabase|/zitadel|'] satisfies Replacement]),
    [/^ {4}(user|group) haproxy\n/gm, ''],
    ['log /dev/log local0', 'log stdout format raw local0'],
    ['bind :443 ', `bind 127.0.0.1:${https} `],
    ['bind :80', `bind 127.0.0.1:${http}`],
    [`/etc/haproxy/${hostName}.pem`, join(folder, 'both.pem')],
    [
      /( {4}server box\d .*\n)+/g,
      upstreams.map((port, box) => `    server box${box + 1} 127.0.0.1:${port}\n`).join(''),
    ],
  ]);
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, config);
  const pems = ['certificate.pem', 'key.pem'].map((name) => readFileSync(join(folder, name)));
  writeFileSync(join(folder, 'both.pem'), Buffer.concat(pems));
  return ['haproxy', '-db', '-f', file] as const;
}

type WriteConfig = (
  folder: string,
  upstreams: readonly number[],
  ports: readonly [http: number, https: number],
  published: Published,
) => readonly [command: string, ...args: string[]];

/** Each writes its configuration into the folder, and returns the command that runs it. */
const writers: Readonly<Record<ProxyKind, WriteConfig>> = {
  nginx: writeNginxConfig,
  caddy: writeCaddyfile,
  haproxy: writeHaproxyConfig,
};

function giveAway(folder: string, owner: number): void {
  chmodSync(folder, 0o755);
  for (const path of ['.', ...readdirSync(folder, { recursive: true })]) {
    chownSync(join(folder, path.toString()), owner, owner);
  }
}
