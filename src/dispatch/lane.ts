/** One modem's queue: the places of the messages that wait for it, and how long they will take. */

import PQueue from 'p-queue';
import type { SmsModem, SubmitReceipt } from '../modem/sms-modem.js';
import { SegmentTime } from './estimate.js';
import type { PendingMessage } from './pending.js';
import { deadlineUnreachable } from './refusals.js';
import { Suspicion } from './suspicion.js';

/** p-queue's priorities: what failed over goes first, for it was admitted first. */
export const priorities = { arrival: 0, failOver: 1 } as const;

type Priority = (typeof priorities)[keyof typeof priorities];

/** A place in the queue. Who holds it may change (supersede); when its turn comes, whoever holds it then is sent. */
interface Slot {
  holder: PendingMessage;
  readonly priority: Priority;
  /** False when nothing was before it: such a message was admitted whatever the estimate says. */
  readonly behindOthers: boolean;
  /** Takes the slot out of p-queue; used only while it waits, for later it would free the modem under a running job. */
  readonly emptied: AbortController;
}

/** Milliseconds at a modem from which a message expected to take `expectedMs` holds up the others. */
const overdueMs = (expectedMs: number): number => Math.max(2_000, 2 * expectedMs);

/** The reason p-queue gives back for a slot that was emptied on purpose. */
const slotEmptied = Symbol('slot emptied');

/**
 * Called when a message's turn has come and no other is at this modem; the next turn begins when it settles, so it
 * must not settle before `submit` has. It must not reject.
 */
export type TakeTurn = (lane: Lane, message: PendingMessage, waitedBehindOthers: boolean) => Promise<void>;

/** Serialises one modem. p-queue's `timeout` and `clear()` are never used: both free the slot while the job runs on. */
export class Lane {
  readonly modem: SmsModem;
  readonly #takeTurn: TakeTurn;
  readonly #turns = new PQueue({ concurrency: 1 });
  /** What waits, in the order in which it was put. */
  readonly #slots = new Set<Slot>();
  readonly #segmentTime = new SegmentTime();
  readonly suspicion = new Suspicion();
  #running: { message: PendingMessage; segments: number; since: number } | undefined;
  readonly #onOverdue: () => void;

  /** @param onOverdue called when a message takes much longer at the modem than was to be expected */
  constructor(modem: SmsModem, takeTurn: TakeTurn, onOverdue: () => void) {
    this.modem = modem;
    this.#takeTurn = takeTurn;
    this.#onOverdue = onOverdue;
  }

  /** The message at the modem takes so long that who waits behind it had better go elsewhere. */
  get isOverdue(): boolean {
    if (this.#running === undefined) return false;
    const { segments, since } = this.#running;
    return performance.now() - since >= overdueMs(segments * this.#segmentTime.expectedMs());
  }

  /** The modem takes messages; busy counts, for it will be free. */
  get isUsable(): boolean {
    const { phase } = this.modem.snapshot();
    return phase === 'ready' || phase === 'sending';
  }

  /**
   * Lets turns come only while the modem can take messages: what waits for one that is lost or restarting waits on, until it is
   * back or the message's own deadline. To be called at each change of its phase, at once.
   */
  followModem(): void {
    if (this.isUsable) this.#turns.start();
    else this.#turns.pause();
  }

  /** Nothing is at the modem and nothing waits for it. */
  get isIdle(): boolean {
    return this.#running === undefined && this.#slots.size === 0;
  }

  get waitingCount(): number {
    return this.#slots.size;
  }

  /** Segments of all that waits here. */
  get waitingSegments(): number {
    return countSegments(this.waiting());
  }

  /** The message that is at the modem, or about to be. */
  get atModem(): PendingMessage | undefined {
    return this.#running?.message;
  }

  /** What waits here, in the order of its turns. */
  waiting(): PendingMessage[] {
    return [...this.#slots].sort((a, b) => b.priority - a.priority).map(({ holder }) => holder);
  }

  /** Milliseconds that the modem needs for this message alone. */
  ownMs(message: PendingMessage): number {
    return message.sms.segments.length * this.#segmentTime.expectedMs();
  }

  /** Milliseconds until this message would be done, were it put here now, or (`inPlaceOf`) into another's place. */
  doneInMs(message: PendingMessage, priority: Priority, inPlaceOf?: PendingMessage): number {
    const perSegmentMs = this.#segmentTime.expectedMs();
    const segments = this.#segmentsBefore(priority, inPlaceOf) + message.sms.segments.length;
    return this.#runningMs(perSegmentMs) + segments * perSegmentMs;
  }

  /** Puts a message in; on an idle lane its turn has come before this returns. */
  put(message: PendingMessage, priority: Priority): void {
    const emptied = new AbortController();
    const slot: Slot = { holder: message, priority, behindOthers: !this.isIdle, emptied };
    this.#slots.add(slot);
    message.waitFor(this.modem.name, () => this.#empty(slot));
    this.#turns
      .add(() => this.#begin(slot), { priority, signal: emptied.signal })
      .catch((reason: unknown) => {
        if (reason !== slotEmptied) throw reason;
      });
  }

  /** Gives the place of a waiting message to a newer one; the older is left without a place. */
  replace(older: PendingMessage, newer: PendingMessage): void {
    const slot = [...this.#slots].find(({ holder }) => holder === older);
    if (slot === undefined)
      throw new Error(`message ${older.message.id} does not wait for ${this.modem.name}`);
    older.losePlace();
    slot.holder = newer;
    newer.waitFor(this.modem.name, () => this.#empty(slot));
  }

  /**
   * Hands the message to the modem once it is `noted`; settles as the modem does, however late. One that was answered meanwhile is not
   * handed over.
   */
  async submit(message: PendingMessage, noted: Promise<void> | undefined): Promise<SubmitReceipt> {
    const segments = message.sms.segments.length;
    this.#running = { message, segments, since: performance.now() };
    let since = Infinity;
    let timer: NodeJS.Timeout | undefined;
    try {
      if (noted !== undefined) await noted;
      if (message.isAnswered) throw deadlineUnreachable('it was answered before its turn began');
      since = performance.now();
      this.#running.since = since;
      timer = setTimeout(this.#onOverdue, overdueMs(segments * this.#segmentTime.expectedMs()) + 1);
      return await this.modem.submit(message.sms, message.handTo(this.modem.name));
    } finally {
      clearTimeout(timer);
      this.#running = undefined;
      // What never reached Ctrl-Z says nothing of how long a send takes; a refusal by the network does.
      if (message.isCommitted) this.#segmentTime.record(performance.now() - since, segments);
    }
  }

  /** Resolves when no message is at the modem and none waits. */
  async onIdle(): Promise<void> {
    this.#turns.start();
    await this.#turns.onIdle();
  }

  #begin(slot: Slot): Promise<void> {
    this.#slots.delete(slot);
    slot.holder.losePlace();
    return this.#takeTurn(this, slot.holder, slot.behindOthers);
  }

  #empty(slot: Slot): void {
    this.#slots.delete(slot);
    slot.emptied.abort(slotEmptied);
  }

  /** Segments whose turn comes before a new slot's of this priority, or before the place of `inPlaceOf`. */
  #segmentsBefore(priority: Priority, inPlaceOf: PendingMessage | undefined): number {
    const order = this.waiting();
    if (inPlaceOf !== undefined) return countSegments(order.slice(0, order.indexOf(inPlaceOf)));
    return countSegments([...this.#slots].filter((slot) => slot.priority >= priority).map((s) => s.holder));
  }

  /** What is left of the message at the modem; when it is overdue, it will probably be as much again. */
  #runningMs(perSegmentMs: number): number {
    if (this.#running === undefined) return 0;
    const { segments, since } = this.#running;
    return Math.abs(segments * perSegmentMs - (performance.now() - since));
  }
}

function countSegments(messages: readonly PendingMessage[]): number {
  return messages.reduce((sum, { sms }) => sum + sms.segments.length, 0);
}
