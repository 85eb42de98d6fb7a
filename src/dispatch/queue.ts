/** Who sends what next: admission, supersede, deadline and fail-over over one lane per modem (DESIGN §4, §5). */

import type { Logger } from 'winston';
import { SendError, type Submitted } from '../errors.js';
import { maskNumber } from '../mask.js';
import type { OutgoingSms, SmsModem, SubmitReceipt } from '../modem/sms-modem.js';
import type { Charge } from '../policy/sim-caps.js';
import { Lane, priorities } from './lane.js';
import type { DispatchListener, Message, SendControl, SendResult, Ticket } from './message.js';
import { NewestStarted } from './newest-started.js';
import { PendingMessage } from './pending.js';
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

/** What the SIMs may still send. Segments are counted, as carriers do. */
export interface SimBudget {
  /** Why this SIM may not take the message behind `segmentsBefore` others; undefined when it may. */
  refusal(modem: SmsModem, message: PendingMessage, segmentsBefore: number): SendError | undefined;
  /** Counts the message. */
  take(modem: SmsModem, message: PendingMessage): Charge;
}

/** What others learn of a message while it is at a modem. None of it may throw. */
export interface QueueListener extends DispatchListener {
  /** Its turn has come. What is returned is waited for before the modem gets it: it must be bounded in time and never reject. */
  starting(message: PendingMessage, modem: SmsModem): Promise<void> | undefined;
  /** The modem does not answer after Ctrl-Z. */
  stalled(message: PendingMessage): void;
  /** The truth about a message that was answered before it was known. */
  late(message: PendingMessage, outcome: SendResult | SendError): void;
}

export interface QueueOptions {
  modems: readonly SmsModem[];
  budget: SimBudget;
  listener: QueueListener;
  /** How many messages may wait, over all modems; those at a modem are not counted. */
  maxWaiting: number;
  log: Logger;
}

type Priority = (typeof priorities)[keyof typeof priorities];

/** The message queue. It owns each message from {@link send} to its true end, which may come after its answer. */
export class MessageQueue {
  readonly #lanes: readonly Lane[];
  /** How many messages may wait, over all modems. */
  maxWaiting: number;
  readonly #log: Logger;
  readonly #budget: SimBudget;
  readonly #listener: QueueListener;
  readonly #stopListening: readonly (() => void)[];
  readonly #newest = new NewestStarted();
  #stopped: Promise<void> | undefined;

  constructor({ modems, budget, listener, maxWaiting, log }: QueueOptions) {
    this.maxWaiting = maxWaiting;
    this.#log = log;
    this.#budget = budget;
    this.#listener = listener;
    this.#lanes = modems.map((modem) => new Lane(modem, this.#takeTurn, () => this.#moveStranded()));
    this.#stopListening = this.#lanes.map((lane) =>
      lane.modem.onPhase(({ phase }) => {
        if (phase === 'stalled' && lane.atModem !== undefined) listener.stalled(lane.atModem);
        if (!lane.isUsable) lane.followModem();
        // A microtask later, for the modem must have finished its own change before it is handed a message.
        queueMicrotask(() => {
          lane.followModem();
          this.#moveStranded();
        });
      }),
    );
  }

  /** The names of the modems whose SIM is suspect. */
  get suspects(): string[] {
    return this.#lanes.filter((lane) => lane.suspicion.isSuspect).map((lane) => lane.modem.name);
  }

  /** How many messages wait for a modem. */
  get waitingCount(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.waitingCount, 0);
  }

  /**
   * Sends one message, as soon as a modem is free. Settles at the deadline at the latest.
   * @throws SendError what the modem said, or `no_modem_ready`, `sim_cap_reached`, `queue_full`, `deadline_unreachable`, `superseded`,
   * `shutting_down` (all surely not submitted), or `outcome_unknown` when the deadline passed after Ctrl-Z.
   */
  send(message: Message, sms: OutgoingSms, control: SendControl, ticket: Ticket): Promise<SendResult> {
    const pending = new PendingMessage(message, sms, control, ticket);
    const refusal = this.#admit(pending);
    if (refusal !== undefined) pending.reject(refusal);
    return pending.answer;
  }

  /** The waiting message whose place a new one of this order would take. */
  waitingTwinOf(message: Message, order: number): Message | undefined {
    for (const lane of this.#lanes) {
      const twin = lane.waiting().find((other) => other.isSame(message));
      if (twin !== undefined) return twin.ticket.order < order ? twin.message : undefined;
    }
    return undefined;
  }

  /** Refuses everything that waits or comes; resolves when what is at a modem has settled there. */
  stop(): Promise<void> {
    this.#stopped ??= this.#drain();
    return this.#stopped;
  }

  async #drain(): Promise<void> {
    for (const stopListening of this.#stopListening) stopListening();
    for (const lane of this.#lanes) {
      for (const pending of lane.waiting()) pending.reject(shuttingDown());
    }
    await Promise.all(this.#lanes.map((lane) => lane.onIdle()));
  }

  /** Puts a new message in its place, or says why not; a refused one has changed nothing for any other. */
  #admit(pending: PendingMessage): SendError | undefined {
    if (this.#stopped !== undefined) return shuttingDown();
    if (pending.callerHasLeft) return callerLeft();
    if (pending.remainingMs <= 0)
      return deadlineUnreachable('the deadline had passed when the message came in');
    const twin = this.#waitingTwin(pending);
    // A late repeat of an older message neither displaces a newer one nor follows it: its code is void.
    if (twin?.message.isNewerThan(pending) || this.#newest.hasStartedAfter(pending)) return superseded();
    if (twin !== undefined && this.#takesPlace(pending, twin)) return undefined;
    const lane = this.#choose(pending, priorities.arrival);
    if (lane === undefined) return this.#whyNone(pending);
    if (twin !== undefined) twin.message.reject(superseded());
    else if (!lane.isIdle && this.waitingCount >= this.maxWaiting) {
      return queueFull(this.maxWaiting, this.#soonestMs(pending) / (this.maxWaiting + 1));
    }
    lane.put(pending, priorities.arrival);
    return undefined;
  }

  /** The waiting message that only one of these two can outlive. */
  #waitingTwin(pending: PendingMessage): { lane: Lane; message: PendingMessage } | undefined {
    for (const lane of this.#lanes) {
      const message = lane.waiting().find((other) => other.isSame(pending.message));
      if (message !== undefined) return { lane, message };
    }
    return undefined;
  }

  /** The newer message takes the older one's very place, if it can meet its deadline from there. */
  #takesPlace(newer: PendingMessage, older: { lane: Lane; message: PendingMessage }): boolean {
    const { lane, message } = older;
    if (!lane.isUsable) return false;
    if (lane.doneInMs(newer, priorities.arrival, message) > newer.remainingMs) return false;
    lane.replace(message, newer);
    message.reject(superseded());
    return true;
  }

  /** The usable modem, not tried yet, that meets the deadline: the one asked for by `sender`, else the first to be done. */
  #choose(pending: PendingMessage, priority: Priority): Lane | undefined {
    const inTime = this.#lanes
      .filter((lane) => lane.isUsable && !pending.tried.has(lane.modem.name))
      .filter((lane) => this.#refusalBySim(lane, pending) === undefined)
      .map((lane) => ({ lane, doneInMs: lane.doneInMs(pending, priority) }))
      .filter(({ lane, doneInMs }) => lane.isIdle || doneInMs <= pending.remainingMs)
      .sort((a, b) => a.doneInMs - b.doneInMs);
    // A suspect SIM is passed over while another works, but for a trial now and then; alone it is better than nothing.
    const trusted = inTime.filter(({ lane }) => !lane.suspicion.isSuspect);
    if (trusted.length > 0 && trusted.length < inTime.length) {
      const trial = inTime.find(({ lane }) => lane.suspicion.isSuspect && lane.suspicion.isTrialDue);
      return (trial ?? trusted[0])?.lane;
    }
    const asked = inTime.find(({ lane }) => isSameNumber(pending.message.sender, lane.modem.number));
    return (asked ?? inTime[0])?.lane;
  }

  #refusalBySim(lane: Lane, pending: PendingMessage): SendError | undefined {
    return this.#budget.refusal(lane.modem, pending, lane.waitingSegments);
  }

  #whyNone(pending: PendingMessage): SendError {
    const usable = this.#lanes.filter((lane) => lane.isUsable);
    const capped = usable.map((lane) => this.#refusalBySim(lane, pending));
    if (capped[0] !== undefined && !capped.includes(undefined)) return capped[0];
    const soonestMs = this.#soonestMs(pending);
    if (soonestMs === Infinity) return noModemReady(this.#lanes.map(({ modem }) => modem.snapshot()));
    const [neededS, leftS] = [soonestMs, pending.remainingMs].map((ms) => (ms / 1000).toFixed(1));
    return deadlineUnreachable(
      `sending would take until about ${neededS} s from now, the deadline is in ${leftS} s`,
      soonestMs - pending.remainingMs,
    );
  }

  /** Milliseconds until a usable modem would be done with this message; Infinity when there is none. */
  #soonestMs(pending: PendingMessage): number {
    const usable = this.#lanes.filter(
      (lane) => lane.isUsable && this.#refusalBySim(lane, pending) === undefined,
    );
    return Math.min(...usable.map((lane) => lane.doneInMs(pending, priorities.arrival)));
  }

  /**
   * A message's turn at a modem: checked again, handed over, answered or failed over. Settles when the modem is free.
   * One that was answered meanwhile (deadline, caller gone, superseded, shutdown) lost its place then and has no turn.
   */
  readonly #takeTurn = async (
    lane: Lane,
    pending: PendingMessage,
    waitedBehindOthers: boolean,
  ): Promise<void> => {
    if (!lane.isUsable) {
      const unusable = noModemReady(this.#lanes.map(({ modem }) => modem.snapshot()));
      return this.#failOver(lane, pending, unusable);
    }
    if (waitedBehindOthers && pending.remainingMs < lane.ownMs(pending)) {
      return pending.reject(
        deadlineUnreachable('when the turn of the message came, the time left was too short to send it'),
      );
    }
    const capped = this.#budget.refusal(lane.modem, pending, 0);
    if (capped !== undefined) return this.#failOver(lane, pending, capped);
    const charge = this.#budget.take(lane.modem, pending);
    this.#newest.started(pending);
    let receipt: SubmitReceipt;
    try {
      receipt = await lane.submit(pending, this.#listener.starting(pending, lane.modem));
    } catch (thrown) {
      const error = fromModem(thrown, lane.modem.name);
      this.#tellEnd(lane, pending, error.submitted);
      if (error.submitted === 'no') charge.giveBack();
      else charge.keep();
      return this.#submitFailed(lane, pending, error);
    }
    charge.keep();
    this.#tellEnd(lane, pending, 'yes');
    if (lane.suspicion.accepted()) this.#logSuspicion(lane, 'info', 'sends again');
    if (pending.isAnswered) this.#logLate(lane, pending, receipt);
    pending.resolve(receipt, lane.modem.name);
  };

  /** What never reached Ctrl-Z says nothing of the network. */
  #tellEnd(lane: Lane, pending: PendingMessage, submitted: Submitted | 'yes'): void {
    if (!pending.isCommitted) return;
    const { waitedMs, tookMs } = pending.progress();
    this.#listener.submitEnded({ modem: lane.modem.name, tookMs: tookMs - waitedMs, submitted });
  }

  #submitFailed(lane: Lane, pending: PendingMessage, error: SendError): void {
    const wasSuspect = lane.suspicion.isSuspect;
    if (error.simSuspected && lane.suspicion.refused(pending.message.recipient)) {
      const words =
        'is suspect: the network refused several recipients in a row. Check its credit and contract';
      this.#logSuspicion(lane, 'warn', words);
    }
    if (pending.isAnswered) {
      // One that was answered as not submitted, and was not: nothing new.
      if (pending.isCommitted || error.submitted !== 'no') this.#logLate(lane, pending, error);
      return;
    }
    // What a suspect SIM is refused says nothing of the message: it was only a trial.
    const wasTrial = wasSuspect && error.simSuspected && error.submitted === 'no';
    if (mayGoElsewhere(error) || wasTrial) this.#failOver(lane, pending, error);
    else pending.reject(error);
  }

  /** The message, surely not sent here, goes to the front at another modem; where none can do it in time, the error is its answer. */
  #failOver(from: Lane, pending: PendingMessage, error: SendError): void {
    const twin = this.#waitingTwin(pending);
    const newerWaits = twin?.message.isNewerThan(pending) === true;
    const mayTry = this.#stopped === undefined && !pending.callerHasLeft && pending.remainingMs > 0;
    const to = mayTry && !newerWaits ? this.#choose(pending, priorities.failOver) : undefined;
    if (to === undefined) {
      pending.reject(newerWaits ? superseded() : error);
      return;
    }
    twin?.message.reject(superseded());
    this.#logMove(from, to, pending, error.causeCode ?? error.code);
    to.put(pending, priorities.failOver);
  }

  /** Messages that wait for a modem which cannot send now, or is held up by one that takes too long, go to one that can do it in time; the others wait on. */
  #moveStranded(): void {
    for (const from of this.#lanes) {
      if (from.isUsable && !from.isOverdue) continue;
      for (const pending of from.waiting()) {
        const to = this.#choose(pending, priorities.arrival);
        if (to === undefined || to === from || to.isOverdue) continue;
        this.#logMove(from, to, pending, from.isUsable ? 'overdue' : from.modem.snapshot().phase);
        pending.leave();
        to.put(pending, priorities.arrival);
      }
    }
  }

  #logMove(from: Lane, to: Lane, { message }: PendingMessage, cause: string): void {
    this.#listener.failedOver({ from: from.modem.name, to: to.modem.name });
    this.#log.warn('message goes to another modem', {
      event: 'fail_over',
      id: message.id,
      recipient: maskNumber(message.recipient),
      from: from.modem.name,
      to: to.modem.name,
      cause,
    });
  }

  #logSuspicion(lane: Lane, level: 'info' | 'warn', words: string): void {
    const { name } = lane.modem;
    this.#log.log(level, `the SIM of modem ${name} ${words}`, { event: 'suspect', modem: name });
  }

  /** The truth about a message whose caller was answered before it was known. */
  #logLate(lane: Lane, pending: PendingMessage, outcome: SubmitReceipt | SendError): void {
    const { id, recipient } = pending.message;
    const { segments, waitedMs, tookMs } = pending.progress();
    const failed = outcome instanceof SendError;
    const modem = lane.modem.name;
    this.#listener.late(
      pending,
      failed ? outcome : { id, segments, modem, references: outcome.references, waitedMs, tookMs },
    );
    this.#listener.lateResult({ modem, submitted: failed ? outcome.submitted : 'yes' });
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

/** `sender` may be written with spaces, dots, hyphens and parentheses, with or without `+`; an alphanumeric one is no number. */
function isSameNumber(sender: string | undefined, number: string | undefined): boolean {
  if (sender === undefined || number === undefined || /[^\d\s+().-]/.test(sender)) return false;
  return sender.replace(/\D/g, '') === number.replace(/\D/g, '');
}
