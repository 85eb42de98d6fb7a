/** What became of a message, as boxes tell each other. */

import type { Outcome } from '../dispatch/message.js';
import { mayBeTriedAgain, neverCost } from '../dispatch/refusals.js';
import { isSendErrorCode, SendError, type Submitted } from '../errors.js';
import type { Reply } from './engine.js';

/** What another box knows of a message. */
export interface FoundMessage {
  isStarted: boolean;
  /** Undefined while it is on its way. */
  outcome: Outcome | undefined;
  segments: number;
  /** Milliseconds since it was asked for. */
  agoMs: number;
  /** Milliseconds since its late result; undefined when it had none. */
  lateAgoMs: number | undefined;
}

interface Words {
  ok?: boolean;
  segments?: number;
  modem?: string;
  references?: number[];
  waited_ms?: number;
  took_ms?: number;
  code?: string;
  cause?: string;
  submitted?: string;
}

/** No sentences: they may hold a modem's own words. */
function toWords(outcome: Outcome): string {
  const words: Words =
    'result' in outcome ? resultWords(outcome.result) : errorWords(outcome.error);
  return JSON.stringify(words);
}

function resultWords({
  segments,
  modem,
  references,
  waitedMs,
  tookMs,
}: Extract<Outcome, { result: unknown }>['result']): Words {
  const times = { waited_ms: Math.round(waitedMs), took_ms: Math.round(tookMs) };
  return { ok: true, segments, modem, references, ...times };
}

function errorWords({ code, causeCode, submitted }: SendError): Words {
  return { code, submitted, ...(causeCode !== undefined && { cause: causeCode }) };
}

export function fromWords(id: string, text: string): Outcome {
  const words = JSON.parse(text) as Words;
  const { segments = 1, modem = '', references = [], waited_ms = 0, took_ms = 0 } = words;
  if (words.ok === true)
    return { result: { id, segments, modem, references, waitedMs: waited_ms, tookMs: took_ms } };
  return {
    error: new SendError(isSendErrorCode(words.code) ? words.code : 'outcome_unknown', {
      submitted: submittedIn(words.submitted),
      detail:
        'this is what became of the message that was sent with this Idempotency-Key at another box',
      ...(words.cause !== undefined && { causeCode: words.cause }),
    }),
  };
}

function submittedIn(word: string | undefined): Submitted {
  return word === 'no' || word === 'partly' ? word : 'unknown';
}

/** What an engine is told of a message that has ended. */
export interface EndWords {
  /** `n`: it was surely not sent, and may be tried again · `d`: that is its end. */
  st: 'n' | 'd';
  /** Of two boxes that sent one message without knowing of each other, the greater counts. */
  rank: number;
  out: string;
  /** Whether it counts towards limits, as the policy counts. */
  counts: boolean;
}

export function endWords(outcome: Outcome): EndWords {
  const out = toWords(outcome);
  if ('result' in outcome) return { st: 'd', rank: 3, out, counts: true };
  const isOpen = mayBeTriedAgain(outcome.error);
  return { st: isOpen ? 'n' : 'd', rank: isOpen ? 0 : 2, out, counts: !neverCost(outcome.error) };
}

/** The answer to `find`. */
export function foundIn(reply: Reply): FoundMessage {
  const { st, ago, segments, out, lateAgo } = reply;
  return {
    isStarted: st === 's',
    outcome: typeof out === 'string' ? fromWords('', out) : undefined,
    segments: Number(segments),
    agoMs: Number(ago),
    lateAgoMs: typeof lateAgo === 'number' ? lateAgo : undefined,
  };
}
