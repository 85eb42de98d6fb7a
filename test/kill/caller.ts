import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Outcome } from '../faults/caller.js';
import type { Daemon } from './daemon.js';
import type { KeyedMessage } from './plan.js';

/** One request with a message's key, and what its caller saw. Nanoseconds of CLOCK_MONOTONIC. */
export interface Try {
  sentNs: bigint;
  outcome: Outcome;
}

/** All that a caller did for one message, in order: each request was over before the next. */
export interface KeyedStory {
  message: KeyedMessage;
  tries: Try[];
}

/** The daemon's, in the configuration of this run. */
export const deadlineMs = 120_000;
/** Beyond it nobody waits. */
const patienceMs = 10_000;
/** Between a refusal and the next try, where `Retry-After` would take longer than a run may. */
const retryMs = 150;
/** Of refusals that may pass; far beyond a restart. */
const mostRefusals = 60;
/**
 * Of refusals by a limit or cap, which do not pass within the run: the second is by another daemon,
 * often.
 */
const mostLimited = 2;

/**
 * Repeats the request of a message until there is a final answer: sent, refused by the network, or
 * unknown for good. A limit or cap is final too, once it was told twice. `onAnswer` hears of each
 * answer at once.
 */
export async function untilFinal(
  daemon: Daemon,
  token: string,
  { message, tries }: KeyedStory,
  onAnswer: () => void,
): Promise<void> {
  for (let limited = 0, refusals = 0; ; ) {
    const port = await daemon.untilUp();
    const last = await tryOnce(port, token, message);
    tries.push(last);
    if (last.outcome.kind === 'unanswered') return;
    if (last.outcome.kind !== 'answered') continue;
    onAnswer();
    const { status, body } = last.outcome;
    if (status !== 503 && status !== 429) return;
    if (body.code === 'rate_limited' || body.code === 'sim_cap_reached') limited += 1;
    refusals += 1;
    if (limited === mostLimited || refusals === mostRefusals) return;
    await pause(retryMs);
  }
}

/** Posts a message with its key once. */
export function tryOnce(port: number, token: string, message: KeyedMessage): Promise<Try> {
  const { recipient, text, messageType, key } = message;
  const body = JSON.stringify({ recipient, body: text, message_type: messageType });
  const sentNs = process.hrtime.bigint();
  return new Promise((resolve) => {
    const end = (outcome: Outcome): void => {
      clearTimeout(timer);
      resolve({ sentNs, outcome });
    };
    const failed = (error: Error): void =>
      end({ kind: 'broken', atNs: process.hrtime.bigint(), error: error.message });
    const headers = {
      authorization: `Bearer ${token}`,
      'idempotency-key': key,
      'content-length': Buffer.byteLength(body),
    };
    const options = {
      host: '127.0.0.1',
      port,
      path: '/sms',
      method: 'POST',
      agent: false,
      headers,
    };
    const outgoing = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', failed);
      response.on('end', () => {
        const atNs = process.hrtime.bigint();
        try {
          const answer = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<
            string,
            unknown
          >;
          end({
            kind: 'answered',
            atNs,
            status: response.statusCode ?? 0,
            body: answer,
            retryAfterMs: 0,
          });
        } catch (error) {
          failed(error as Error); // no JSON, and the daemon was not killed: the judge minds
        }
      });
    });
    const timer = setTimeout(() => {
      end({ kind: 'unanswered', atNs: process.hrtime.bigint() });
      outgoing.destroy();
    }, deadlineMs + patienceMs);
    outgoing.on('error', failed);
    outgoing.end(body);
  });
}
