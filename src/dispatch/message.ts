/**
 * What passes between `http` and `dispatch`: a caller's message, its bounds in time, and what
 * became of it.
 */

import type { SendError, Submitted } from '../errors.js';

/**
 * A message as the caller sent it, validated: all strings are whole characters (no lone
 * surrogates).
 */
export interface Message {
  /** UUID, made when the request came in; in the answer and in every log line. */
  id: string;
  /** The configured name of who holds the secret; the scope of keys, limits and superseding. */
  caller: string;
  /** E.164 with `+` (ITU-T E.164: at most 15 digits). */
  recipient: string;
  /** Passed on character for character. */
  text: string;
  /**
   * Auth0's `message_type` (`otp_verify`, …); part of what makes two messages "the same" for
   * superseding.
   */
  messageType?: string;
  /**
   * Opaque: a number or an alphanumeric id. Honoured when a modem is labelled with that number,
   * else ignored.
   */
  sender?: string;
  /** The end user's address as the caller tells it (`req.ip`), for a limit; never kept in clear. */
  clientIp?: string;
  /** `Idempotency-Key` as it came, 1–255 characters: a repeat with it never sends twice. */
  idempotencyKey?: string;
  /**
   * Milliseconds for which the same text to the same number is a repeat, where there is no
   * `Idempotency-Key`; default: never.
   */
  repeatsMs?: number;
  /** What is compared in the place of the text, where a repeat may have another. */
  repeatOf?: string;
  /** The `jti` of its token, which expires: the same message again, or a stolen token. */
  tokenId?: string;
  /** An alert waits behind all logins, and has a share of the limits only; default: a login. */
  isAlert?: boolean;
  /**
   * The box's own for its SIM, to a number that the configuration names, which may be no E.164: not
   * judged by the policy, nor counted by it, and kept by no share of the SIM's caps.
   */
  isOwn?: boolean;
  /** Names of the modems that may send it; default: any. */
  modems?: readonly string[];
  /** Whether its caller wants to know if it was delivered; default: as the modem is set. */
  statusReport?: boolean;
}

/** What is worth counting between a message's admission and its true end. None of it may throw. */
export interface DispatchListener {
  /** A modem was done with a message after Ctrl-Z; `tookMs` from its first command. */
  submitEnded(end: { modem: string; tookMs: number; submitted: Submitted | 'yes' }): void;
  /** What became of a message after its caller was answered. */
  lateResult(result: { modem: string; submitted: Submitted | 'yes' }): void;
  failedOver(move: { from: string; to: string }): void;
}

/** That the caller hung up, once and for good: an `AbortSignal`, or what of it is needed here. */
export interface CallerLeave {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void, options?: { once: true }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** The bounds of one send. */
export interface SendControl {
  /** `performance.now()` milliseconds at which the message is given up, and the caller answered. */
  deadlineAt: number;
  /** Aborted when the caller hung up. A message not yet started is then never started (I3). */
  callerLeft: CallerLeave;
}

/** Those of a caller who cannot wait as long as a message may take. */
export interface HastyControl extends SendControl {
  /**
   * `performance.now()` milliseconds at which it is answered: with a {@link Promised} where the
   * message can be promised, else as at its deadline.
   */
  answerBy: number;
}

/** The network accepted every segment (I1). */
export interface SendResult {
  /** The id of the message that was sent; of a repeat, that of the first. */
  id: string;
  /**
   * True when nothing was sent for this request: it is told what became of an earlier one with its
   * key.
   */
  isReplay?: boolean;
  /** How many segments (TPDUs). */
  segments: number;
  /** The modem's configured name. */
  modem: string;
  /** TP-MR of each segment as the modem returned it in `+CMGS` (3GPP TS 27.005 3.5.1), 0–255. */
  references: number[];
  /** Milliseconds between admission and the first command to the modem. */
  waitedMs: number;
  /** Milliseconds from admission to the outcome. */
  tookMs: number;
}

/**
 * The message was committed, or stands in the journal with a place that will be served in time; it
 * is no longer bound to its caller.
 */
export interface Promised {
  /** The id of the message; of a repeat, that of the first. */
  id: string;
  /** What becomes of it. */
  settled: Promise<SendResult>;
}

/** What became of a message. */
export type Outcome = { result: SendResult } | { error: SendError };

/**
 * Takes a message in; resolves when the network has it, rejects with a `SendError` that may carry
 * `progress`.
 */
export type Send = (message: Message, control: SendControl) => Promise<SendResult>;

/** The same for a hasty caller, who may be answered with a promise. */
export type SendOrPromise = (
  message: Message,
  control: HastyControl,
) => Promise<SendResult | Promised>;

/**
 * What became of this very request, or will, where it was asked for before and sent, or may have
 * been; undefined for anything else. Starts nothing. Rejects with the `SendError` that it ended
 * with, or where it cannot be known.
 */
export type Recall = (
  message: Message,
  control: SendControl | HastyControl,
) => Promise<SendResult | Promised | undefined>;

/** Whether it is only promised. */
export function isPromised(answer: SendResult | Promised): answer is Promised {
  return 'settled' in answer;
}
