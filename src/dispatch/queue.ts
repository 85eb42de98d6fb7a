/**
 * Who sends what next (DESIGN §4, §5): one waiting list for all modems. Whenever a modem is free,
 * it is given the first message that is its to take; nothing is assigned before. Knows modems only
 * as `SmsModem`, and nothing of HTTP; the decisions are those of `scheduler.ts`. A message's way:
 * `send` → admitted, or refused at once → the list → {@link MessageQueue.#serve} → a lane → its
 * answer, or back to the front of the list.
 */

import type { Logger } from 'winston';
import { SendError } from '../errors.js';
import { canSend, type SmsModem, type SubmitReceipt } from '../modem/sms-modem.js';
import type { Reservation } from '../policy/request.js';
import type { Charge } from '../policy/sim-caps.js';
import { Lane } from './lane.js';
import type { DispatchListener, SendResult } from './message.js';
import type { PendingMessage } from './pending.js';
import {
  callerLeft,
  deadlineUnreachable,
  fromModem,
  mayGoElsewhere,
  shuttingDown,
  superseded,
} from './refusals.js';
import { Scheduler } from './scheduler.js';
import type { FailingSends } from './send-streak.js';
import type { ClaimMode } from './shared-truth.js';
import type { SimBudget } from './sim-budget.js';
import { isNothingNew, TurnNews } from './turn-news.js';
import { ClaimingList, NewestStarted, WaitingList } from './waiting-list.js';

/**
 * Whether a message has a place within the limits, or that of the waiting one whose place it takes;
 * throws a `SendError`. What it returns gives it, and is called at once or never.
 */
export type Reserve = (older: PendingMessage | undefined) => () => Reservation;

export interface QueueOptions {
  modems: readonly SmsModem[];
  budget: SimBudget;
  listener: Partial<DispatchListener>;
  /** How many messages may wait; those at a modem are not counted. */
  maxWaiting: number;
  /** How many of them may be alerts; logins go before them, and need no place of theirs. */
  maxWaitingAlerts: number;
  log: Logger;
}

/**
 * The message queue. It owns each message from {@link send} to its true end, which may come after
 * its answer.
 */
export class MessageQueue {
  /** How many messages may wait. */
  maxWaiting: number;
  /** How many of them may be alerts. */
  maxWaitingAlerts: number;
  readonly #lanes: Lane[] = [];
  readonly #waiting = new WaitingList();
  readonly #newest = new NewestStarted();
  readonly #scheduler: Scheduler;
  /**
   * What is about to be let in, once other boxes have had their word; in the order of its coming.
   */
  readonly #claiming = new ClaimingList(this.#waiting);
  /** Sees them as waiting, in front of what comes now. */
  readonly #foresight: Scheduler;
  readonly #budget: SimBudget;
  readonly #news: TurnNews;
  readonly #stopListening = new Map<Lane, () => void>();
  #stopped: Promise<void> | undefined;

  constructor({ modems, budget, listener, maxWaiting, maxWaitingAlerts, log }: QueueOptions) {
    this.maxWaiting = maxWaiting;
    this.maxWaitingAlerts = maxWaitingAlerts;
    this.#budget = budget;
    this.#news = new TurnNews(listener, log);
    this.#scheduler = new Scheduler(this.#lanes, this.#waiting, budget);
    this.#foresight = new Scheduler(this.#lanes, this.#claiming, budget);
    for (const modem of modems) this.admitModem(modem);
  }

  /** One more modem: it may take what waits. */
  admitModem(modem: SmsModem): void {
    const lane = new Lane(modem, () => this.#serve());
    this.#lanes.push(lane);
    this.#stopListening.set(lane, this.#follow(lane));
    queueMicrotask(() => this.#serve());
  }

  /**
   * The modem takes nothing more; what waits is left to others. Resolves when its message, if it
   * has one, has truly ended, however late.
   */
  async retireModem(modem: SmsModem): Promise<void> {
    const lane = this.#lanes.find((one) => one.modem === modem);
    if (lane === undefined) return;
    lane.retire();
    this.#serve();
    await lane.onIdle();
    this.#stopListening.get(lane)?.();
    this.#stopListening.delete(lane);
    this.#lanes.splice(this.#lanes.indexOf(lane), 1);
  }

  /** The names of the modems whose SIM is suspect. */
  get suspects(): string[] {
    return this.#lanes.filter(({ health }) => health.isSuspect).map(({ name }) => name);
  }

  /** Of which modems none of the last messages got through, by name. */
  get failing(): Map<string, FailingSends> {
    const named = this.#lanes.map(({ name, sends }) => [name, sends.failing] as const);
    return new Map(named.flatMap(([name, how]) => (how === undefined ? [] : [[name, how]])));
  }

  /** See {@link Scheduler.loginDoneInMs}. */
  get loginDoneInMs(): number | undefined {
    return this.#scheduler.loginDoneInMs;
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

  /**
   * What would become of a message that came now, behind those that keep a place; changes nothing.
   * A refusal, where {@link send} would not refuse it by itself.
   */
  outlookOf(message: PendingMessage): { mode: ClaimMode; refusal?: SendError } {
    const isWelcome = this.#stopped === undefined && !message.callerHasLeft;
    if (!isWelcome || message.remainingMs <= 0) return { mode: 'look' };
    const same = this.#waiting.sameAs(message);
    const older = same !== undefined && same.order < message.order ? same : undefined;
    const { taker, refusal } = this.#plan(message, older, this.#foresight);
    if (refusal !== undefined) return { mode: 'look', refusal };
    return { mode: taker === undefined ? 'wait' : 'start' };
  }

  /**
   * Keeps a place for a message that other boxes have their word on first; what it returns gives it
   * up, and is called before {@link send}.
   */
  keepPlace(message: PendingMessage): () => void {
    return this.#claiming.add(message);
  }

  /**
   * Whether a message that has no answer yet may be promised to a caller who cannot wait: it was
   * committed, or the journal has it and it is expected to be done before its deadline. What was
   * promised goes on whoever leaves, until its own deadline, and is drained by {@link stop}.
   */
  async promise(message: PendingMessage): Promise<boolean> {
    if (!message.isCommitted) {
      if (this.#stopped !== undefined || !this.#scheduler.isExpectedInTime(message)) return false;
      const isWritten = await message.record.promised();
      if (message.isAnswered || (!isWritten && !message.isCommitted)) return false;
    }
    message.promise();
    return true;
  }

  /**
   * Refuses everything that comes, or waits without a promise; resolves when what was promised or
   * is at a modem has settled.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#drain();
    return this.#stopped;
  }

  /** There is no more time for what was promised and still waits: it is refused after all. */
  giveUp(): void {
    for (const message of this.#waiting) message.reject(shuttingDown());
  }

  async #drain(): Promise<void> {
    for (const message of this.#waiting) if (!message.isPromised) message.reject(shuttingDown());
    // What was promised and fails over in the meantime waits again.
    do {
      await Promise.allSettled([...this.#waiting].map(({ answer }) => answer));
      await Promise.all(this.#lanes.map((lane) => lane.onIdle()));
    } while (this.#waiting.size > 0);
    for (const stopListening of this.#stopListening.values()) stopListening();
  }

  #follow(lane: Lane): () => void {
    let couldSend = lane.isUsable;
    return lane.modem.onPhase(({ phase }) => {
      if (phase === 'stalled') lane.atModem?.reservation?.stalled();
      if (canSend(phase) && !couldSend && lane.health.cameBack(lane.modem.snapshot().iccid))
        lane.sends.forget();
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
    const takePlace = reserve(older);
    // A late repeat of an older message neither displaces a newer one nor follows it: its code is
    // void.
    if (older !== same || this.#newest.hasStartedAfter(message)) throw superseded();
    const { taker, refusal } = this.#plan(message, older);
    if (refusal !== undefined) throw refusal;
    message.reservation = takePlace();
    message.enter();
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

  /** Who takes a message that comes now, where it need not wait; or why it cannot even wait. */
  #plan(
    message: PendingMessage,
    older: PendingMessage | undefined,
    scheduler = this.#scheduler,
  ): { taker?: Lane | undefined; refusal?: SendError } {
    const nothingWaits = this.#waiting.size === 0;
    const spokenFor = scheduler === this.#foresight ? this.#claiming.count : 0;
    const isAnyFree = this.#lanes.filter((lane) => lane.isFree).length > spokenFor;
    const lane = isAnyFree ? scheduler.freeLaneFor(message, nothingWaits) : undefined;
    const refusal = lane === undefined ? scheduler.whyNotWait(message, older, this) : undefined;
    if (refusal === undefined) return { taker: nothingWaits ? lane : undefined };
    // A modem that is free is worth a try, however slow it was: none may stay locked by one slow
    // hour.
    const idle = isAnyFree ? scheduler.idleLaneFor(message) : undefined;
    return idle === undefined ? { refusal } : { taker: idle };
  }

  /** Gives every free modem what is its to take, in the order of the list. */
  #serve(): void {
    for (const message of this.#waiting) {
      if (!this.#lanes.some((lane) => lane.isFree)) return;
      const lane = this.#scheduler.freeLaneFor(message, false);
      if (lane !== undefined) {
        this.#waiting.take(message);
        this.#start(lane, message);
      } else {
        const refusal = this.#scheduler.whyHopeless(message);
        if (refusal !== undefined) message.reject(refusal);
      }
    }
  }

  #start(lane: Lane, message: PendingMessage): void {
    this.#news.begun(message, lane.name);
    const charge = this.#budget.take(lane.modem, message);
    this.#newest.started(message);
    const begun = message.beforeStart?.();
    lane.take(message, this.#scheduler.expectedMs(lane, message), async () => {
      await this.#turn(lane, message, charge, begun);
      this.#serve();
    });
  }

  /**
   * A message's turn at a modem: handed over, answered or failed over. Settles when the modem is
   * free.
   */
  async #turn(
    lane: Lane,
    message: PendingMessage,
    charge: Charge,
    begun: Promise<void> | undefined,
  ): Promise<void> {
    let receipt: SubmitReceipt;
    try {
      const noted = message.record.starting(lane.modem);
      receipt = await lane.submit(begun === undefined ? noted : both(begun, noted));
    } catch (thrown) {
      const error = fromModem(thrown, lane.name);
      this.#news.ended(lane.name, message, error);
      if (error.submitted === 'no') charge.giveBack();
      else charge.keep();
      return this.#submitFailed(lane, message, error);
    }
    charge.keep();
    this.#news.ended(lane.name, message, receipt);
    if (lane.health.accepted()) this.#news.suspicion(lane.name, false);
    lane.sends.accepted(message);
    message.resolve(receipt, lane.name);
  }

  #submitFailed(lane: Lane, message: PendingMessage, error: SendError): void {
    lane.sends.failed(message, error);
    const wasSuspect = lane.health.isSuspect;
    if (error.simSuspected && lane.health.refused(message.recipientHmac))
      this.#news.suspicion(lane.name, true);
    if (mayGoElsewhere(error) || error.submitted === 'unknown') lane.health.failed();
    if (message.isAnswered) {
      if (!isNothingNew(message, error)) message.failedLate(error);
      return;
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
    const isWanted = message.isPromised || this.#stopped === undefined;
    const mayTry = isWanted && !message.callerHasLeft && message.remainingMs > 0;
    if (!mayTry || !this.#scheduler.canGoElsewhere(message)) return message.reject(error);
    same?.reject(superseded());
    message.cameBack = { from: from.name, cause: error.causeCode ?? error.code };
    this.#waiting.add(message, 'failed over');
  }
}

async function both(first: Promise<void>, second: Promise<void> | undefined): Promise<void> {
  await first;
  await second;
}
