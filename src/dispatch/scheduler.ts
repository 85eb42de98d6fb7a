/**
 * The queue's decisions, and nothing but decisions: which modem takes which message, when a new one
 * would be done, and why one will not be sent at all.
 */

import type { SendError } from '../errors.js';
import { expectedMs, type ForecastModem, forecast } from './estimate.js';
import type { Lane } from './lane.js';
import type { PendingMessage } from './pending.js';
import { alertsFull, deadlineUnreachable, noModemReady, queueFull } from './refusals.js';
import type { SimBudget } from './sim-budget.js';
import type { WaitingList } from './waiting-list.js';

/** How many may wait. */
export interface WaitingBounds {
  maxWaiting: number;
  /** How many of them may be alerts; logins go before them, and need no place of theirs. */
  maxWaitingAlerts: number;
}

type WaitingSizes = Pick<WaitingList, 'size' | 'logins' | 'alerts'>;

interface ExpectedLane extends ForecastModem {
  lane: Lane;
}

/** Reads the lanes and what waits; changes neither. */
export class Scheduler {
  readonly #lanes: readonly Lane[];
  readonly #waiting: Iterable<PendingMessage> & WaitingSizes;
  readonly #budget: SimBudget;

  /** @param waiting in the order of their turns */
  constructor(
    lanes: readonly Lane[],
    waiting: Iterable<PendingMessage> & WaitingSizes,
    budget: SimBudget,
  ) {
    this.#lanes = lanes;
    this.#waiting = waiting;
    this.#budget = budget;
  }

  /**
   * The free modem that is to take this message: asked for by its `sender`, else the one that will
   * be done first. None, while it is left to one that is busy, or when the time is too short: that
   * is risked only for what has just come while nothing waits, and no modem is known to do in time,
   * and for a modem that is asked for, since a modem may be quicker than it was.
   */
  freeLaneFor(message: PendingMessage, nothingWaits: boolean): Lane | undefined {
    const own = this.#ownMs(message.segments);
    const allowed = this.#lanes.filter((lane) => this.#isOpenTo(lane, message));
    const wanted =
      message.cameBack === undefined ? this.#askedAndFree(message, allowed) : undefined;
    if (wanted !== undefined) return wanted;
    const inTime = allowed.filter(
      (lane) => !lane.isOverdue && lane.freeInMs + own(lane) <= message.remainingMs,
    );
    const trusted = trustedOf(inTime);
    const trial = trusted.length === 0 ? undefined : this.#trialFor(message, allowed, trusted, own);
    if (trial !== undefined) return trial;
    let choice = trusted.length > 0 ? trusted : inTime;
    if (choice.length === 0 && nothingWaits) {
      const idle = this.idleLaneFor(message);
      choice = idle === undefined ? [] : [idle];
    }
    const asked = choice.find(({ modem }) => isSameNumber(message.message.sender, modem.number));
    if (asked !== undefined && this.#canWaitFor(asked, message, own))
      return asked.isFree ? asked : undefined;
    const best = choice.filter((lane) => lane.isFree).sort((a, b) => own(a) - own(b))[0];
    return best !== undefined && this.#othersAreQuicker(best, message, choice) ? undefined : best;
  }

  /** The quickest of the free modems for what could not wait. */
  idleLaneFor(message: PendingMessage): Lane | undefined {
    const own = this.#ownMs(message.segments);
    const free = this.#lanes.filter((lane) => lane.isFree && this.#isOpenTo(lane, message));
    const choice = trustedOf(free).length > 0 ? trustedOf(free) : free;
    return choice.toSorted((a, b) => own(a) - own(b))[0];
  }

  /** What speaks against waiting: behind all others, or in the place of an `older` one. */
  whyNotWait(
    message: PendingMessage,
    older: PendingMessage | undefined,
    { maxWaiting, maxWaitingAlerts }: WaitingBounds,
  ): SendError | undefined {
    const doneInMs = this.#doneInMs(message, older);
    if (doneInMs === undefined) return this.#whyNone(message);
    if (doneInMs > message.remainingMs) {
      const [neededS, leftS] = [doneInMs, message.remainingMs].map((ms) => (ms / 1000).toFixed(1));
      return deadlineUnreachable(
        `sending would take until about ${neededS} s from now, the deadline is in ${leftS} s`,
        doneInMs - message.remainingMs,
      );
    }
    if (older !== undefined) return undefined;
    const { isAlert = false } = message.message;
    if (isAlert && this.#waiting.alerts >= maxWaitingAlerts)
      return alertsFull(maxWaitingAlerts, doneInMs / (maxWaitingAlerts + 1));
    if ((isAlert ? this.#waiting.size : this.#waiting.logins) < maxWaiting) return undefined;
    return queueFull(maxWaiting, doneInMs / (maxWaiting + 1));
  }

  /**
   * Why nothing will come of a waiting message, found when a modem is free for it; undefined while
   * there is hope.
   */
  whyHopeless(message: PendingMessage): SendError | undefined {
    const own = this.#ownMs(message.segments);
    const usable = this.#lanes.filter((lane) => lane.isUsable && lane.mayTake(message));
    if (usable.length === 0) return undefined;
    const open = usable.filter((lane) => this.#isOpenTo(lane, message));
    if (open.length === 0) return this.#budget.refusal(usable[0]!.modem, message, 0);
    if (open.some((lane) => own(lane) <= message.remainingMs)) return undefined;
    return deadlineUnreachable(
      'when the turn of the message came, the time left was too short to send it',
    );
  }

  /** Whether a modem that has not tried this message is expected to do it in time. */
  canGoElsewhere(message: PendingMessage): boolean {
    const own = this.#ownMs(message.segments);
    return this.#lanes.some(
      (lane) => this.#isOpenTo(lane, message) && lane.freeInMs + own(lane) <= message.remainingMs,
    );
  }

  /** Whether a message that waits, or is at a modem, is expected to be done by its deadline. */
  isExpectedInTime(message: PendingMessage): boolean {
    const lane = this.#lanes.find(({ atModem }) => atModem === message);
    const doneInMs = lane === undefined ? this.#doneInMs(message, message) : lane.freeInMs;
    return doneInMs !== undefined && doneInMs <= message.remainingMs;
  }

  /** Milliseconds that this modem is expected to need for a message. */
  expectedMs(lane: Lane, { segments }: PendingMessage): number {
    return this.#ownMs(segments)(lane);
  }

  /**
   * True when the others, busy as they are, will be done with all that waits before this free modem
   * would be done with one message: it must not keep a person waiting for the last one.
   */
  #othersAreQuicker(free: Lane, message: PendingMessage, inTime: readonly Lane[]): boolean {
    const others = inTime.filter((lane) => !lane.isFree);
    if (others.length === 0) return false;
    const perSegment = this.#ownMs(1);
    const modems = others.map((lane) => {
      return { name: lane.name, freeInMs: lane.freeInMs, perSegmentMs: perSegment(lane), given: 0 };
    });
    forecast(modems, new Set([...this.#waiting, message]));
    const given = modems.filter((modem) => modem.given > 0);
    return Math.max(...given.map(({ freeInMs }) => freeInMs)) < message.segments * perSegment(free);
  }

  /** The modem that the message asks for, where it is free and not to be passed over. */
  #askedAndFree({ message }: PendingMessage, allowed: readonly Lane[]): Lane | undefined {
    const asked = allowed.find(({ modem }) => isSameNumber(message.sender, modem.number));
    if (asked === undefined || !asked.isFree) return undefined;
    const { isDoubtful, isTrialDue, health } = asked;
    return !isDoubtful || (!health.isSuspect && isTrialDue) ? asked : undefined;
  }

  /**
   * A doubtful modem is tried now and then, with a message that another can still do in time after
   * it.
   */
  #trialFor(
    message: PendingMessage,
    allowed: readonly Lane[],
    trusted: readonly Lane[],
    own: (lane: Lane) => number,
  ): Lane | undefined {
    const afterwardsMs = Math.min(...trusted.map((lane) => lane.freeInMs + own(lane)));
    return allowed.find(
      (lane) =>
        lane.isFree &&
        lane.isDoubtful &&
        lane.isTrialDue &&
        own(lane) + afterwardsMs <= message.remainingMs,
    );
  }

  /**
   * Whether the modem that was asked for can do this message in time, behind those before it that
   * asked for the same.
   */
  #canWaitFor(asked: Lane, message: PendingMessage, own: (lane: Lane) => number): boolean {
    let segments = 0;
    for (const other of this.#waiting) {
      if (other === message) break;
      if (isSameNumber(other.message.sender, asked.modem.number)) segments += other.segments;
    }
    const beforeMs = asked.freeInMs + (segments / message.segments) * own(asked);
    return beforeMs + own(asked) <= message.remainingMs;
  }

  /** A usable modem that has not tried this message, and whose SIM may send it. */
  #isOpenTo(lane: Lane, message: PendingMessage, segmentsBefore = 0): boolean {
    if (!lane.isUsable || !lane.mayTake(message)) return false;
    return this.#budget.refusal(lane.modem, message, segmentsBefore) === undefined;
  }

  /** Milliseconds that each modem needs for so many segments. */
  #ownMs(segments: number): (lane: Lane) => number {
    const perSegmentMs = expectedMs(this.#lanes.map(({ segmentTime }) => segmentTime));
    return (lane) => segments * perSegmentMs[this.#lanes.indexOf(lane)]!;
  }

  /**
   * Milliseconds until a message that came now would be done: behind all others, or in the place of
   * `older`. Undefined when no usable modem may send it.
   */
  #doneInMs(message: PendingMessage, older: PendingMessage | undefined): number | undefined {
    let firstMs = Number.POSITIVE_INFINITY;
    for (const { lane, freeInMs, perSegmentMs, given } of this.#after(this.#before(message, older)))
      if (this.#isOpenTo(lane, message, given))
        firstMs = Math.min(firstMs, freeInMs + message.segments * perSegmentMs);
    return Number.isFinite(firstMs) ? firstMs : undefined;
  }

  /**
   * Milliseconds until a login of one segment that came now would be done; 0 where a modem is free,
   * for that is worth a try however slow it was. Undefined while no modem can send.
   */
  get loginDoneInMs(): number | undefined {
    if (this.#lanes.some((lane) => lane.isFree)) return 0;
    const modems = this.#after([...this.#waiting].filter(({ message }) => !message.isAlert));
    if (modems.length === 0) return undefined;
    return Math.min(...modems.map(({ freeInMs, perSegmentMs }) => freeInMs + perSegmentMs));
  }

  /** The modems that may be counted on, as they will be when `before` is done. */
  #after(before: Iterable<PendingMessage>): ExpectedLane[] {
    const perSegmentMs = expectedMs(this.#lanes.map(({ segmentTime }) => segmentTime));
    const usable = this.#lanes.filter((lane) => lane.isUsable);
    const trusted = trustedOf(usable);
    const modems = (trusted.length > 0 ? trusted : usable).map((lane) => ({
      lane,
      name: lane.name,
      freeInMs: lane.freeInMs,
      perSegmentMs: perSegmentMs[this.#lanes.indexOf(lane)]!,
      given: 0,
    }));
    forecast(modems, before);
    return modems;
  }

  /** What would have its turn before a message that came now, or took the place of `older`. */
  *#before(message: PendingMessage, older: PendingMessage | undefined): Iterable<PendingMessage> {
    for (const other of this.#waiting) {
      if (other === older || (other.message.isAlert && !message.message.isAlert)) return;
      yield other;
    }
  }

  #whyNone(message: PendingMessage): SendError {
    // One that a reload closes is told too.
    const own = this.#lanes.filter((lane) => message.mayGoTo(lane.name));
    const usable = own.filter((lane) => lane.isUsable);
    const waiting = [...this.#waiting].reduce((sum, { segments }) => sum + segments, 0);
    for (const lane of usable) {
      const capped = this.#budget.refusal(lane.modem, message, waiting);
      if (capped !== undefined) return capped;
    }
    return noModemReady(own.map(({ modem }) => modem.snapshot()));
  }
}

/** Those that are not to be passed over. */
function trustedOf(lanes: readonly Lane[]): readonly Lane[] {
  return lanes.filter(({ isDoubtful }) => !isDoubtful);
}

/**
 * `sender` may be written with spaces, dots, hyphens and parentheses, with or without `+`; an
 * alphanumeric one is no number.
 */
function isSameNumber(sender: string | undefined, number: string | undefined): boolean {
  if (sender === undefined || number === undefined || /[^\d\s+().-]/.test(sender)) return false;
  return sender.replace(/\D/g, '') === number.replace(/\D/g, '');
}
