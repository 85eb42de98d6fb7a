/** The port to what several boxes know together; a box that shares nothing has none. */

import type { SendError } from '../errors.js';
import type { Subject } from '../policy/request.js';
import type { Outcome } from './message.js';
import type { KeyedRequest } from './request-keys.js';

/** What other boxes have to know of a message. */
export interface SharedMessage {
  /** UUID. */
  id: string;
  caller: string;
  segments: number;
  key: KeyedRequest | undefined;
  /** Only the newest of those with the same one is worth sending. */
  supersedeKey: string;
  subject: Subject;
  /** `performance.now()` milliseconds at which it was asked for. */
  cameAt: number;
  /** `performance.now()` milliseconds of its own deadline. */
  deadlineAt: number;
}

/**
 * `start`: a modem takes it at once; `wait`: it will have to; `look`: it has no place here, and
 * only what is known of its key is asked for.
 */
export type ClaimMode = 'start' | 'wait' | 'look';

export type Claim =
  /** It is this box's to send. False: this box has not told all yet, so its own books count too. */
  | { kind: 'granted'; isWhole: boolean }
  /** Nobody knows its key; the answer to `look`. */
  | { kind: 'none' }
  /** The engine does not answer: the own books alone count. */
  | { kind: 'away' }
  | { kind: 'refused'; error: SendError }
  | { kind: 'superseded' }
  | { kind: 'key_reused' }
  /** What became of the message that was asked for before with its key. */
  | { kind: 'known'; outcome: Outcome }
  /** Another box has it under way. */
  | { kind: 'elsewhere' };

/** Whether what waited may start. */
export type Begin = 'granted' | 'superseded' | 'elsewhere' | 'away';

/** None of it rejects or throws. */
export interface SharedTruth {
  /** Asks for the right to send; settles within the budget. */
  claim(message: SharedMessage, mode: ClaimMode): Promise<Claim>;
  /** The same once more for a message that waited; settles within the budget. */
  begin(message: SharedMessage): Promise<Begin>;
  /** What became of the message with this key, for who waits for another box. */
  lookUp(key: KeyedRequest): Promise<Claim>;
  /**
   * What became of a message that was claimed, whatever the claim was answered. `hasBegun`: a modem
   * was given it.
   */
  ended(message: SharedMessage, outcome: Outcome, hasBegun: boolean): void;
  /** The truth about one whose caller was answered before it was known. */
  late(message: SharedMessage, truth: Outcome): void;
}
