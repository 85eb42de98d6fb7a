import { randomUUID } from 'node:crypto';
import type { Send, SendResult } from '../dispatch/message.js';
import { SendError } from '../errors.js';
import { maskNumber } from '../number/mask.js';
import { error, type Finding, ok } from './finding.js';

/** What a test message says: plain ASCII, one segment, and nothing that looks like a code. */
export const testText = 'This is a test message from simgate. Please ignore it.';

/** Who the test message is from, in logs and in the queue; no token has such a `sub` by chance. */
export const testCaller = 'simgate doctor';

/** Sends the test message through the queue, as any other, and says what the network answered. */
export async function sendTestMessage(
  send: Send,
  recipient: string,
  deadlineMs: number,
  callerLeft: AbortSignal,
): Promise<Finding> {
  const message = { id: randomUUID(), caller: testCaller, recipient, text: testText };
  try {
    const result = await send(message, { deadlineAt: performance.now() + deadlineMs, callerLeft });
    return judgeSent(recipient, result);
  } catch (thrown) {
    return judgeNotSent(recipient, thrown);
  }
}

/** The network took it. */
export function judgeSent(
  recipient: string,
  {
    segments,
    modem,
    references,
    tookMs,
  }: Pick<SendResult, 'segments' | 'modem' | 'references' | 'tookMs'>,
): Finding {
  const reference = `${segments === 1 ? 'reference' : 'references'} ${references.join(', ')}`;
  const seconds = (tookMs / 1000).toFixed(1);
  return ok(
    'send',
    `the network accepted the test message to ${maskNumber(recipient)} through ${modem} in ${seconds} s (${reference})`,
  );
}

/** It was not sent, or nobody knows. What is no `SendError` is a bug, and thrown on. */
export function judgeNotSent(recipient: string, thrown: unknown): Finding {
  if (!(thrown instanceof SendError)) throw thrown;
  const { code, submitted, detail, causeCode } = thrown;
  const why = [detail, detail?.includes(causeCode ?? '') ? undefined : causeCode].filter(
    (part) => part !== undefined,
  );
  const what = `${code}${why.length > 0 ? `: ${why.join(', ')}` : ''}`;
  if (submitted === 'unknown')
    return error(
      'send',
      `the test message to ${maskNumber(recipient)} may or may not arrive: ${what}`,
      'look at the phone before you try again',
    );
  return error(
    'send',
    `the test message to ${maskNumber(recipient)} was not sent: ${what}`,
    'the codes are in the README, "The API"; CMS and CME ones come from the network or the SIM',
  );
}
