/** By what a request is known again: its key, its token, or its number and text. */

import type { Hmac } from '../journal/hmac-key.js';
import type { Message } from './message.js';
import { tokenReused } from './refusals.js';

/**
 * What stands for a key and its request where they are kept: keyed HMACs, from which neither can be
 * guessed (I6).
 */
export interface KeyedRequest {
  /** Of the caller and the key. */
  keyHmac: string;
  /** Of all that makes the request the same; the key itself is part of it. */
  requestHmac: string;
  /** Milliseconds from its first sight for which it is remembered. */
  keyForMs: number;
}

/** Milliseconds that a caller's own key is remembered; no other is for longer. */
export const longestKeptMs = 24 * 3_600_000;

/** Most tokens whose message is remembered beside that of their keys (I5). */
const mostTokens = 10_000;

export class RequestKeys {
  readonly #hmac: Hmac;
  readonly #requestOf: (keyHmac: string) => string | undefined;
  /** What each token was used for; a token with a key of its own is kept nowhere else. */
  readonly #tokens = new Map<string, string>();

  /** @param requestOf the `requestHmac` that a key was first asked with, where that is known */
  constructor(hmac: Hmac, requestOf: (keyHmac: string) => string | undefined) {
    this.#hmac = hmac;
    this.#requestOf = requestOf;
  }

  /**
   * What a message's key is kept as: its caller's own, else that of its token, else one made of the
   * number and the text, or what stands for it, where its caller repeats without a key; undefined
   * for none of them. A token that expires names one message; with another, somebody else has it.
   * @throws SendError `token_invalid` when its token was used for another message
   */
  identify(message: Message): KeyedRequest | undefined {
    const { token, key } = this.#keysOf(message);
    if (token === undefined) return key;
    const known = this.#usedFor(token);
    if (known === undefined) this.#note(token);
    else if (known !== token.requestHmac) throw tokenReused();
    return key;
  }

  /**
   * What {@link identify} makes of a message, for who sends nothing: nothing is noted of its token,
   * and one that was used for another message has none.
   */
  recognise(message: Message): KeyedRequest | undefined {
    const { token, key } = this.#keysOf(message);
    const known = token && this.#usedFor(token);
    return known === undefined || known === token?.requestHmac ? key : undefined;
  }

  #usedFor({ keyHmac }: KeyedRequest): string | undefined {
    return this.#tokens.get(keyHmac) ?? this.#requestOf(keyHmac);
  }

  #note({ keyHmac, requestHmac }: KeyedRequest): void {
    this.#tokens.set(keyHmac, requestHmac);
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > mostTokens && oldest !== undefined) this.#tokens.delete(oldest);
  }

  #keysOf(message: Message): { token: KeyedRequest | undefined; key: KeyedRequest | undefined } {
    const {
      idempotencyKey,
      tokenId,
      repeatsMs = 0,
      recipient,
      text,
      repeatOf = text,
      sender,
      messageType,
    } = message;
    const whole = [recipient, text, sender, messageType];
    const token =
      tokenId === undefined
        ? undefined
        : this.#keyed(message, 'jti', tokenId, whole, longestKeptMs);
    if (idempotencyKey !== undefined)
      return { token, key: this.#keyed(message, 'key', idempotencyKey, whole, longestKeptMs) };
    if (token !== undefined || repeatsMs === 0) return { token, key: token };
    const repeat = JSON.stringify([recipient, repeatOf]);
    return { token, key: this.#keyed(message, 'repeat', repeat, [], repeatsMs) };
  }

  #keyed(
    { caller }: Message,
    kind: 'key' | 'jti' | 'repeat',
    key: string,
    request: readonly unknown[],
    keyForMs: number,
  ): KeyedRequest {
    const scope = kind === 'key' ? [caller, key] : [caller, kind, key];
    return {
      keyHmac: this.#hmac('idempotency_key', JSON.stringify(scope)),
      // With the key in it, so that the text of a code cannot be found by trying all codes.
      requestHmac: this.#hmac('request', JSON.stringify([key, ...request])),
      keyForMs,
    };
  }
}
