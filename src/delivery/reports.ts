/**
 * What became of messages after the network took them: status reports are matched to what was
 * sent, and journal, metrics and the operator hear of it.
 * Knows nothing of: AT and HTTP; it only listens, and no message ever waits for it.
 * Way: segments as they are sent → `tracked`; a report → `matching` → the message's standing.
 */

import type { Logger } from 'winston';
import { reportGraceMs, type SegmentOfMessage } from '../dispatch/recorder.js';
import type { AwaitedMessage, CountryEnds, JournalDelivery } from '../journal/entries.js';
import type { Hmac } from '../journal/hmac-key.js';
import { possibleTails } from '../number/tail.js';
import { furtherStatus, isFinalDelivery } from '../sms/delivery.js';
import type { Condition } from '../words/condition.js';
import { Held } from './held.js';
import { type Match, match, type ReportKey } from './matching.js';
import { NetworkTime } from './network-time.js';
import { deliveryWords, standingOf } from './standing.js';
import { simOf, Tracked, type TrackedMessage, type TrackedSegment } from './tracked.js';
import { UndeliveredWatch } from './undelivered.js';

/** A status report as it came in. */
export interface ArrivedReport {
  /** By which it came. */
  modem: string;
  /** Of the SIM in it, as far as is known. */
  simHmac: string | undefined;
  /** As the report spells it. */
  recipient: string;
  /** TP-MR. */
  reference: number;
  /** TP-ST. */
  status: number;
  /** TP-SCTS and TP-DT in milliseconds since 1970; undefined where they hold no date. */
  takenAtMs: number | undefined;
  endedAtMs: number | undefined;
}

/** What a report came to. `repeated`: it said nothing new of a message that is known. */
export type ReportOutcome = 'matched' | 'repeated' | 'ambiguous' | 'unknown' | 'mistimed';

/** What is worth counting. None of it may throw. */
export interface DeliveryListener {
  report(report: { modem: string; outcome: ReportOutcome }): void;
  /** The network's last word on a message; `tookMs` by its own time stamps, where it has them. */
  delivery(end: {
    country: string | undefined;
    state: 'delivered' | 'failed' | 'expired' | 'replaced';
    tookMs: number | undefined;
  }): void;
}

export interface DeliveriesOptions {
  journal: { delivered(id: string, delivery: JournalDelivery): void };
  hmac: Hmac;
  /** The wall clock as the journal has it. */
  date(): number;
  listener: DeliveryListener;
  log: Pick<Logger, 'info' | 'warn'>;
}

/** Segments that are remembered: days of a busy SIM, some megabytes. */
const mostSegments = 10_000;
/** Milliseconds after that for which a message is still known, should one come. */
const rememberedMs = 86_400_000;
const lookEveryMs = 30_000;

/** How far back {@link Deliveries.restore} wants to know, in milliseconds. */
export const awaitedForMs = 3 * rememberedMs;

/** One for the daemon. */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #tracked = new Tracked(mostSegments);
  readonly #held = new Held<ArrivedReport>();
  readonly #time = new NetworkTime();
  readonly #undelivered: UndeliveredWatch;
  /** The tail that each modem is sending to, whose reference is not known yet. */
  readonly #sendingTo = new Map<string, string>();
  /** The network's time was learnt: others may fit now. */
  #isTimeNew = false;
  /** Reports whose time did not fit, once. */
  readonly #heardOff = new WeakSet<ArrivedReport>();
  readonly #timer: NodeJS.Timeout;
  /** Whose a report of earlier runs is cannot be told before. */
  #isRestored = false;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#undelivered = new UndeliveredWatch(() => options.date());
    this.#timer = setInterval(() => this.look(), lookEveryMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** What the operator should know. */
  conditions(): Condition[] {
    return this.#undelivered.conditions();
  }

  /** Whether nobody can say yet if what an earlier run told of `about` is over. */
  isUnknown(about: string): boolean {
    return this.#undelivered.isUnknown(about);
  }

  figures(): { tracked: number; held: number } {
    return { tracked: this.#tracked.segments, held: this.#held.size };
  }

  /** A segment is on its way, or its result is known. */
  segment(sent: SegmentOfMessage): void {
    const { modem, tailHmac, outcome } = sent;
    if (outcome === 'sending') {
      this.#sendingTo.set(modem, tailHmac);
      return;
    }
    this.#sendingTo.delete(modem);
    if (outcome !== 'not_sent') this.#track(sent);
    // Reports overtake the result.
    if (this.#held.size > 0) this.#lookAtHeld();
  }

  #track(sent: SegmentOfMessage): void {
    const { id, modem, simHmac, tailHmac, country, blockHmac, total, validityMs } = sent;
    const message = this.#tracked.addMessage({
      id,
      modem,
      simHmac,
      tailHmac,
      country,
      blockHmac,
      total,
      reportsUntilMs: sent.settledAt + validityMs + reportGraceMs,
      clock: 'monotonic',
      segments: new Map(),
      isCounted: false,
    });
    this.#tracked.addSegment({
      message,
      index: sent.index,
      reference: sent.reference,
      within: { fromMs: sent.committedAt, untilMs: sent.settledAt, clock: 'monotonic' },
      status: undefined,
      takenAtMs: undefined,
      endedAtMs: undefined,
    });
  }

  /** A report came in. */
  reported(report: ArrivedReport): void {
    if (!this.#place(report)) {
      const dropped = this.#held.add(report, performance.now());
      if (dropped !== undefined) this.#giveUp(dropped);
    }
    if (this.#isTimeNew) this.#lookAtHeld();
  }

  /** What earlier runs sent; to be called once, with nothing where nothing is known. */
  restore(messages: readonly AwaitedMessage[], usual: readonly CountryEnds[]): void {
    for (const awaited of messages) this.#takeUp(awaited);
    this.#undelivered.restore(usual);
    this.#isRestored = true;
    this.#lookAtHeld();
  }

  #takeUp(awaited: AwaitedMessage): void {
    const { delivery, references } = awaited;
    const message = this.#tracked.addMessage({
      ...awaited,
      clock: 'wall',
      total: awaited.segments,
      segments: new Map(),
      isCounted: delivery !== undefined && isFinalDelivery(delivery.state),
    });
    for (let index = 0; index < awaited.segments; index += 1) {
      const reference = references?.[index];
      const known = delivery?.segments[index] ?? undefined;
      this.#tracked.addSegment({
        message,
        index,
        reference,
        within: { fromMs: awaited.fromMs, untilMs: awaited.untilMs, clock: 'wall' },
        status: known?.status,
        takenAtMs: known?.takenAtMs,
        endedAtMs: known?.endedAtMs,
      });
    }
  }

  /** Looks at what waits, and at what nobody will report on any more; by itself twice a minute. */
  look(): void {
    this.#lookAtHeld();
    for (const report of this.#held.takeExpired(performance.now())) this.#giveUp(report);
    const nowMs = this.#options.date();
    for (const message of this.#tracked.messages()) {
      const now = message.clock === 'monotonic' ? performance.now() : nowMs;
      if (now < message.reportsUntilMs) continue;
      if (!message.isCounted) this.#count(message, 'silent');
      if (now > message.reportsUntilMs + rememberedMs) this.#tracked.forget(message);
    }
  }

  #lookAtHeld(): void {
    do {
      this.#isTimeNew = false;
      this.#held.retain((report) => !this.#place(report));
    } while (this.#isTimeNew);
  }

  /** False when it must wait: it may be of a message whose result is not known yet. */
  #place(report: ArrivedReport): boolean {
    if (!this.#isRestored) return false;
    const key = this.#keyOf(report);
    if (key.tailHmacs.some((tail) => this.#sendingTo.get(report.modem) === tail)) return false;
    const found = this.#match(key);
    if (found.kind === 'matched') {
      this.#take(found.segment, report, key);
      return true;
    }
    if (found.kind === 'ambiguous') {
      this.#tell(report, 'ambiguous');
      return true;
    }
    if (found.kind === 'mistimed') return this.#noteMistimed(found, report, key);
    return false;
  }

  /** True when the report fits now that the network's time is known. */
  #noteMistimed(
    { segment, offMs }: Extract<Match, { kind: 'mistimed' }>,
    report: ArrivedReport,
    key: ReportKey,
  ): boolean {
    this.#held.keepLong(report);
    // Each bears witness once: else two that disagree would set the time by turns.
    if (this.#heardOff.has(report)) return false;
    this.#heardOff.add(report);
    if (!this.#time.noteOff(simOf(key), segment, offMs)) return false;
    this.#options.log.warn(
      `modem ${report.modem}: the network's time stamps are ${Math.round(offMs / 60_000)} min from this box's clock; status reports are matched by that from now on`,
      { event: 'delivery_clock', modem: report.modem },
    );
    this.#isTimeNew = true;
    return this.#place(report);
  }

  #match(key: ReportKey): Match {
    return match(this.#tracked, key, {
      nowMs: this.#options.date(),
      monotonicMs: performance.now(),
      aheadMs: this.#time.aheadMs(simOf(key)),
    });
  }

  #keyOf({ modem, simHmac, recipient, reference, takenAtMs }: ArrivedReport): ReportKey {
    const tailHmacs = possibleTails(recipient).map((tail) => this.#options.hmac('tail', tail));
    return { modem, simHmac, reference, takenAtMs, tailHmacs };
  }

  #take(segment: TrackedSegment, report: ArrivedReport, key: ReportKey): void {
    const { message } = segment;
    const status = furtherStatus(segment.status, report.status);
    const isNews = status !== segment.status;
    if (report.takenAtMs !== undefined) {
      this.#time.noteRight(simOf(key));
      segment.takenAtMs ??= report.takenAtMs;
    }
    this.#tell(report, isNews ? 'matched' : 'repeated');
    if (!isNews) return;
    segment.status = status;
    segment.endedAtMs = report.endedAtMs;
    const told = standingOf(message, this.#options.date());
    if (told === undefined) return;
    this.#options.journal.delivered(message.id, told);
    const { state, tookMs } = told;
    const { id, country } = message;
    this.#options.log.info(`message ${id}: ${deliveryWords[state]}`, {
      event: 'delivery',
      id,
      modem: message.modem,
      state,
      tp_status: told.status,
      ...(tookMs !== undefined && { delivery_ms: tookMs }),
    });
    if (!isFinalDelivery(state) || message.isCounted) return;
    const end = state as 'delivered' | 'failed' | 'expired' | 'replaced';
    this.#options.listener.delivery({ country, state: end, tookMs });
    this.#count(message, end === 'delivered' ? 'delivered' : 'failed');
  }

  #count(message: TrackedMessage, end: 'delivered' | 'failed' | 'silent'): void {
    message.isCounted = true;
    this.#undelivered.note(message, end);
  }

  /** It waited in vain. */
  #giveUp(report: ArrivedReport): void {
    const { kind } = this.#match(this.#keyOf(report));
    this.#tell(report, kind === 'mistimed' ? 'mistimed' : 'unknown');
  }

  #tell({ modem }: ArrivedReport, outcome: ReportOutcome): void {
    this.#options.listener.report({ modem, outcome });
  }
}
