import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import * as v from 'valibot';
import { OperatorError } from '../errors.js';
import { escapeControls } from '../words/foreign.js';
import { type ControlRequest, LineCutter, maxAnswerOctets, parseObject } from './protocol.js';

/** Nobody listens at the socket: no daemon runs, or not with this socket. */
export class NoDaemon extends Error {
  override readonly name = 'NoDaemon';
}

/** The request was put, and nobody knows what became of it: no answer comes any more. */
export class Unanswered extends OperatorError {}

/** A daemon has the socket, and says nothing at all: it is stopped, or its loop is. */
export class NoAnswer extends Unanswered {
  readonly what: string;
  readonly remedy = 'sudo systemctl restart simgate, and report it with the log';

  constructor(path: string) {
    const what = `the daemon at ${path} answers nobody: its process is stopped, or stuck`;
    super(what);
    this.what = what;
    this.message = `${what}. ${this.remedy}`;
  }
}

/** Milliseconds for a daemon that lives to say something, and half of those between two looks. */
const aliveMs = 5_000;

/**
 * Asks the daemon and yields the lines of its answer. Leaving the loop, or `signal`, takes the
 * request back as far as the daemon can. Throws {@link NoDaemon}, or {@link OperatorError} for
 * everything else, the daemon's own refusal among it. An answer may take as long as it likes, but
 * only of a daemon that answers others meanwhile: else it is {@link NoAnswer}.
 */
export async function* askDaemon(
  path: string,
  request: ControlRequest,
  signal?: AbortSignal,
  patienceMs = aliveMs,
): AsyncGenerator<Record<string, unknown>, void, undefined> {
  signal?.throwIfAborted();
  const socket = await connect(path);
  const leave = () => socket.destroy();
  signal?.addEventListener('abort', leave);
  const looking = setInterval(() => endUnlessAlive(socket, path, patienceMs), 2 * patienceMs);
  try {
    socket.write(`${JSON.stringify(request)}\n`);
    const cutter = new LineCutter(maxAnswerOctets);
    for await (const chunk of socket) {
      for (const line of cutter.push(chunk as Buffer)) {
        const answer = fitForTerminal(parseObject(line)) as Record<string, unknown>;
        if (answer.done === true) return;
        if (typeof answer.error === 'string') throw new OperatorError(answer.error);
        yield answer;
      }
    }
    throw new Unanswered('the daemon ended before it had answered: its log says why');
  } catch (error) {
    signal?.throwIfAborted();
    const isBroken = error instanceof Error && 'syscall' in error;
    if (isBroken) throw new Unanswered(`${path}: ${error.message}`, { cause: error });
    throw error;
  } finally {
    clearInterval(looking);
    signal?.removeEventListener('abort', leave);
    socket.destroy();
  }
}

/** Asks the daemon for its state on another connection, and ends this one where nothing comes. */
function endUnlessAlive(socket: Socket, path: string, patienceMs: number): void {
  const other = createConnection(path);
  const late = setTimeout(() => socket.destroy(new NoAnswer(path)), patienceMs);
  const done = (): void => {
    clearTimeout(late);
    other.destroy();
  };
  // One that has ended meanwhile has ended the first connection, too.
  other.once('data', done).once('error', done).once('close', done);
  socket.once('close', done);
  other.write(`${JSON.stringify({ command: 'status' })}\n`);
}

/**
 * Makes an answer fit for the terminal of who asks, which is often root's: no text in it can steer
 * that terminal. Even the daemon's words are not trusted, for somebody may have taken it over. Line
 * breaks stay.
 */
function fitForTerminal(value: unknown): unknown {
  if (typeof value === 'string') return value.split('\n').map(escapeControls).join('\n');
  if (Array.isArray(value)) return value.map(fitForTerminal);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => [
    escapeControls(key),
    fitForTerminal(each),
  ]);
  return Object.fromEntries(entries) as object;
}

/** Codes of connect(2) that mean that nobody listens, or nothing is there. */
const nobody = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTDIR']);

async function connect(path: string): Promise<Socket> {
  const socket = createConnection(path);
  try {
    await once(socket, 'connect');
    return socket;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (nobody.has(code ?? ''))
      throw new NoDaemon(`no daemon listens at ${path}`, { cause: error });
    if (code === 'EACCES' || code === 'EPERM')
      throw new OperatorError(
        `${path} may not be used by this user: run it with sudo, or as a member of the socket's group`,
        { cause: error },
      );
    throw new OperatorError(`${path}: ${message}`, { cause: error });
  }
}

/**
 * A line of an answer as this program knows it. A daemon of another version may speak otherwise:
 * throws {@link OperatorError}.
 */
export function parseAnswer<Schema extends v.GenericSchema>(
  schema: Schema,
  answer: unknown,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, answer);
  if (parsed.success) return parsed.output;
  throw new OperatorError(
    'the running daemon answers what this simgate does not understand: restart it, so that both are of one version',
  );
}

/**
 * Asks for an answer of one line. Throws `NoDaemon`, or {@link OperatorError} for everything else.
 */
export async function askOnce<Schema extends v.GenericSchema>(
  socket: string,
  request: ControlRequest,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  let first: Record<string, unknown> | undefined;
  for await (const answer of askDaemon(socket, request)) {
    // Whoever sits there could go on for ever.
    if (first !== undefined) break;
    first = answer;
  }
  return parseAnswer(schema, first);
}
