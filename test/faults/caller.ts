import {
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
  request,
} from 'node:http';
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
  deadlineMs: number;
  outcome: Outcome;
}

/**
 * Milliseconds beyond the deadline after which nobody waits any longer: far past what is judged as
 * too late.
 */
const patienceMs = 15_000;

/**
 * Posts one message to the gateway, as its caller is planned to; resolves with what the caller saw.
 */
export async function post(
  port: number,
  token: string,
  message: PlannedMessage,
  longestDeadlineMs: number,
): Promise<Story> {
  const deadlineMs = Math.min(longestDeadlineMs, (message.waitS ?? Infinity) * 1000);
  const sentNs = process.hrtime.bigint();
  const outcome = await exchange(port, token, message, deadlineMs + patienceMs);
  return { message, sentNs, deadlineMs, outcome };
}

function exchange(
  port: number,
  token: string,
  message: PlannedMessage,
  limitMs: number,
): Promise<Outcome> {
  const body = bodyOf(message);
  return new Promise((resolve) => {
    const timers: NodeJS.Timeout[] = [];
    const end = (outcome: Outcome): void => {
      for (const timer of timers) clearTimeout(timer);
      resolve(outcome);
    };
    const options = {
      ...to(port, '/sms'),
      method: 'POST',
      headers: headersOf(token, message, body),
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
    if (message.leaveAfterMs !== undefined)
      timers.push(setTimeout(giveUp('left'), message.leaveAfterMs));
    outgoing.end(body);
  });
}

function bodyOf({ recipient, text, messageType, sender }: PlannedMessage): string {
  return JSON.stringify({ recipient, body: text, message_type: messageType, sender });
}

function headersOf(token: string, { waitS }: PlannedMessage, body: string): OutgoingHttpHeaders {
  return {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(waitS !== undefined && { prefer: `wait=${waitS}` }),
  };
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
