import {
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
  request,
} from 'node:http';
import type { Asking } from './callers.js';
import type { PlannedMessage } from './plan.js';

/**
 * What a caller saw of its request. Stamps are nanoseconds of CLOCK_MONOTONIC, taken when the
 * caller knew.
 */
export type Outcome =
  | {
      kind: 'answered';
      atNs: bigint;
      status: number;
      body: Readonly<Record<string, unknown>>;
      /** What `Retry-After` says (RFC 9110 10.2.3), in milliseconds; 0 without one. */
      retryAfterMs: number;
    }
  /** It hung up before an answer came. */
  | { kind: 'left'; atNs: bigint }
  /** The connection was refused or broke. */
  | { kind: 'broken'; atNs: bigint; error: string }
  | { kind: 'unanswered'; atNs: bigint };

/** One request: what was asked, and what came of it. */
export interface Story {
  message: PlannedMessage;
  /** When the request was handed to the connection, before the daemon can have had it. */
  sentNs: bigint;
  /** From the request to its answer. */
  deadlineMs: number;
  /** From the request to the end of what was promised; only where 202 may be answered. */
  lateMs?: number;
  outcome: Outcome;
  /** What `GET /sms/{id}` said at the end; undefined where it was not asked. */
  reading?: Reading;
}

/** What a caller can read of its message (DESIGN §4); `none` when there is no such message. */
export interface Reading {
  state: 'waiting' | 'sending' | 'sent' | 'delivered' | 'failed' | 'unknown' | 'none';
  code?: unknown;
  submitted?: unknown;
  references?: unknown;
  delivery?: { state: string };
}

/**
 * Milliseconds beyond the deadline after which nobody waits any longer: far past what is judged as
 * too late.
 */
const patienceMs = 15_000;

/**
 * Posts one message to the gateway, as its caller is planned to; resolves with what the caller saw.
 */
export async function post(port: number, asking: Asking, message: PlannedMessage): Promise<Story> {
  const { lateMs } = asking;
  const deadlineMs = Math.min(asking.deadlineMs, (message.waitS ?? Infinity) * 1000);
  const sentNs = process.hrtime.bigint();
  const outcome = await exchange(port, asking, message, deadlineMs + patienceMs);
  return { message, sentNs, deadlineMs, ...(lateMs !== undefined && { lateMs }), outcome };
}

function exchange(
  port: number,
  { path, body, headers }: Asking,
  { waitS, leaveAfterMs }: PlannedMessage,
  limitMs: number,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const timers: NodeJS.Timeout[] = [];
    const end = (outcome: Outcome): void => {
      for (const timer of timers) clearTimeout(timer);
      resolve(outcome);
    };
    const options = {
      ...to(port, path),
      method: 'POST',
      headers: {
        ...headers,
        'content-length': Buffer.byteLength(body),
        ...(waitS !== undefined && { prefer: `wait=${waitS}` }),
      },
    };
    const outgoing = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => end(broken(error)));
      response.on('end', () => end(answered(response, Buffer.concat(chunks))));
    });
    const giveUp = (kind: 'left' | 'unanswered') => (): void => {
      // The stamp is first: what the daemon does later it does for a caller who has surely gone.
      end({ kind, atNs: process.hrtime.bigint() });
      outgoing.destroy();
    };
    outgoing.on('error', (error) => end(broken(error)));
    timers.push(setTimeout(giveUp('unanswered'), limitMs));
    if (leaveAfterMs !== undefined) timers.push(setTimeout(giveUp('left'), leaveAfterMs));
    outgoing.end(body);
  });
}

/**
 * A connection of its own for each request: one that is kept would break at a restart for reasons
 * that are nobody's fault.
 */
function to(port: number, path: string): RequestOptions {
  return { host: '127.0.0.1', port, path, agent: false };
}

function broken(error: Error): Outcome {
  return { kind: 'broken', atNs: process.hrtime.bigint(), error: error.message };
}

function answered({ statusCode: status = 0, headers }: IncomingMessage, body: Buffer): Outcome {
  const atNs = process.hrtime.bigint();
  const parsed: unknown = JSON.parse(body.toString('utf8'));
  if (typeof parsed !== 'object' || parsed === null)
    return broken(new Error(`${status} without an object`));
  const retryAfterMs = Number(headers['retry-after'] ?? 0) * 1000;
  return { kind: 'answered', atNs, status, body: parsed as Record<string, unknown>, retryAfterMs };
}

/** Asks what became of a message; undefined while nobody listens. */
export function read(
  port: number,
  headers: OutgoingHttpHeaders,
  id: string,
): Promise<Reading | undefined> {
  return new Promise((resolve) => {
    const asked = request({ ...to(port, `/sms/${id}`), headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => resolve(undefined));
      response.on('end', () => {
        const said = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Reading;
        if (response.statusCode === 200) return resolve(said);
        resolve(response.statusCode === 404 ? { state: 'none' } : undefined);
      });
    });
    asked.on('error', () => resolve(undefined));
    asked.end();
  });
}

/** Whether a message could be sent now, as `/readyz` says; false as well while nobody listens. */
export function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(to(port, '/readyz'), (response) => {
      response.resume();
      response.on('error', () => resolve(false));
      response.on('end', () => resolve(response.statusCode === 200));
    });
    asked.setTimeout(1000, () => asked.destroy(new Error('no answer from /readyz')));
    asked.on('error', () => resolve(false));
    asked.end();
  });
}
