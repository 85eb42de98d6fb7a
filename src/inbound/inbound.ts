/**
 * What strangers and the carrier write: to the operator's receiver, where one is named, and to the
 * operator, where it is what was asked for. Without either it is read and forgotten.
 * Knows nothing of: AT, the modem's storage, and any log, journal or metric that could hold a text
 * (I6).
 * Way: an SMS → the spool, on the disk → only then is the SIM's copy deleted → parts put together →
 * the receiver → its text is gone.
 */

import type { Logger } from 'winston';
import type { Hmac } from '../journal/hmac-key.js';
import type { Condition } from '../words/condition.js';
import { CarrierMessages, type CarrierRule } from './carrier-messages.js';
import { Deliverer } from './deliverer.js';
import { keepDaysWhenOff, leftOver, spoolFolder } from './left-over.js';
import { type InboundSms, LongTexts, type WholeText } from './long-texts.js';
import { type InboundCounts, type InboundListener, InboundNews } from './news.js';
import { SpoolRoom } from './room.js';
import { Spool } from './spool.js';

/** `[inbound]`, as far as it is needed here. */
export interface InboundSettings {
  url: string;
  secretFile: string;
  spoolMax: number;
  partsWaitMs: number;
  keepDays: number;
}

/** An SMS as a modem has it: its PDU tells it from all others. */
export interface ReadSms extends Omit<InboundSms, 'id' | 'receivedAtMs'> {
  pdu: string;
}

export interface InboundOptions {
  stateDir: string;
  settings: () => InboundSettings | undefined;
  carrierRules: () => readonly CarrierRule[];
  hmac: Hmac;
  /** Wall-clock milliseconds that no unsure leap moves. */
  date: () => number;
  /** Monotonic milliseconds; default: `performance.now()`. */
  now?: () => number;
  listener: InboundListener;
  /** There is room again: what was left on the SIMs can be fetched. */
  onRoom: () => void;
  log: Logger;
}

/** What pages show. */
export interface InboundState extends InboundCounts {
  isOn: boolean;
  /** SMS on the disk, parts counted apart. */
  spooled: number;
  /** Texts that lack parts. */
  incomplete: number;
  /** True while what comes is left on the SIM. */
  isFull: boolean;
  /** Why the receiver did not take the last one. */
  lastFailure: string | undefined;
}

const lookEveryMs = 10_000;
/** Milliseconds for which the receiver may fail before the operator is told. */
const patientMs = 600_000;
const dayMs = 86_400_000;
/** As often `spool_max` may wait of what has no copy on a SIM. */
const mostWithoutCopy = 2;

export class Inbound {
  readonly #options: InboundOptions;
  readonly #spool: Spool;
  readonly #texts: LongTexts;
  readonly #carrier = new CarrierMessages();
  readonly #deliverer: Deliverer;
  readonly #timer: NodeJS.Timeout;
  readonly #news: InboundNews;
  readonly #room: SpoolRoom;
  /** Ids of what is on no SIM and on no disk: the disk did not take it. */
  readonly #loose = new Set<string>();
  /** Ids of what an earlier run left. */
  readonly #ofBefore = new Set<string>();
  readonly #now: () => number;
  #failingSinceMs = 0;

  /** Takes up what an earlier run left. */
  static async open(options: InboundOptions): Promise<Inbound> {
    const folder = spoolFolder(options.stateDir);
    const { spool, left, unreadable, fault } = await Spool.open(folder);
    const inbound = new Inbound(options, spool);
    inbound.#news.opened(folder, unreadable.length, fault);
    for (const sms of left) inbound.#ofBefore.add(sms.id);
    for (const sms of left) inbound.#take(sms);
    inbound.#noteSwitchedOff();
    return inbound;
  }

  private constructor(options: InboundOptions, spool: Spool) {
    this.#options = options;
    this.#spool = spool;
    this.#news = new InboundNews(options.listener, options.log);
    this.#now = options.now ?? (() => performance.now());
    this.#room = new SpoolRoom(options.onRoom);
    this.#texts = new LongTexts(() => options.settings()?.partsWaitMs ?? 600_000);
    this.#deliverer = new Deliverer({
      receiver: () => {
        const settings = options.settings();
        return settings && { url: settings.url, secretFile: settings.secretFile };
      },
      keepMs: () => (options.settings()?.keepDays ?? keepDaysWhenOff) * dayMs,
      date: () => options.date(),
      now: this.#now,
      onTaken: (text) => this.#taken(text),
      onGivenUp: (text) => this.#givenUp(text),
      onFailed: (why, failures) => this.#failed(why, failures),
      onBack: (failures) => this.#news.receiverIsBack(failures),
    });
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#deliverer.stop();
  }

  /** The configuration was read anew. */
  reconfigured(): void {
    this.#deliverer.giveUpOld();
    this.#deliverer.hasten();
    this.#room.again();
    this.#noteSwitchedOff();
  }

  /**
   * An SMS was read from a SIM. Resolves with true once its copy there may be deleted: it is on the
   * disk, or nobody wants it. With false it must stay. Never rejects.
   */
  async take(read: ReadSms): Promise<boolean> {
    const { settings } = this.#options;
    const sms = this.#identified(read);
    const { id } = sms;
    const wanted = settings();
    if (wanted === undefined) {
      this.#take(sms);
      return true;
    }
    if (this.#spool.mayBeReadAgain(id)) return true;
    if (this.#spool.size >= wanted.spoolMax) {
      this.#leave(
        `${this.#spool.size} wait for the receiver, the most that may (inbound.spool_max)`,
      );
      return false;
    }
    const fault = await this.#spooled(sms);
    if (fault !== undefined) {
      this.#leave(`the disk does not take it (${fault})`);
      return false;
    }
    this.#room.found();
    this.#take(sms);
    return true;
  }

  /**
   * An SMS that the modem has handed over, and keeps no copy of: it may go beyond the most that
   * wait, and where the disk does not take it, it goes on from memory. Never rejects.
   */
  async takeOnly(read: ReadSms): Promise<void> {
    const sms = this.#identified(read);
    const wanted = this.#options.settings();
    if (wanted !== undefined) {
      if (this.#spool.mayBeReadAgain(sms.id)) return;
      if (this.#spool.size + this.#loose.size >= mostWithoutCopy * wanted.spoolMax) {
        this.#news.lost(sms.modem);
        return;
      }
      if ((await this.#spooled(sms)) !== undefined) this.#loose.add(sms.id);
    }
    this.#take(sms);
  }

  #identified({ pdu, ...read }: ReadSms): InboundSms {
    return { ...read, id: this.#idOf(pdu), receivedAtMs: this.#options.date() };
  }

  /** Undefined once it is on the disk, else the system's code of why it is not. */
  async #spooled(sms: InboundSms): Promise<string | undefined> {
    try {
      await this.#spool.add(sms);
      return undefined;
    } catch (error) {
      this.#news.notWritten(error);
      return String((error as NodeJS.ErrnoException).code);
    }
  }

  /** The SIM has this one no more. Never rejects. */
  async deleted({ pdu }: Pick<ReadSms, 'pdu'>): Promise<void> {
    await this.#onDisk(() => this.#spool.cleared(this.#idOf(pdu)));
  }

  /**
   * The same PDU is the same SMS, as long as a SIM may have it. One that comes once more, when that
   * is gone from there and not delivered yet, is another.
   */
  #idOf(pdu: string): string {
    for (let again = 0; ; again += 1) {
      const id = this.#options.hmac('inbound', again === 0 ? pdu : `${pdu} ${again}`);
      if (!this.#spool.isOffSim(id)) return id;
    }
  }

  state(): InboundState {
    return {
      isOn: this.#options.settings() !== undefined,
      spooled: this.#spool.size,
      incomplete: this.#texts.size,
      ...this.#news.counts,
      isFull: this.#room.isFull,
      lastFailure: this.#deliverer.lastWhy,
    };
  }

  /** What the operator should know. */
  conditions(): Condition[] {
    const found = this.#carrier.conditions(this.#options.date());
    found.push(...this.#room.conditions(), ...this.#leftOver());
    const { failingSince, lastWhy } = this.#deliverer;
    if (failingSince !== undefined && performance.now() - failingSince > patientMs)
      found.push({
        kind: 'inbound_receiver',
        about: '',
        sentence: `the receiver of SMS that come in does not take them: ${lastWhy}`,
        remedy:
          'look at the receiver behind inbound.url; what waits is on the disk, and is tried again',
        sinceMs: this.#failingSinceMs,
      });
    return found;
  }

  /** `[inbound]` was switched off while texts waited. */
  #leftOver(): Condition[] {
    const { settings, stateDir } = this.#options;
    const { oldestMs } = this.#deliverer;
    const isOff = settings() === undefined && this.#spool.size > 0;
    const left = isOff ? leftOver(stateDir) : undefined;
    return left ? [{ kind: 'inbound_left', about: '', ...left, sinceMs: oldestMs }] : [];
  }

  #noteSwitchedOff(): void {
    for (const left of this.#leftOver()) this.#news.leftOver(left);
  }

  /** It is on the disk, or nobody wants it there. */
  #take(sms: InboundSms): void {
    for (const text of this.#texts.add(sms, this.#now() - this.#ageMs(sms))) this.#whole(text);
  }

  /** Milliseconds since it came in, where an earlier run left it; else it has just come. */
  #ageMs({ id, receivedAtMs }: Pick<InboundSms, 'id' | 'receivedAtMs'>): number {
    return this.#ofBefore.has(id) ? Math.max(0, this.#options.date() - receivedAtMs) : 0;
  }

  #look(): void {
    for (const text of this.#texts.takeOverdue(this.#now())) this.#whole(text);
    this.#deliverer.giveUpOld();
    this.#room.look();
    // A disk that was full may take it now.
    if (this.#spool.size < (this.#options.settings()?.spoolMax ?? 0)) this.#room.again();
  }

  #whole(text: WholeText): void {
    const { carrierRules, date } = this.#options;
    for (const kind of this.#carrier.look(carrierRules(), text, date()))
      this.#news.carrierHasWritten(text.modem, kind);
    if (text.missing.length > 0) this.#news.incomplete(text);
    // What was read while nobody wants it is forgotten; what waits on the disk may be wanted again.
    if (text.ids.some((id) => this.#spool.holds(id) || this.#loose.has(id)))
      this.#deliverer.add(text, this.#ageMs(text));
  }

  async #taken(text: WholeText): Promise<void> {
    this.#news.taken(text);
    await this.#forget(text);
  }

  async #givenUp(text: WholeText): Promise<void> {
    this.#news.givenUp(text);
    await this.#forget(text);
  }

  async #forget({ ids }: WholeText): Promise<void> {
    for (const id of ids) {
      this.#loose.delete(id);
      this.#ofBefore.delete(id);
      await this.#onDisk(() => this.#spool.remove(id));
    }
    this.#room.again();
  }

  #failed(why: string, failures: number): void {
    if (failures === 1) this.#failingSinceMs = this.#options.date();
    this.#news.failedTry(why, failures);
  }

  #leave(why: string): void {
    this.#news.left(why, !this.#room.isFull);
    this.#room.left(why, this.#options.date());
  }

  async #onDisk(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#news.notRemoved(error);
    }
  }
}
