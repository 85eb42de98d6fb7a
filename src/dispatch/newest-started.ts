import type { PendingMessage } from './pending.js';

/** Milliseconds for which a newer message makes an older one void; codes live a few minutes. */
const voidMs = 10 * 60_000;
/** Beyond it the one that was started longest ago is forgotten (I5). */
const mostRemembered = 1_000;

/** Which message of each caller, recipient and type was started last: a repeat of an older one must not come after it. */
export class NewestStarted {
  readonly #started = new Map<string, { order: number; at: number }>();

  started({ message, ticket }: PendingMessage): void {
    const key = keyOf(message);
    const order = Math.max(ticket.order, this.#started.get(key)?.order ?? 0);
    this.#started.delete(key);
    this.#started.set(key, { order, at: performance.now() });
    const [oldest] = this.#started.keys();
    if (this.#started.size > mostRemembered && oldest !== undefined) this.#started.delete(oldest);
  }

  hasStartedAfter({ message, ticket }: PendingMessage): boolean {
    const newest = this.#started.get(keyOf(message));
    return newest !== undefined && newest.order > ticket.order && performance.now() - newest.at < voidMs;
  }
}

function keyOf({ caller, recipient, messageType }: PendingMessage['message']): string {
  return JSON.stringify([caller, recipient, messageType]);
}
