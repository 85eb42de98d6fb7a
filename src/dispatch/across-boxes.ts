/**
 * A message among several boxes: it is claimed before it is let in here, and again when it starts
 * after it had to wait. What another box knows of it is its answer. Without an answer of the engine
 * the own books alone count.
 */

import { SendError } from '../errors.js';
import type { Policy } from '../policy/policy.js';
import type { Reservation } from '../policy/request.js';
import type { Outcome, SendControl, SendResult } from './message.js';
import type { PendingMessage } from './pending.js';
import type { MessageQueue, Reserve } from './queue.js';
import { deadlineUnreachable, keyReused, outcomeNotAwaited, superseded } from './refusals.js';
import type { Claim, SharedMessage, SharedTruth } from './shared-truth.js';
import { replayOf } from './told-again.js';

export interface AcrossOptions {
  truth: SharedTruth;
  policy: Policy;
  queue: Pick<MessageQueue, 'outlookOf' | 'keepPlace'>;
  pending: PendingMessage;
  message: SharedMessage;
  control: SendControl;
  /** What was heard of it from another box. */
  known: Outcome | undefined;
  /** The own books, and the queue behind them. */
  judge: Reserve;
  /** Lets it in, or refuses it as `reserve` throws; tells the journal. */
  admit: (reserve: Reserve) => Promise<SendResult>;
}

/** Milliseconds between two looks at what another box has under way: the first, and the longest. */
const lookMs = { first: 50, longest: 250 } as const;

/** One message's way; each is used once. */
export class AcrossBoxes {
  readonly #options: AcrossOptions;
  /** True when it was let in here, false when another box has it, or it was refused. */
  readonly #isOurs: Promise<boolean>;
  #tellOurs!: (isOurs: boolean) => void;
  #isForeign = false;
  #withdrawn: SendError | undefined;
  #isAdmitted = false;
  /** A modem was given it. */
  #hasBegun = false;

  constructor(options: AcrossOptions) {
    this.#options = options;
    this.#isOurs = new Promise((resolve) => {
      this.#tellOurs = resolve;
    });
  }

  /** Its answer is another box's word. */
  get isForeign(): boolean {
    return this.#isForeign;
  }

  /** Settles as a message does that is sent by one box. */
  async send(): Promise<SendResult> {
    const { policy, message, admit } = this.#options;
    try {
      const never = policy.whyNever(message.subject);
      if (never !== undefined && message.key === undefined) return await admit(refusing(never));
      return await this.#claimed(never);
    } finally {
      this.#tellOurs(false);
    }
  }

  /** As `Sending.promise`, where `promise` is the queue's. */
  async promise(promise: () => Promise<boolean>): Promise<boolean> {
    return (await this.#isOurs) && promise();
  }

  /** As `Sending.withdraw`. */
  withdraw(why: SendError): boolean {
    const { pending } = this.#options;
    if (this.#isForeign) return false;
    if (!this.#isAdmitted) {
      this.#withdrawn ??= why;
      return true;
    }
    return pending.withdraw(why);
  }

  /** @param never why it is not sent from here; another box, by another policy, may have sent it */
  async #claimed(never: SendError | undefined): Promise<SendResult> {
    const { truth, queue, pending, message, known, admit } = this.#options;
    const isOurs = known === undefined && never === undefined;
    for (;;) {
      const { mode } = isOurs ? queue.outlookOf(pending) : { mode: 'look' as const };
      if (mode === 'look' && message.key === undefined) return this.#noPlace();
      const giveUpPlace = mode === 'look' ? undefined : queue.keepPlace(pending);
      const claim = await truth.claim(message, mode);
      giveUpPlace?.();
      if (this.#withdrawn !== undefined) return this.#admitted(refusing(this.#withdrawn));
      if (claim.kind === 'elsewhere') {
        await this.#otherBox();
        continue;
      }
      // What another box may have sent is not sent by its own books alone.
      if (known !== undefined && (claim.kind === 'away' || claim.kind === 'none'))
        return this.#foreign(known);
      if (never !== undefined && (claim.kind === 'away' || claim.kind === 'none'))
        return admit(refusing(never));
      // A modem has become free meanwhile.
      if (claim.kind === 'none' && queue.outlookOf(pending).mode !== 'look') continue;
      return this.#answered(claim, mode === 'start');
    }
  }

  #answered(claim: Exclude<Claim, { kind: 'elsewhere' }>, atOnce: boolean): Promise<SendResult> {
    const { judge, admit } = this.#options;
    switch (claim.kind) {
      case 'granted':
        return this.#admitted(claim.isWhole ? this.#counted : judge, atOnce);
      case 'away':
        return this.#admitted(judge);
      case 'none':
        return this.#noPlace();
      case 'refused':
        return admit(refusing(claim.error));
      case 'superseded':
        return admit(refusing(superseded()));
      case 'key_reused':
        throw keyReused();
      case 'known':
        return this.#foreign(claim.outcome);
    }
  }

  /** Nobody has it, and there is no place for it here. */
  #noPlace(): Promise<SendResult> {
    const { queue, pending, admit, judge } = this.#options;
    const { refusal } = queue.outlookOf(pending);
    return admit(refusal === undefined ? judge : refusing(refusal));
  }

  readonly #counted: Reserve = (older) => {
    const { policy, message } = this.#options;
    const place = older?.reservation;
    return (): Reservation => (place === undefined ? policy.count(message.subject) : place.share());
  };

  async #foreign(outcome: Outcome): Promise<SendResult> {
    this.#isForeign = true;
    return replayOf(outcome);
  }

  /**
   * Settles when it is worth asking again.
   * @throws SendError when nobody waits any longer
   */
  async #otherBox(): Promise<void> {
    const { truth, message, control } = this.#options;
    this.#tellOurs(false);
    this.#isForeign = true;
    for (let waitMs: number = lookMs.first; ; waitMs = Math.min(1.5 * waitMs, lookMs.longest)) {
      const leftMs = control.deadlineAt - performance.now();
      if (leftMs <= 0 || control.callerLeft.aborted) throw outcomeNotAwaited();
      await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, leftMs)));
      const found = message.key && (await truth.lookUp(message.key));
      if (found?.kind !== 'known' && found?.kind !== 'none') continue;
      this.#isForeign = false;
      return;
    }
  }

  /** It is claimed, or nobody was there to claim it from: what becomes of it is told. */
  async #admitted(reserve: Reserve, atOnce = false): Promise<SendResult> {
    const { truth, pending, message, admit } = this.#options;
    this.#isAdmitted = true;
    // Until it is let in, it has a right to start that is good for this very moment.
    let isFresh = atOnce;
    pending.beforeStart = () => {
      this.#hasBegun = true;
      return isFresh ? undefined : this.#begin();
    };
    try {
      const answer = admit(reserve);
      isFresh = false;
      this.#tellOurs(true);
      const result = await answer;
      truth.ended(message, { result }, true);
      return result;
    } catch (error) {
      this.#tellFailure(error);
      throw error;
    }
  }

  /** What has begun meanwhile at another box, or is newer, ends this one before its Ctrl-Z. */
  async #begin(): Promise<void> {
    const { truth, pending, message } = this.#options;
    const begin = await truth.begin(message);
    // To say that it had begun would make void what is newer.
    if (begin === 'superseded' || begin === 'elsewhere') this.#hasBegun = false;
    if (begin === 'superseded') pending.reject(superseded());
    if (begin === 'elsewhere') {
      this.#isForeign = true;
      pending.reject(outcomeNotAwaited());
    }
  }

  #tellFailure(error: unknown): void {
    const { truth, message } = this.#options;
    // A bug leaves it open: when its deadline has passed, nobody knows.
    if (!(error instanceof SendError)) return;
    const said = this.#isForeign ? deadlineUnreachable('another box has it') : error;
    truth.ended(message, { error: said }, this.#hasBegun);
  }
}

function refusing(error: SendError): Reserve {
  return () => {
    throw error;
  };
}
