import { randomUUID } from 'node:crypto';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'winston';
import type { ListenAddress, ListenSocket } from '../config/config.js';
import { SendError, type SendErrorCode } from '../errors.js';
import { LimitedLog } from '../log.js';
import { type Bound, bind } from './bind.js';
import type { HttpAnswer } from './callers/caller.js';
import { type ConnectionLimits, Connections } from './connections.js';
import { toProblemAnswer, toRawAnswer } from './problem.js';

/** What a caller may take of the server. */
export interface ServerLimits extends ConnectionLimits {
  /** Milliseconds for a request's header to be whole. */
  headersTimeoutMs: number;
  /** Milliseconds for a whole request. */
  requestTimeoutMs: number;
  /**
   * Milliseconds an idle connection is kept: longer than nginx (60 s) and Caddy (120 s) reuse
   * theirs.
   */
  keepAliveTimeoutMs: number;
  /** Octets of a request's header. */
  maxHeaderOctets: number;
}

const defaultLimits: ServerLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  checkIntervalMs: 1_000,
  keepAliveTimeoutMs: 125_000,
  maxHeaderOctets: 16_384,
  maxConnections: 512,
  maxPipelined: 32,
  readTimeoutMs: 30_000,
  lingerMs: 1_000,
};

/** What a server needs. */
export interface ServerOptions<Where extends ListenAddress | ListenSocket> {
  handler: RequestListener;
  listen: Where;
  log: Logger;
  limits?: Partial<ServerLimits>;
  /** Told of each request that is answered here, for it never came to `handler`. Must not throw. */
  onRefused?: (code: SendErrorCode) => void;
}

/** Whom a refusal is told. */
interface Refuser {
  log: Logger;
  onRefused: ServerOptions<ListenAddress>['onRefused'];
}

/** A listener with its connections. */
export interface HttpServer<Where extends ListenAddress | ListenSocket> {
  /** Binds the address, and tells what was bound; rejects with a `ListenError`. */
  listen(): Promise<Bound<Where>>;
  /**
   * Takes no new connection, lets requests under way be answered for at most `graceMs`
   * milliseconds, then cuts what is left. May be called more than once.
   */
  close(graceMs: number): Promise<void>;
}

/**
 * Node's HTTP server with bounds, and with problem details (RFC 9457) where Node would answer by
 * itself: broken requests (400), late ones (408), headers too large (431), expectations (417),
 * CONNECT (405).
 */
export function createServer<Where extends ListenAddress | ListenSocket>({
  handler,
  listen,
  log,
  limits,
  onRefused,
}: ServerOptions<Where>): HttpServer<Where> {
  const refuser: Refuser = { log, onRefused };
  const bounds = { ...defaultLimits, ...limits };
  const server = createBoundedServer(bounds);
  const connections = new Connections(server, bounds, warnWhenFull(bounds, log));
  let closed: Promise<void> | undefined;

  const handle =
    (act: RequestListener): RequestListener =>
    (req, res) => {
      if (!connections.began(res)) return;
      if (closed) res.setHeader('Connection', 'close');
      act(req, res);
    };
  server.on(
    'request',
    handle((req, res) => {
      const code = improperRequest(req);
      if (code !== undefined) refuse(res, code, refuser);
      else handler(req, res);
    }),
  );
  server.on(
    'checkExpectation',
    handle((_req, res) => refuse(res, 'expectation_failed', refuser)),
  );
  answerBelowHttp(server, connections, bounds.lingerMs, refuser);

  return {
    listen: async () => {
      const address = await bind(server, listen);
      server.on('error', (error) =>
        log.error('listener failed', { event: 'listener_failed', error }),
      );
      return address;
    },
    close: (graceMs) => {
      closed ??= closeGracefully(server, connections, graceMs);
      return closed;
    },
  };
}

function createBoundedServer(bounds: ServerLimits): Server {
  return createHttpServer({
    headersTimeout: bounds.headersTimeoutMs,
    requestTimeout: bounds.requestTimeoutMs,
    connectionsCheckingInterval: bounds.checkIntervalMs,
    keepAliveTimeout: bounds.keepAliveTimeoutMs,
    maxHeaderSize: bounds.maxHeaderOctets,
    // Whatever NODE_OPTIONS says: a lenient parser is one that can be smuggled past.
    insecureHTTPParser: false,
    // Node's own answer to a missing Host has no body; ours has.
    requireHostHeader: false,
  });
}

/** One line a minute at most: anyone who reaches the listener can cause it. */
function warnWhenFull({ maxConnections }: ServerLimits, log: Logger): () => void {
  const limited = new LimitedLog(log, 1, undefined, 'connections came while all were taken');
  const message = `all ${maxConnections} connections are taken: to each new one the least useful gives way, none that waits for its answer`;
  return () => limited.warn(message, () => ({ event: 'connections_full' }));
}

function closeGracefully(server: Server, connections: Connections, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    let isCut = false;
    const cut = setTimeout(() => {
      isCut = true;
      server.closeAllConnections();
    }, graceMs);
    connections.closeAllWhenAnswered();
    // Not before what the kernel has let in is taken out of its list, and what has come on idle
    // connections is read, for that is reset with them, and a proxy could not know that nothing was
    // sent: this round of the event loop may have looked there already, the next one does.
    setImmediate(() =>
      setImmediate(() => {
        connections.closeAllWhenAnswered();
        // Its one error says that it was not listening, and then it is closed too.
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        // What came in since then would be waited for without an end.
        if (isCut) server.closeAllConnections();
      }),
    );
  });
}

/** An answer through Node's response object, where Koa has no part in it. */
function refuse(res: ServerResponse, code: SendErrorCode, refuser: Refuser): void {
  const { status, headers, body } = newAnswer(code, refuser);
  // Not with the others: what stands behind this request is not to be handled, and by this it is
  // known.
  res.setHeader('Connection', 'close').writeHead(status, headers);
  res.end(body);
}

function newAnswer(code: SendErrorCode, { log, onRefused }: Refuser): HttpAnswer {
  onRefused?.(code);
  const id = randomUUID();
  log.debug('refused a request', { event: 'request_refused', id, code });
  return toProblemAnswer(new SendError(code), id);
}

/**
 * The ways in which Node's timers and parser give up on a connection; any other is a request that
 * is no HTTP.
 */
const codeOf = new Map<string | undefined, SendErrorCode>([
  ['ERR_HTTP_REQUEST_TIMEOUT', 'request_timeout'],
  ['HPE_HEADER_OVERFLOW', 'headers_too_large'],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 'body_too_large'],
]);

/**
 * Where there is no response object: answers go onto the socket itself, once, and never between
 * others.
 */
function answerBelowHttp(
  server: Server,
  connections: Connections,
  lingerMs: number,
  refuser: Refuser,
): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // Not writable: it failed, or was answered, for Node reports a broken one again with each chunk
    // that still comes in.
    if (!socket.writable) return;
    if (connections.closeBroken(socket)) {
      endWith(
        socket,
        toRawAnswer(newAnswer(codeOf.get(error.code) ?? 'request_malformed', refuser)),
        lingerMs,
      );
    }
  });
  server.on('connect', (_req, socket: Duplex) => {
    // The parser is gone and with it whoever listened for errors.
    socket.on('error', (error) =>
      refuser.log.debug('connection failed', { event: 'connection_failed', error }),
    );
    const { headers, ...answer } = newAnswer('method_not_allowed', refuser);
    endWith(
      socket,
      toRawAnswer({ ...answer, headers: { ...headers, Allow: 'GET, HEAD, POST' } }),
      lingerMs,
    );
  });
}

/**
 * To destroy at once would reset the connection when more has come in, and the caller may lose the
 * answer (RFC 9112 9.6).
 */
function endWith(socket: Duplex, answer: string, lingerMs: number): void {
  const cut = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(cut));
  socket.end(answer);
}

/** Header fields of a request; proxies and callers together send some 20. */
const maxFields = 100;

/**
 * Fields of which a request has one at most (RFC 9110 5.3). Node keeps the first of two, others the
 * last: whoever looked at the request before us may have judged the other one. A second
 * Content-Length is refused by Node's parser.
 */
const singular = new Set(['host', 'authorization', 'idempotency-key']);

/**
 * What Node's parser lets through and we do not, as the code to refuse it with: a request that
 * another reader, such as the proxy before us, could understand differently (RFC 9112 11.2), or
 * that is no HTTP/1.0 or 1.1.
 */
function improperRequest(req: IncomingMessage): SendErrorCode | undefined {
  if (req.rawHeaders.length > 2 * maxFields) return 'headers_too_large';
  return isProper(req) ? undefined : 'request_malformed';
}

/** Surely a URL, and every path of ours is so. */
const plainPath = /^\/[\w-]*$/;

function isProper(req: IncomingMessage): boolean {
  const { httpVersion, headers, url = '' } = req;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return false;
  // RFC 9112 3.2
  if (httpVersion === '1.1' && headers.host === undefined) return false;
  // RFC 9112 6.1: HTTP/1.0 has no transfer codings, and we have no other than this one.
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && (httpVersion === '1.0' || coding.toLowerCase() !== 'chunked'))
    return false;
  // A target that is no URL makes Koa's router throw; it is the caller's fault, not ours.
  if (!plainPath.test(url) && url !== '*' && !URL.canParse(url, 'http://localhost')) return false;
  return !hasTwoOfOne(req.rawHeaders);
}

/** `rawHeaders`: names and values in turn. */
function hasTwoOfOne(rawHeaders: readonly string[]): boolean {
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (!singular.has(name)) continue;
    if (seen.has(name)) return true;
    seen.add(name);
  }
  return false;
}
