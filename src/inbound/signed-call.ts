/** A call to the receiver, signed as Standard Webhooks wants it (standardwebhooks.com, 1.0.0). */

import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { within } from '../clock/within.js';
import { webhookKey } from '../secret/webhook-key.js';

/** The receiver has not taken it; the message says why, and holds no words of the receiver's. */
export class NotTaken extends Error {
  override readonly name = 'NotTaken';
  /** The receiver is away, or overloaded: what follows would fare no better. */
  readonly isAway: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, isAway: boolean, retryAfterMs?: number) {
    super(message);
    this.isAway = isAway;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface SignedCall {
  url: string;
  secretFile: string;
  /** The same at each try: the receiver knows a repeat by it. */
  id: string;
  /** JSON. */
  body: string;
  /** Wall-clock milliseconds. */
  nowMs: number;
  signal: AbortSignal;
}

/** Milliseconds for the whole call. */
const callMs = 10_000;
/** The longest wait that a receiver may ask for, in milliseconds. */
const longestAskedMs = 3_600_000;

/** Resolves when it was answered 2xx; rejects with {@link NotTaken}. */
export async function callSigned(call: SignedCall): Promise<void> {
  const { id, body, nowMs } = call;
  const timestamp = Math.floor(nowMs / 1000);
  const signature = createHmac('sha256', await keyIn(call.secretFile))
    .update(`${id}.${timestamp}.${body}`, 'utf8')
    .digest('base64');
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'simgate',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature}`,
  };
  const { ok, status, retryAfter } = await within(callMs, call.signal, (signal) =>
    answerTo(call, headers, signal),
  );
  if (ok) return;
  const isAway = status >= 500 || status === 429 || status === 408;
  throw new NotTaken(`it answers ${status}`, isAway, askedMs(retryAfter));
}

async function answerTo(
  { url, body }: SignedCall,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<{ ok: boolean; status: number; retryAfter: string | null }> {
  try {
    // A redirect would take the text along to wherever it leads.
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      signal,
    });
    // It hung up under its answer, of which the status is known all the same.
    await response.body?.cancel().catch(() => undefined);
    const { ok, status } = response;
    return { ok, status, retryAfter: response.headers.get('retry-after') };
  } catch (error) {
    throw new NotTaken(whyUnreachable(error), true);
  }
}

/** As RFC 9110 10.2.3, in seconds only. */
function askedMs(value: string | null): number | undefined {
  if (value === null || !/^\d{1,6}$/.test(value)) return undefined;
  return Math.min(Number(value) * 1000, longestAskedMs);
}

function whyUnreachable(error: unknown): string {
  if (!(error instanceof Error)) throw error;
  if (error.name === 'TimeoutError') return `it did not answer within ${callMs / 1000} s`;
  if (error.name === 'AbortError') return 'simgate was stopped';
  const cause: unknown = error.cause ?? error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : error.name;
  return `it cannot be reached (${code})`;
}

/** Read anew at each call: who changes it need not restart anything. */
async function keyIn(file: string): Promise<Buffer> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new NotTaken(`the file with its secret cannot be read (${error.code})`, true);
  });
  const key = webhookKey(text);
  if (key === undefined)
    throw new NotTaken('the file with its secret holds none: "whsec_" and base64', true);
  return key;
}
