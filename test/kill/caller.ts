import { type OutgoingHttpHeaders, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { type Outcome, type Reading, read } from '../faults/caller.js';
import type { Daemon } from './daemon.js';
import type { KeyedMessage } from './plan.js';

/** One request with a message's key, and what its caller saw. Nanoseconds of CLOCK_MONOTONIC. */
export interface Try {
  sentNs: bigint;
  outcome: Outcome;
  /** What became of a promise, as far as its caller could wait for it. */
  reading?: Reading & { atNs: bigint };
}

/** What each caller proves itself by. */
export interface Credentials {
  /** Auth0's token. */
  token: string;
  hastySecret: string;
}

/** All that a caller did for one message, in order: each request was over before the next. */
export interface KeyedStory {
  message: KeyedMessage;
  tries: Try[];
}

/** The daemon's, in the configuration of this run. */
export const deadlineMs = 120_000;
/** The same of what was promised. */
export const lateDeadlineMs = 60_000;
/** Beyond it nobody waits. */
const patienceMs = 10_000;
/** Between a refusal and the next try, where `Retry-After` would take longer than a run may. */
const retryMs = 150;
/** Between two looks at a promise, and how many are taken. */
const lookEveryMs = 100;
const mostLooks = 300;
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
  credentials: Credentials,
  { message, tries }: KeyedStory,
  onAnswer: (status: number) => void,
): Promise<void> {
  for (let limited = 0, refusals = 0; ; ) {
    const port = await daemon.untilUp();
    const last = await tryOnce(port, credentials, message);
    tries.push(last);
    if (last.outcome.kind === 'unanswered') return;
    if (last.outcome.kind !== 'answered') continue;
    const { status, body } = last.outcome;
    onAnswer(status);
    if (status === 202) await follow(daemon, credentials, last, String(body.id));
    const { code, submitted } = last.reading ?? body;
    const mayPass =
      status === 202
        ? submitted === 'no' && code !== 'network_refused'
        : status === 503 || status === 429;
    if (!mayPass) return;
    if (code === 'rate_limited' || code === 'sim_cap_reached') limited += 1;
    refusals += 1;
    if (limited === mostLimited || refusals === mostRefusals) return;
    await pause(retryMs);
  }
}

/** Reads what became of a promise until that is known, whichever daemon tells it. */
async function follow(
  daemon: Daemon,
  credentials: Credentials,
  promised: Try,
  id: string,
): Promise<void> {
  for (let looks = 0; looks < mostLooks; looks += 1) {
    const port = await daemon.untilUp();
    const reading = await read(port, headersOf('hasty', credentials), id);
    if (reading !== undefined) promised.reading = { ...reading, atNs: process.hrtime.bigint() };
    const state = reading?.state ?? 'waiting';
    if (state !== 'waiting' && state !== 'sending') return;
    await pause(lookEveryMs);
  }
}

function headersOf(caller: string, { token, hastySecret }: Credentials): OutgoingHttpHeaders {
  return caller === 'hasty'
    ? { authorization: `Bearer ${hastySecret}`, prefer: 'wait=0' }
    : { authorization: `Bearer ${token}` };
}

/** Posts a message with its key once. */
export function tryOnce(
  port: number,
  credentials: Credentials,
  message: KeyedMessage,
): Promise<Try> {
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
      ...headersOf(message.caller, credentials),
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
