/** A call to the receiver, signed as Standard Webhooks wants it (standardwebhooks.com, 1.0.0). */

import { createHmac } from 'node:crypto';
import { call, NotTaken, secretIn } from '../outgoing/call.js';
import { webhookKey } from '../secret/webhook-key.js';

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

/** Resolves when it was answered 2xx; rejects with {@link NotTaken}. */
export async function callSigned({
  url,
  secretFile,
  id,
  body,
  nowMs,
  signal,
}: SignedCall): Promise<void> {
  const timestamp = Math.floor(nowMs / 1000);
  const signature = createHmac('sha256', await keyIn(secretFile))
    .update(`${id}.${timestamp}.${body}`, 'utf8')
    .digest('base64');
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature}`,
  };
  // None of the receiver's words: they may repeat the text.
  return call({ url, method: 'POST', headers, body, signal });
}

async function keyIn(file: string): Promise<Buffer> {
  const key = webhookKey(await secretIn(file));
  if (key !== undefined) return key;
  throw new NotTaken('the file with its secret holds none: "whsec_" and base64');
}
