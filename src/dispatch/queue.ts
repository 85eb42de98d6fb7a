/**
 * Who sends what next (DESIGN §4, §5): one waiting list for all modems. Whenever a modem is free,
 * it is given the first message that is its to take; nothing is assigned before. Knows modems only
 * as `SmsModem`, and nothing of HTTP. A message's way: `send` → admitted, or refused at once → the
 * list → {@link MessageQueue.#serve} → a lane → its answer, or back to the front of the list.
 */

import type { Logger } from 'winston';
import { SendError, type Submitted } from '../errors.js';
import { canSend, type SmsModem, type SubmitReceipt } from '../modem/sms-modem.js';
import { maskNumber } from '../number/mask.js';
import type { Reservation } from '../policy/request.js';
import type { Charge } from '../policy/sim-caps.js';
import { expectedMs, simulate } from './estimate.js';
import { Lane } from './lane.js';
import type { DispatchListener, SendResult } from './message.js';
import type { PendingMessage } from './pending.js';
import {
  callerLeft,
  deadlineUnreachable,
  fromModem,
  mayGoElsewhere,
  noModemReady,
  queueFull,
  shuttingDown,
  superseded,
} from './refusals.js';
import type { SimBudget } from './sim-budget.js';
import { NewestStarted, WaitingList } from './waiting-list.js';

/**
 * Gives a message its place within the limits, or that of the waiting one whose place it takes;
 * throws a `SendError`.
 */
export type Reserve = (older: PendingMessage | undefined) => Reservation;

export interface QueueOptions {
  modems: readonly SmsModem[];
  budget: SimBudget;
  listener: Partial<DispatchListener>;
  /** How many messages may wait; those at a modem are not counted. */
  maxWaiting: number;
  log: Logger;
}

/**
 * The message queue. It owns each message from {@link send} to its true end, which may come after
 * its answer.
 */
export class MessageQueue {
  /** How many messages may wait. */
  maxWaiting: number;
  readonly #lanes: readonly Lane[];
  readonly #waiting = new WaitingList();
  readonly #newest = new NewestStarted();
  readonly #budget: SimBudget;
  readonly #listener: Partial<DispatchListener>;
  readonly #log: Logger;
  readonly #stopListening: readonly (() => void)[];
  #stopped: Promise<void> | undefined;

  constructor({ modems, budget, listener, maxWaiting, log }: QueueOptions) {
    this.maxWaiting = maxWaiting;
    this.#budget = budget;
    this.#listener = listener;
    this.#log = log;
    this.#lanes = modems.map((modem) => new Lane(modem, () => this.#serve()));
    this.#stopListening = this.#lanes.map((lane) => this.#follow(lane));
  }

  /** The names of the modems whose SIM is suspect. */
  get suspects(): string[] {
    return this.#lanes.filter(({ health }) => health.isSuspect).map(({ name }) => name);
  }

  /** How many messages wait for a modem. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /**
   * Sends one message, as soon as a modem is free. Settles at the deadline at the latest.
   * @throws SendError what the modem said, what `reserve` threw, or `no_modem_ready`,
   *   `sim_cap_reached`, `queue_full`, `deadline_unreachable`, `superseded`, `shutting_down` (all
   *   surely not submitted), or `outcome_unknown` when the deadline passed after Ctrl-Z.
   */
  send(message: PendingMessage, reserve: Reserve): Promise<SendResult> {
    try {
      this.#admit(message, reserve);
    } catch (error) {
      if (!(error instanceof SendError)) throw error;
      message.reject(error);
    }
    return message.answer;
  }

  /** Refuses everything that waits or comes; resolves when what is at a modem has settled there. */
  stop(): Promise<void> {
    this.#stopped ??= this.#drain();
    return this.#stopped;
  }

  async #drain(): Promise<void> {
    for (const stopListening of this.#stopListening) stopListening();
    for (const message of this.#waiting) message.reject(shuttingDown());
    await Promise.all(this.#lanes.map((lane) => lane.onIdle()));
  }

  #follow(lane: Lane): () => void {
    let couldSend = lane.isUsable;
    return lane.modem.onPhase(({ phase }) => {
      if (phase === 'stalled') lane.atModem?.reservation?.stalled();
      if (canSend(phase) && !couldSend) lane.health.cameBack(lane.modem.snapshot().iccid);
      couldSend = canSend(phase);
      // A microtask later, for the modem must have finished its own change before it is handed a
      // message.
      queueMicrotask(() => this.#serve());
    });
  }

  /**
   * Puts a new message in its place, or throws why not; a refused one has changed nothing for any
   * other.
   */
  #admit(message: PendingMessage, reserve: Reserve): void {
    if (this.#stopped !== undefined) throw shuttingDown();
    if (message.callerHasLeft) throw callerLeft();
    if (message.remainingMs <= 0)
      throw deadlineUnreachable('the deadline had passed when the message came in');
    const same = this.#waiting.sameAs(message);
    const older = same !== undefined && same.order < message.order ? same : undefined;
    message.reservation = reserve(older);
    // A late repeat of an older message neither displaces a newer one nor follows it: its code is
    // void.
    if (older !== same || this.#newest.hasStartedAfter(message)) throw superseded();
    const nothingWaits = this.#waiting.size === 0;
    const lane = this.#freeLaneFor(message, nothingWaits);
    const refusal = lane === undefined ? this.#whyNotWait(message, older) : undefined;
    // A modem that is free is worth a try, however slow it was: none may stay locked by one slow
    // hour.
    const idle = refusal === undefined ? undefined : this.#idleLaneFor(message);
    if (refusal !== undefined && idle === undefined) throw refusal;
    message.enter();
    const taker = idle ?? (nothingWaits ? lane : undefined);
    if (taker !== undefined) {
      older?.reject(superseded());
      return this.#start(taker, message);
    }
    if (older === undefined) this.#waiting.add(message, 'arrived');
    else {
      this.#waiting.replace(older, message);
      older.reject(superseded());
    }
    this.#serve();
  }

  /** What speaks against waiting: behind all others, or in the place of an `older` one. */
  #whyNotWait(message: PendingMessage, older: PendingMessage | undefined): SendError | undefined {
    const doneInMs = this.#doneInMs(message, older);
    if (doneInMs === undefined) return this.#whyNone(message);
    if (doneInMs > message.remainingMs) {
      const [neededS, leftS] = [doneInMs, message.remainingMs].map((ms) => (ms / 1000).toFixed(1));
      return deadlineUnreachable(
        `sending would take until about ${neededS} s from now, the deadline is in ${leftS} s`,
        doneInMs - message.remainingMs,
      );
    }
    if (older !== undefined || this.waitingCount < this.maxWaiting) return undefined;
    return queueFull(this.maxWaiting, doneInMs / (this.maxWaiting + 1));
  }

  /** The quickest of the free modems for what could not wait. */
  #idleLaneFor(message: PendingMessage): Lane | undefined {
    const own = this.#ownMs(message.segments);
    const free = this.#lanes.filter((lane) => lane.isFree && this.#isOpenTo(lane, message));
    const choice = trustedOf(free).length > 0 ? trustedOf(free) : free;
    return choice.toSorted((a, b) => own(a) - own(b))[0];
  }

  /** Gives every free modem what is its to take, in the order of the list. */
  #serve(): void {
    if (this.#stopped !== undefined) return;
    for (const message of this.#waiting) {
      if (!this.#lanes.some((lane) => lane.isFree)) return;
      const lane = this.#freeLaneFor(message, false);
      if (lane !== undefined) {
        this.#waiting.take(message);
        this.#start(lane, message);
      } else {
        const refusal = this.#hopeless(message);
        if (refusal !== undefined) message.reject(refusal);
      }
    }
  }

  /**
   * The free modem that is to take this message: asked for by its `sender`, else the one that will
   * be done first. None, while it is left to one that is busy, or when the time is too short: that
   * is risked only for what has just come while nothing waits, and no modem is known to do in time,
   * and for a modem that is asked for, since a modem may be quicker than it was.
   */
  #freeLaneFor(message: PendingMessage, nothingWaits: boolean): Lane | undefined {
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
      const idle = this.#idleLaneFor(message);
      choice = idle === undefined ? [] : [idle];
    }
    const asked = choice.find(({ modem }) => isSameNumber(message.message.sender, modem.number));
    if (asked !== undefined && this.#canWaitFor(asked, message, own))
      return asked.isFree ? asked : undefined;
    const best = choice.filter((lane) => lane.isFree).sort((a, b) => own(a) - own(b))[0];
    return best !== undefined && this.#othersAreQuicker(best, message, choice) ? undefined : best;
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
    simulate(modems, new Set([...this.#waiting, message]));
    const given = modems.filter((modem) => modem.given > 0);
    return Math.max(...given.map(({ freeInMs }) => freeInMs)) < message.segments * perSegment(free);
  }

  /** The modem that the message asks for, where it is free and not to be passed over. */
  #askedAndFree({ message }: PendingMessage, allowed: readonly Lane[]): Lane | undefined {
    const asked = allowed.find(({ modem }) => isSameNumber(message.sender, modem.number));
    if (asked === undefined || !asked.isFree) return undefined;
    const { isDoubtful, isSuspect, isTrialDue } = asked.health;
    return !isDoubtful || (!isSuspect && isTrialDue) ? asked : undefined;
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
        lane.health.isDoubtful &&
        lane.health.isTrialDue &&
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
    if (!lane.isUsable || message.tried.has(lane.name)) return false;
    return this.#budget.refusal(lane.modem, message, segmentsBefore) === undefined;
  }

  /** Milliseconds that each modem needs for so many segments. */
  #ownMs(segments: number): (lane: Lane) => number {
    const perSegmentMs = expectedMs(this.#lanes.map(({ segmentTime }) => segmentTime));
    return (lane) => segments * perSegmentMs[this.#lanes.indexOf(lane)]!;
  }

  /**
   * Why nothing will come of a waiting message, found when a modem is free for it; undefined while
   * there is hope.
   */
  #hopeless(message: PendingMessage): SendError | undefined {
    const own = this.#ownMs(message.segments);
    const usable = this.#lanes.filter((lane) => lane.isUsable && !message.tried.has(lane.name));
    if (usable.length === 0) return undefined;
    const open = usable.filter((lane) => this.#isOpenTo(lane, message));
    if (open.length === 0) return this.#budget.refusal(usable[0]!.modem, message, 0);
    if (open.some((lane) => own(lane) <= message.remainingMs)) return undefined;
    return deadlineUnreachable(
      'when the turn of the message came, the time left was too short to send it',
    );
  }

  /**
   * Milliseconds until a message that came now would be done: behind all others, or in the place of
   * `older`. Undefined when no usable modem may send it.
   */
  #doneInMs(message: PendingMessage, older: PendingMessage | undefined): number | undefined {
    const perSegmentMs = expectedMs(this.#lanes.map(({ segmentTime }) => segmentTime));
    const usable = this.#lanes.flatMap((lane, index) =>
      lane.isUsable
        ? [{ lane, doubtful: lane.health.isDoubtful, perSegmentMs: perSegmentMs[index]! }]
        : [],
    );
    const trusted = usable.filter(({ doubtful }) => !doubtful);
    const modems = (trusted.length > 0 ? trusted : usable).map(({ lane, perSegmentMs }) => ({
      lane,
      name: lane.name,
      freeInMs: lane.freeInMs,
      perSegmentMs,
      given: 0,
    }));
    simulate(modems, this.#before(older));
    const done = modems
      .filter(({ lane, given }) => this.#isOpenTo(lane, message, given))
      .map(({ freeInMs, perSegmentMs }) => freeInMs + message.segments * perSegmentMs);
    return done.length === 0 ? undefined : Math.min(...done);
  }

  *#before(older: PendingMessage | undefined): Iterable<PendingMessage> {
    for (const message of this.#waiting) {
      if (message === older) return;
      yield message;
    }
  }

  #whyNone(message: PendingMessage): SendError {
    const usable = this.#lanes.filter((lane) => lane.isUsable);
    const waiting = [...this.#waiting].reduce((sum, { segments }) => sum + segments, 0);
    for (const lane of usable) {
      const capped = this.#budget.refusal(lane.modem, message, waiting);
      if (capped !== undefined) return capped;
    }
    return noModemReady(this.#lanes.map(({ modem }) => modem.snapshot()));
  }

  #start(lane: Lane, message: PendingMessage): void {
    this.#tellFailOver(message, lane.name);
    const charge = this.#budget.take(lane.modem, message);
    this.#newest.started(message);
    lane.take(message, this.#ownMs(message.segments)(lane), async () => {
      await this.#turn(lane, message, charge);
      this.#serve();
    });
  }

  /**
   * A message's turn at a modem: handed over, answered or failed over. Settles when the modem is
   * free.
   */
  async #turn(lane: Lane, message: PendingMessage, charge: Charge): Promise<void> {
    let receipt: SubmitReceipt;
    try {
      receipt = await lane.submit(message.record.starting(lane.modem));
    } catch (thrown) {
      const error = fromModem(thrown, lane.name);
      this.#tellEnd(lane, message, error.submitted);
      if (error.submitted === 'no') charge.giveBack();
      else charge.keep();
      return this.#submitFailed(lane, message, error);
    }
    charge.keep();
    this.#tellEnd(lane, message, 'yes');
    if (lane.health.accepted()) this.#logSuspicion(lane, 'info', 'sends again');
    if (message.isAnswered) this.#logLate(lane, message, receipt);
    message.resolve(receipt, lane.name);
  }

  /** What never reached Ctrl-Z says nothing of the network. */
  #tellEnd(lane: Lane, message: PendingMessage, submitted: Submitted | 'yes'): void {
    if (!message.isCommitted) return;
    const { waitedMs, tookMs } = message.progress();
    this.#listener.submitEnded?.({ modem: lane.name, tookMs: tookMs - waitedMs, submitted });
  }

  #submitFailed(lane: Lane, message: PendingMessage, error: SendError): void {
    const wasSuspect = lane.health.isSuspect;
    if (error.simSuspected && lane.health.refused(message.recipientHmac)) {
      const words =
        'is suspect: the network refused several recipients in a row. Check its credit and contract';
      this.#logSuspicion(lane, 'warn', words);
    }
    if (mayGoElsewhere(error)) lane.health.gaveBack();
    if (message.isAnswered) {
      // One that was answered as not submitted, and was not: nothing new.
      if (!message.isCommitted && error.submitted === 'no') return;
      this.#logLate(lane, message, error);
      return message.failedLate(error);
    }
    // What a suspect SIM is refused says nothing of the message: it was only a trial.
    const wasTrial = wasSuspect && error.simSuspected && error.submitted === 'no';
    if (mayGoElsewhere(error) || wasTrial) this.#failOver(lane, message, error);
    else message.reject(error);
  }

  /**
   * The message, surely not sent here, goes to another modem, at once or from the front of the
   * list; where none is known to do it in time, the error is its answer: a sure 503 must not become
   * a 504.
   */
  #failOver(from: Lane, message: PendingMessage, error: SendError): void {
    const same = this.#waiting.sameAs(message);
    if (same !== undefined && same.order > message.order) return message.reject(superseded());
    const mayTry = this.#stopped === undefined && !message.callerHasLeft && message.remainingMs > 0;
    const own = this.#ownMs(message.segments);
    const inTime = this.#lanes.filter(
      (lane) => this.#isOpenTo(lane, message) && lane.freeInMs + own(lane) <= message.remainingMs,
    );
    if (!mayTry || inTime.length === 0) return message.reject(error);
    same?.reject(superseded());
    message.cameBack = { from: from.name, cause: error.causeCode ?? error.code };
    this.#waiting.add(message, 'failed over');
  }

  #tellFailOver({ message, cameBack }: PendingMessage, to: string): void {
    if (cameBack === undefined) return;
    const { from, cause } = cameBack;
    this.#listener.failedOver?.({ from, to });
    this.#log.warn('message goes to another modem', {
      event: 'fail_over',
      id: message.id,
      recipient: maskNumber(message.recipient),
      from,
      to,
      cause,
    });
  }

  #logSuspicion(lane: Lane, level: 'info' | 'warn', words: string): void {
    this.#log.log(level, `the SIM of modem ${lane.name} ${words}`, {
      event: 'suspect',
      modem: lane.name,
    });
  }

  /** The truth about a message whose caller was answered before it was known. */
  #logLate(lane: Lane, pending: PendingMessage, outcome: SubmitReceipt | SendError): void {
    const { id, recipient } = pending.message;
    const { segments, waitedMs, tookMs } = pending.progress();
    const failed = outcome instanceof SendError;
    const modem = lane.name;
    this.#listener.lateResult?.({ modem, submitted: failed ? outcome.submitted : 'yes' });
    this.#log.log(failed && outcome.code === 'internal' ? 'error' : 'info', 'late result', {
      event: 'late_result',
      id,
      recipient: maskNumber(recipient),
      modem,
      segments,
      outcome: failed ? outcome.code : 'submitted',
      submitted: failed ? outcome.submitted : 'yes',
      ...(failed && outcome.causeCode !== undefined ? { cause_code: outcome.causeCode } : {}),
      ...(failed && outcome.cause instanceof Error ? { stack: outcome.cause.stack } : {}),
      waited_ms: Math.round(waitedMs),
      took_ms: Math.round(tookMs),
    });
  }
}

/** Those that are not to be passed over. */
function trustedOf(lanes: readonly Lane[]): readonly Lane[] {
  return lanes.filter(({ health }) => !health.isDoubtful);
}

/**
 * `sender` may be written with spaces, dots, hyphens and parentheses, with or without `+`; an
 * alphanumeric one is no number.
 */
function isSameNumber(sender: string | undefined, number: string | undefined): boolean {
  if (sender === undefined || number === undefined || /[^\d\s+().-]/.test(sender)) return false;
  return sender.replace(/\D/g, '') === number.replace(/\D/g, '');
}
