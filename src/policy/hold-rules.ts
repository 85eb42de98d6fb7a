/** When lock-outs and cool-downs begin and end, and whom they keep waiting. */

import { longestHoldMs, type PolicyConfig } from '../config/policy.js';
import { type Hold, type HoldKind, Holds, holdKinds } from './holds.js';
import type { Subject } from './request.js';
import type { CountedMessage } from './windows.js';
import { earlierOneObstacle, type TemporaryRefusal } from './wording.js';

/** Milliseconds of the first cool-down; 0: there are none. */
export interface CoolDowns {
  coolDownRecipientMs: number;
  coolDownBlockMs: number;
}

/** By whom a hold is found. */
type Held = Pick<Subject, 'recipientHmac' | 'blockHmac'>;

/** A send that stalled a modem, and what cools down for it. */
export type StalledSend = Held & CoolDowns;

export interface HoldRulesOptions {
  /** The rules in force. */
  config: () => PolicyConfig;
  /** The newest message that is counted for a recipient. */
  newestTo: (recipientHmac: string) => CountedMessage | undefined;
  /** Told of each hold that begins or is lifted. Must not throw. */
  onHold: (hold: Hold) => void;
  /** Told of a send that stalled a modem. Must not throw. */
  onStalled: (stalled: StalledSend) => void;
  /** How many holds are remembered; default and bound as {@link Holds}. */
  capacity: number | undefined;
}

/** `now`, wherever it is asked for: wall milliseconds that never run backwards. */
export class HoldRules {
  readonly #options: HoldRulesOptions;
  readonly #holds: Holds;

  constructor(options: HoldRulesOptions) {
    this.#options = options;
    this.#holds = new Holds(options.capacity);
  }

  /** Those that last or whose strikes still count. */
  all(now: number): Hold[] {
    return this.#holds.all(now);
  }

  /** Those that last, in milliseconds from now. */
  left(now: number): (Omit<Hold, 'until'> & { leftMs: number })[] {
    return this.#holds.all(now).flatMap(({ until, ...hold }) => {
      return until > now ? [{ ...hold, leftMs: until - now }] : [];
    });
  }

  /** Takes up those that others have begun, where nothing longer holds already. */
  takeUp(holds: readonly (Omit<Hold, 'until'> & { leftMs: number })[], now: number): void {
    for (const { leftMs, ...hold } of holds) {
      const taken = { ...hold, until: now + Math.min(leftMs, longestHoldMs) };
      if (this.#holds.takeUp(taken, now)) this.#options.onHold(taken);
    }
  }

  /** As {@link Holds.restore}. */
  restore(holds: Iterable<Hold>, now: number): void {
    this.#holds.restore(holds, now);
  }

  begin(hold: Hold, now: number): void {
    this.#holds.begin(hold, now);
    this.#options.onHold(hold);
  }

  /** Ends all that somebody waits for, and forgets the strikes. Gives the kinds that lasted. */
  lift(held: Held, now: number): HoldKind[] {
    return holdKinds.filter((kind) => {
      const key = keyOf(kind, held);
      const lasted = this.#holds.lasting(kind, key, now) !== undefined;
      const over = this.#holds.lift(kind, key, now);
      if (over) this.#options.onHold(over);
      return lasted;
    });
  }

  /** A lock-out is of logins: whoever asks for codes in somebody's name silences no alert. */
  lasting(subject: Subject, now: number): Hold[] {
    if (this.#holds.isEmpty) return [];
    return holdKinds.flatMap((kind) => {
      if (subject.isAlert && kind === 'lock_out') return [];
      return this.#holds.lasting(kind, keyOf(kind, subject), now) ?? [];
    });
  }

  /**
   * The lock-out that begins with a request of a recipient who is at the limit: it lasts until
   * there is room, and longer each time. After one, every message that was sent leads into the
   * next, until an hour passed without: so the codes come ever slower, yet the person never waits
   * longer than the longest lock-out. It grows by messages that were sent, never by requests that
   * were refused; and it counts from the message that it follows, so that nobody who has waited as
   * long in peace is refused. Alerts neither begin one nor lead into the next.
   * @param freeAt when the recipient's own limit has room again; 0 where it has
   */
  lockOutBy(subject: Subject, now: number, freeAt: () => number): Hold | undefined {
    const { lockOutFirstMs: firstMs, lockOutLongestMs: longestMs } = this.#options.config();
    if (subject.isAlert || firstMs === 0) return undefined;
    const untilRoom = freeAt();
    // Asked first: the HMAC is made where something is counted by it.
    if (untilRoom === 0 && this.#holds.isEmpty) return undefined;
    const { recipientHmac } = subject;
    const newest = this.#options.newestTo(recipientHmac);
    if (!newest?.isKept) return undefined;
    const before = this.#holds.remembered('lock_out', recipientHmac, now);
    if (before && newest.at < before.until) return undefined;
    if (untilRoom === 0 && !before) return undefined;
    const since = newest.at;
    const span = { firstMs, longestMs, since, atLeastMs: Math.max(0, untilRoom - since) };
    const hold = this.#holds.next('lock_out', recipientHmac, now, span);
    return hold.until > now ? hold : undefined;
  }

  /**
   * After a lock-out there is one login at a time: while it waits or is sent, the next one has no
   * place.
   */
  earlierOneWaits(subject: Subject, now: number): TemporaryRefusal[] {
    const { lockOutFirstMs: firstMs } = this.#options.config();
    if (subject.isAlert || firstMs === 0 || this.#holds.isEmpty) return [];
    const { recipientHmac } = subject;
    const newest = this.#options.newestTo(recipientHmac);
    const before = this.#holds.remembered('lock_out', recipientHmac, now);
    if (!newest || newest.isKept || !before || newest.at < before.until) return [];
    return [earlierOneObstacle(now + firstMs)];
  }

  /**
   * The block begins to cool down with its second stall within the hour: one number that stalls a
   * modem says nothing of its neighbours, and one moment of bad radio must not shut out an office.
   */
  coolDown({ recipientHmac, blockHmac }: Held, now: number): void {
    const { coolDownRecipientMs, coolDownBlockMs } = this.#options.config();
    this.#options.onStalled({ recipientHmac, blockHmac, coolDownRecipientMs, coolDownBlockMs });
    if (coolDownRecipientMs > 0) {
      const span = { firstMs: coolDownRecipientMs, longestMs: longestHoldMs };
      this.begin(this.#holds.next('cool_down_recipient', recipientHmac, now, span), now);
    }
    if (coolDownBlockMs === 0) return;
    const isFirst = this.#holds.remembered('cool_down_block', blockHmac, now) === undefined;
    const span = { firstMs: coolDownBlockMs / 2, longestMs: isFirst ? 0 : longestHoldMs };
    this.begin(this.#holds.next('cool_down_block', blockHmac, now, span), now);
  }
}

function keyOf(kind: HoldKind, { recipientHmac, blockHmac }: Held): string {
  return kind === 'cool_down_block' ? blockHmac : recipientHmac;
}
