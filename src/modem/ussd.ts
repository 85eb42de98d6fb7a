/**
 * USSD (3GPP TS 27.007 7.15): a question to the carrier, and its answer. Texts are the carrier's
 * and untrusted.
 */

import { AtGivenUp } from '../at/errors.js';
import { isKnownUrc } from '../at/lines.js';
import type { Demand, Modem } from './modem.js';

/** What came back on a USSD request. */
export interface UssdReply {
  /**
   * `<m>`: 0 answered, 1 the network waits for more, 2 it ended the session, 3 another client
   * answered, 4 not supported, 5 timeout.
   */
  status: number;
  /**
   * As the modem wrote it between the quotes; each character is an octet. Undefined when it wrote
   * none.
   */
  raw: string | undefined;
  /** Data coding scheme (23.038 clause 5). */
  dcs: number | undefined;
}

/**
 * Milliseconds for the modem to take the request; most say OK at once, some only when the network
 * has answered.
 */
const ussdCommandMs = 15_000;
const endMs = 10_000;

/** How long an answer is waited for. */
export interface UssdPatience {
  timeoutMs: number;
  /** Ends the waiting for an answer. */
  signal: AbortSignal;
  /**
   * A request waits for the end of the message that is at the modem, and one that the modem has not
   * taken yet gives way to the next.
   */
  demand?: Demand | undefined;
}

/**
 * Sends a USSD request and waits for the network's answer, `timeoutMs` at most; a session that
 * stays open is ended. `requests` is the request as it may be written, best first: the next is
 * tried when the modem refuses one. Undefined: it refused all; rejects with `UssdTimeout`, or
 * `signal`'s reason, when there was no answer, and with `AtGivenUp`. The answer is shown while this
 * lasts (`<n>` 1), and not any more afterwards.
 */
export async function requestUssd(
  modem: Modem,
  requests: readonly string[],
  { timeoutMs, signal, demand }: UssdPatience,
): Promise<UssdReply | undefined> {
  // Between its segments a message leaves the modem to others.
  await demand?.over();
  signal.throwIfAborted();
  const awaited = new AwaitedReply();
  const listener = (line: string) => awaited.take(line);
  modem.urcListeners.add(listener);
  // While that is not known it may be.
  let isOpen = true;
  try {
    isOpen = await isTaken(modem, requests, demand?.came);
    if (!isOpen) return undefined;
    const reply = await awaited.within(timeoutMs, signal);
    isOpen = reply.status === 1;
    return reply;
  } catch (error) {
    // Without a cause it was given up before it was written.
    if (error instanceof AtGivenUp && error.cause === undefined) isOpen = false;
    throw error;
  } finally {
    modem.urcListeners.delete(listener);
    if (demand?.came.aborted === true) await demand.over();
    if (isOpen) await modem.tolerateSilence(() => modem.ask('AT+CUSD=2', undefined, endMs));
    await modem.quietUssd();
  }
}

/** The network did not answer a USSD request. */
export class UssdTimeout extends Error {
  override readonly name = 'UssdTimeout';

  constructor(timeoutMs: number) {
    super(`the network did not answer within ${timeoutMs / 1000} s`);
  }
}

async function isTaken(
  modem: Modem,
  requests: readonly string[],
  giveUp: AbortSignal | undefined,
): Promise<boolean> {
  for (const request of requests) {
    const command = { text: `AT+CUSD=1,"${request}",15`, timeoutMs: ussdCommandMs };
    // Silence may mean that the request is on its way: only a refused one is written in another
    // way.
    const taken = await modem.tolerateSilence(async () => [
      await modem.attempt(command, { giveUp }),
    ]);
    if (taken === undefined || taken[0] !== undefined) return true;
  }
  return false;
}

/** The first `+CUSD` that comes. */
class AwaitedReply {
  #reply: UssdReply | undefined;
  #onReply: (() => void) | undefined;

  take(urc: string): void {
    this.#reply ??= readReply(urc);
    if (this.#reply !== undefined) this.#onReply?.();
  }

  /** Rejects when nothing has come by then. */
  within(timeoutMs: number, signal: AbortSignal): Promise<UssdReply> {
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        this.#onReply = undefined;
        how();
      };
      const onAbort = () => settle(() => reject(signal.reason as Error));
      this.#onReply = () => {
        const reply = this.#reply;
        if (reply !== undefined) settle(() => resolve(reply));
      };
      const timer = setTimeout(() => settle(() => reject(new UssdTimeout(timeoutMs))), timeoutMs);
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) onAbort();
      else this.#onReply();
    });
  }
}

/**
 * Most lines of an answer that are kept; a USSD string has 182 characters at most (23.038 6.1.2.3).
 */
const maxLines = 32;

/**
 * A `+CUSD`, whose text may hold line breaks; without its end when that never came. Undefined when
 * it is none.
 */
function readReply(urc: string): UssdReply | undefined {
  const match = /^\+CUSD: *(\d)(?: *, *"(.*)| *,? *)?$/s.exec(urc);
  if (match === null) return undefined;
  const status = Number(match[1]);
  const quoted = match[2];
  if (quoted === undefined) return { status, raw: undefined, dcs: undefined };
  const end = /" *(?:, *(\d{0,3}) *)?$/.exec(quoted);
  const text = end === null ? quoted : quoted.slice(0, end.index);
  // Other news of the modem may have come between its lines.
  const [first = '', ...more] = text.split('\n');
  const lines = [first, ...more.filter((line) => !isKnownUrc(line))].slice(0, maxLines);
  const dcs = end?.[1];
  return {
    status,
    raw: lines.join('\n'),
    dcs: dcs === undefined || dcs === '' ? undefined : Number(dcs),
  };
}
