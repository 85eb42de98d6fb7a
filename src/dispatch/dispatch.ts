/** The use case: a caller's message becomes segments and goes through the queue. Knows no HTTP and no AT. */

import type { Logger } from 'winston';
import { SendError } from '../errors.js';
import type { OutgoingSms, SmsModem } from '../modem/sms-modem.js';
import { TooManySegments, Unencodable } from '../sms/errors.js';
import { type SegmentedText, segmentText } from '../sms/segments.js';
import type { Message, Send } from './message.js';
import { MessageQueue } from './queue.js';

export interface DispatchLimits {
  /** Segments of one message, 1–255. */
  maxSegments: number;
  /** Messages that may wait, over all modems. */
  maxWaiting: number;
  /** How long the network may keep trying to deliver a message; becomes TP-VP (3GPP TS 23.040 9.2.3.12). */
  validityMs: number;
}

export interface Dispatch {
  /**
   * Sends one message; settles at its deadline at the latest.
   * @throws SendError with its `progress` filled: `body_invalid`, `text_too_long`, and what {@link MessageQueue.send} says.
   */
  send: Send;
  /** Refuses what waits and what comes with `shutting_down`; resolves when what is at a modem has settled there. */
  stop(): Promise<void>;
  /** How many messages wait for a modem. */
  waiting(): number;
  /** The names of the modems whose SIM is suspect: refused several recipients in a row. */
  suspects(): string[];
}

/** @param options.log gets the late results and the fail-overs; the outcome of each message is its caller's to log. */
export function createDispatch(options: {
  modems: readonly SmsModem[];
  limits: DispatchLimits;
  log: Logger;
}): Dispatch {
  const { modems, limits, log } = options;
  const queue = new MessageQueue({ modems, maxWaiting: limits.maxWaiting, log });
  return {
    send: async (message, control) => queue.send(message, compose(message, limits), control),
    stop: () => queue.stop(),
    waiting: () => queue.waitingCount,
    suspects: () => queue.suspects,
  };
}

/** @throws SendError `body_invalid` or `text_too_long` */
function compose({ recipient, text }: Message, limits: DispatchLimits): OutgoingSms {
  const { alphabet, segments } = segment(text, limits.maxSegments);
  if (segments.length > limits.maxSegments) {
    throw textTooLong(segments.length, limits.maxSegments, ` in the ${alphabet} alphabet`);
  }
  return { recipient, alphabet, segments, validityMs: limits.validityMs };
}

function segment(text: string, maxSegments: number): SegmentedText {
  try {
    return segmentText(text);
  } catch (error) {
    if (error instanceof TooManySegments) throw textTooLong(error.segments, maxSegments, '', error);
    if (error instanceof Unencodable) throw neverSent('body_invalid', error.message, {}, error);
    throw error;
  }
}

function textTooLong(segments: number, limit: number, where: string, cause?: Error): SendError {
  const detail = `the text needs ${segments} segments${where}, the limit is ${limit} (message.max_segments)`;
  return neverSent('text_too_long', detail, { segments }, cause);
}

/** The request can never work: it never reached the queue, so it neither waited nor took time. */
function neverSent(
  code: 'body_invalid' | 'text_too_long',
  detail: string,
  { segments }: { segments?: number },
  cause?: Error,
): SendError {
  const error = new SendError(code, { detail, cause });
  error.progress = { ...(segments === undefined ? {} : { segments }), waitedMs: 0, tookMs: 0 };
  return error;
}
