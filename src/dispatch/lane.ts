/**
 * One modem as the queue sees it: what it has in hand, how long that will take, and how well it
 * works.
 */

import PQueue from 'p-queue';
import { canSend, type SmsModem, type SubmitReceipt } from '../modem/sms-modem.js';
import { SegmentTime } from './estimate.js';
import { LaneHealth } from './lane-health.js';
import type { PendingMessage } from './pending.js';
import { SendStreak } from './send-streak.js';

/**
 * Milliseconds at a modem from which a message expected to take `expectedMs` holds up the others.
 */
const overdueMs = (expectedMs: number): number => Math.max(2_000, 2 * expectedMs);

interface InHand {
  readonly message: PendingMessage;
  /** What it was expected to take when it was handed over. */
  readonly expectedMs: number;
  /** `performance.now()` milliseconds. */
  readonly since: number;
}

/**
 * Serialises one modem, and holds no queue: it is given a message only when it is free. p-queue's
 * `timeout` and `clear()` are never used: both free the modem while the job runs on.
 */
export class Lane {
  readonly modem: SmsModem;
  readonly health = new LaneHealth();
  readonly sends = new SendStreak();
  readonly segmentTime = new SegmentTime();
  readonly #turns = new PQueue({ concurrency: 1 });
  readonly #onOverdue: () => void;
  #inHand: InHand | undefined;
  #isRetired = false;

  /**
   * @param onOverdue called when a message takes much longer at the modem than was to be expected
   */
  constructor(modem: SmsModem, onOverdue: () => void) {
    this.modem = modem;
    this.#onOverdue = onOverdue;
  }

  get name(): string {
    return this.modem.name;
  }

  /** The modem takes messages; busy counts, for it will be free. */
  get isUsable(): boolean {
    return !this.#isRetired && canSend(this.modem.phase);
  }

  /** It takes no more; what it has in hand goes on. */
  retire(): void {
    this.#isRetired = true;
  }

  /** Whether this modem may send it at all: its caller's, and not one that gave it back. */
  mayTake(message: PendingMessage): boolean {
    return !this.#isRetired && message.mayGoTo(this.name);
  }

  /** Passed over while another works. */
  get isDoubtful(): boolean {
    return this.health.isDoubtful || this.modem.isBlind === true;
  }

  /** True when a message may be spent on finding out whether it works again. */
  get isTrialDue(): boolean {
    return this.health.isTrialDue && this.modem.isBlind !== true;
  }

  /** It may be given a message now. */
  get isFree(): boolean {
    return this.#inHand === undefined && this.isUsable;
  }

  /** The message that is at the modem, or about to be. */
  get atModem(): PendingMessage | undefined {
    return this.#inHand?.message;
  }

  /** The message at the modem takes so long that nobody knows when it will be done. */
  get isOverdue(): boolean {
    if (this.#inHand === undefined) return false;
    const { expectedMs, since } = this.#inHand;
    return performance.now() - since >= overdueMs(expectedMs);
  }

  /**
   * Milliseconds until the modem is free; when its message is overdue, it will probably be as much
   * again.
   */
  get freeInMs(): number {
    if (this.#inHand === undefined) return 0;
    const { expectedMs, since } = this.#inHand;
    return Math.abs(expectedMs - (performance.now() - since));
  }

  /**
   * Takes a message whose turn has come: `turn` begins at once and ends when the modem is done with
   * it, which may be long after its answer. It must not reject.
   */
  take(message: PendingMessage, expectedMs: number, turn: () => Promise<void>): void {
    if (this.#inHand !== undefined) throw new Error(`${this.name} has a message in hand`);
    this.#inHand = { message, expectedMs, since: performance.now() };
    void this.#turns.add(turn);
  }

  /**
   * Hands the message to the modem, which commits to it once it is `noted`; settles as the modem
   * does, however late. The lane is free again when this has settled.
   */
  async submit(noted: Promise<void> | undefined): Promise<SubmitReceipt> {
    const inHand = this.#inHand;
    if (inHand === undefined) throw new Error(`${this.name} has no message in hand`);
    const { message, expectedMs } = inHand;
    const timer = setTimeout(this.#onOverdue, overdueMs(expectedMs) + 1);
    // A look at the modem's storages before it says nothing of how long a send takes.
    let { since } = inHand;
    const onBegun = (): void => {
      since = performance.now();
    };
    try {
      const control = message.handTo(this.modem, noted);
      return await this.modem.submit(message.sms, Object.assign(control, { onBegun }));
    } finally {
      clearTimeout(timer);
      this.#inHand = undefined;
      // What never reached Ctrl-Z says nothing of how long a send takes; a refusal by the network
      // does.
      if (message.isCommitted) this.segmentTime.record(performance.now() - since, message.segments);
    }
  }

  /** Resolves when no message is at the modem. */
  onIdle(): Promise<void> {
    return this.#turns.onIdle();
  }
}
