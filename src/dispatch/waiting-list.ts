/** The one list of all that waits for a modem, whichever will take it. */

import type { PendingMessage } from './pending.js';

/** A place in the list. Who holds it may change (supersede). */
interface Place {
  holder: PendingMessage;
}

/**
 * In the order of their turns: logins before alerts; of each what failed over, for it was admitted
 * first; then as it came.
 */
export class WaitingList implements Iterable<PendingMessage> {
  readonly #logins = { 'failed over': new Set<Place>(), arrived: new Set<Place>() };
  readonly #alerts = { 'failed over': new Set<Place>(), arrived: new Set<Place>() };
  readonly #byKey = new Map<string, Place>();

  /** How many wait. */
  get size(): number {
    return this.#byKey.size;
  }

  /** How many of them are alerts. */
  get alerts(): number {
    return this.#alerts.arrived.size + this.#alerts['failed over'].size;
  }

  /** How many of them are logins. */
  get logins(): number {
    return this.size - this.alerts;
  }

  *[Symbol.iterator](): Iterator<PendingMessage> {
    for (const { 'failed over': failedOver, arrived } of [this.#logins, this.#alerts]) {
      for (const { holder } of failedOver) yield holder;
      for (const { holder } of arrived) yield holder;
    }
  }

  /**
   * The waiting message of the same caller, recipient and type: only the newer of the two is worth
   * sending.
   */
  sameAs(message: PendingMessage): PendingMessage | undefined {
    return this.size === 0 ? undefined : this.#byKey.get(message.supersedeKey)?.holder;
  }

  /**
   * At the end of the list, or of those that failed over. There must be no waiting one of the same
   * key.
   */
  add(message: PendingMessage, order: 'arrived' | 'failed over'): void {
    const place: Place = { holder: message };
    (message.message.isAlert ? this.#alerts : this.#logins)[order].add(place);
    this.#byKey.set(message.supersedeKey, place);
    message.waitAt(() => this.#remove(place));
  }

  /**
   * Gives the very place of a waiting message to a newer one; the older is left without a place.
   */
  replace(older: PendingMessage, newer: PendingMessage): void {
    const place = this.#byKey.get(older.supersedeKey);
    if (place?.holder !== older) throw new Error(`message ${older.message.id} does not wait`);
    older.losePlace();
    place.holder = newer;
    newer.waitAt(() => this.#remove(place));
  }

  /** Its turn has come. */
  take(message: PendingMessage): void {
    const place = this.#byKey.get(message.supersedeKey);
    if (place?.holder !== message) throw new Error(`message ${message.message.id} does not wait`);
    this.#remove(place);
    message.losePlace();
  }

  #remove(place: Place): void {
    for (const places of [this.#logins, this.#alerts]) {
      places['failed over'].delete(place);
      places.arrived.delete(place);
    }
    this.#byKey.delete(place.holder.supersedeKey);
  }
}

/** What waits, and behind it what will be let in once other boxes have had their word on it. */
export class ClaimingList implements Iterable<PendingMessage> {
  readonly #waiting: WaitingList;
  readonly #claiming = new Set<PendingMessage>();

  constructor(waiting: WaitingList) {
    this.#waiting = waiting;
  }

  /** How many do not wait yet. */
  get count(): number {
    return this.#claiming.size;
  }

  get size(): number {
    return this.#waiting.size + this.#claiming.size;
  }

  get alerts(): number {
    return [...this.#claiming].reduce(
      (sum, { message }) => sum + Number(message.isAlert === true),
      this.#waiting.alerts,
    );
  }

  get logins(): number {
    return this.size - this.alerts;
  }

  *[Symbol.iterator](): Iterator<PendingMessage> {
    yield* this.#waiting;
    yield* this.#claiming;
  }

  /** What it returns takes the message out again. */
  add(message: PendingMessage): () => void {
    this.#claiming.add(message);
    return () => this.#claiming.delete(message);
  }
}

/** Milliseconds for which a newer message makes an older one void; codes live a few minutes. */
const voidMs = 10 * 60_000;
/** Beyond it the one that was started longest ago is forgotten (I5). */
const mostRemembered = 1_000;

/**
 * Which message of each caller, recipient and type was started last: a repeat of an older one must
 * not come after it.
 */
export class NewestStarted {
  readonly #started = new Map<string, { order: number; at: number }>();
  #newestOrder = 0;

  started({ supersedeKey, order }: PendingMessage): void {
    this.#newestOrder = Math.max(order, this.#newestOrder);
    const newest = Math.max(order, this.#started.get(supersedeKey)?.order ?? 0);
    this.#started.delete(supersedeKey);
    this.#started.set(supersedeKey, { order: newest, at: performance.now() });
    const [oldest] = this.#started.keys();
    if (this.#started.size > mostRemembered && oldest !== undefined) this.#started.delete(oldest);
  }

  hasStartedAfter(message: PendingMessage): boolean {
    const { order } = message;
    // As nearly always: its key need not be made.
    if (order > this.#newestOrder) return false;
    const newest = this.#started.get(message.supersedeKey);
    return newest !== undefined && newest.order > order && performance.now() - newest.at < voidMs;
  }
}
