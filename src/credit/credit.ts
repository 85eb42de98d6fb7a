/**
 * What each SIM has left, and that it is used often enough not to lapse: the carrier is asked by
 * itself, while nothing is to be sent.
 * Knows nothing of: AT, the queue and alerts; the daemon gives it the ways.
 * Way: a tick → what is due for a modem that is idle → USSD or SMS → the answer → the amount.
 */

import { join } from 'node:path';
import * as v from 'valibot';
import type { Logger } from 'winston';
import type { CreditConfig } from '../config/credit.js';
import { isSameSender } from '../number/e164.js';
import { readPrivateFile, writeStateFile } from '../secret/private-file.js';
import { whyFailed } from '../words/system-fault.js';
import { type Credit, readAnswer } from './read-answer.js';

/** A modem as it is asked. */
export interface AskedModem {
  name: string;
  /** Its SIM, as it is told from others; undefined while it is not known. */
  sim: string | undefined;
  /** It could send, nothing waits, and nothing is on its way. */
  isIdle: boolean;
}

export interface CreditKeeperOptions {
  stateDir: string;
  modems: () => readonly AskedModem[];
  /** Of the modem of that name, as configured now. */
  settings: (modem: string) => CreditConfig | undefined;
  /**
   * Asks by USSD; resolves with what the carrier says, undefined when the question gave way to a
   * message. Rejects when the carrier says nothing.
   */
  askByUssd: (modem: string, code: string, signal: AbortSignal) => Promise<string | undefined>;
  /** Sends one SMS by that very modem. Rejects when it was not sent. */
  send: (modem: string, to: string, text: string, signal: AbortSignal) => Promise<void>;
  /** Wall-clock milliseconds, and whether they can be right. */
  date: () => number;
  isClockSet: () => boolean;
  log: Logger;
}

const stateSchema = v.object({
  sim: v.string(),
  amount: v.optional(v.number()),
  validUntilMs: v.optional(v.number()),
  answeredAtMs: v.optional(v.number()),
  triedAtMs: v.optional(v.number()),
  // By SMS, and its answer is awaited.
  askedAtMs: v.optional(v.number()),
  // In a row: without an answer that could be read.
  failures: v.number(),
  why: v.optional(v.string()),
  // The network took a message of it, or it was first seen.
  usedAtMs: v.number(),
  keptAtMs: v.optional(v.number()),
});

/** What is known of a SIM's credit. Times are wall-clock milliseconds. */
export type SimCredit = v.InferOutput<typeof stateSchema>;

const fileSchema = v.object({ version: v.literal(1), modems: v.record(v.string(), stateSchema) });

const tickMs = 15_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** While the credit is low, it is asked for so often at least, to see that it was paid. */
const whileLowMs = 6 * hourMs;
/** After it gave way to a message. */
const gaveWayMs = 300_000;
/** For so long an SMS from the carrier is taken for the answer. */
const answerMs = 600_000;

export class CreditKeeper {
  readonly #options: CreditKeeperOptions;
  readonly #file: string;
  readonly #sims: Map<string, SimCredit>;
  /** Until when an SMS is waited for, by modem, as `performance.now()` has it. */
  readonly #awaited = new Map<string, number>();
  /** The same, until when it is not asked again: it gave way to a message. */
  readonly #notBefore = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #isBusy = false;
  #saving: Promise<void> = Promise.resolve();
  #savedAtMs = 0;

  /** Takes up what the last run knew; what cannot be read is asked for anew. */
  static async open(options: CreditKeeperOptions): Promise<CreditKeeper> {
    const file = join(options.stateDir, 'credit.json');
    try {
      const text = await readPrivateFile(file);
      const known = text === undefined ? {} : v.parse(fileSchema, JSON.parse(text)).modems;
      return new CreditKeeper(options, file, known);
    } catch (error) {
      const what = `${file} cannot be used: the credit is asked for anew`;
      options.log.error(`${what}: ${whyFailed(error)}`, { event: 'state_fault' });
      return new CreditKeeper(options, file, {});
    }
  }

  private constructor(
    options: CreditKeeperOptions,
    file: string,
    known: Readonly<Record<string, SimCredit>>,
  ) {
    this.#options = options;
    this.#file = file;
    this.#sims = new Map(Object.entries(known));
    for (const [modem, { askedAtMs }] of this.#sims) {
      if (askedAtMs === undefined) continue;
      // By a clock that may have leapt: not for longer than a whole wait, and its end is told.
      const leftMs = askedAtMs + answerMs - options.date();
      this.#awaited.set(modem, performance.now() + Math.min(answerMs, Math.max(0, leftMs)));
    }
    this.#timer = setInterval(() => void this.tick(), tickMs);
    this.#timer.unref();
  }

  /** What is known of the SIM in that modem; undefined where nothing is asked for. */
  of(modem: string): SimCredit | undefined {
    return this.#options.settings(modem) === undefined ? undefined : this.#sims.get(modem);
  }

  /** The network took a message of that modem. */
  noteSent(modem: string): void {
    const sim = this.#sims.get(modem);
    if (sim === undefined) return;
    sim.usedAtMs = this.#options.date();
    // Days are counted: an hour more or less is nothing, and the disk of a small box wears out.
    if (sim.usedAtMs - this.#savedAtMs > hourMs) this.#save();
  }

  /** An SMS came in: perhaps the answer that is awaited. */
  cameIn(modem: string, from: string, text: string): void {
    const settings = this.#options.settings(modem);
    const until = this.#awaited.get(modem);
    if (settings === undefined || until === undefined || until < performance.now()) return;
    if (!isSameSender(from, settings.smsFrom ?? settings.smsTo ?? '')) return;
    this.#awaited.delete(modem);
    this.answered(modem, text);
  }

  /** The carrier has said something of the credit, whoever asked. Gives what could be read. */
  answered(modem: string, text: string): Credit | undefined {
    const settings = this.#options.settings(modem);
    const sim = this.#sims.get(modem);
    if (settings === undefined || sim === undefined) return undefined;
    delete sim.askedAtMs;
    const read = readAnswer(text, settings);
    if (read === undefined)
      this.#failed(modem, sim, 'the expression finds no amount in the answer');
    else {
      const { amount, validUntilMs } = read;
      Object.assign(sim, { amount, validUntilMs, answeredAtMs: this.#options.date(), failures: 0 });
      sim.why = undefined;
      this.#options.log.info(`the credit of the SIM of modem ${modem} is known`, {
        event: 'credit',
        modem,
      });
      this.#save();
    }
    return read;
  }

  /** Does what is due for one modem; one thing at a time. */
  async tick(): Promise<void> {
    if (this.#isBusy || this.#stop.signal.aborted) return;
    this.#isBusy = true;
    try {
      for (const modem of this.#options.modems()) {
        const settings = this.#options.settings(modem.name);
        if (settings === undefined || modem.sim === undefined) continue;
        const sim = this.#simOf(modem.name, modem.sim);
        this.#missAnswer(modem.name, sim);
        if (modem.isIdle && (await this.#doDue(modem.name, sim, settings))) return;
      }
    } finally {
      this.#isBusy = false;
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    this.#save();
    await this.#saving;
  }

  /** Another SIM is another credit. */
  #simOf(modem: string, sim: string): SimCredit {
    const known = this.#sims.get(modem);
    const nowMs = this.#options.date();
    if (known?.sim === sim) return notAhead(known, nowMs);
    const fresh: SimCredit = { sim, failures: 0, usedAtMs: nowMs };
    this.#sims.set(modem, fresh);
    this.#save();
    return fresh;
  }

  #missAnswer(modem: string, sim: SimCredit): void {
    const until = this.#awaited.get(modem);
    if (until === undefined || until >= performance.now()) return;
    this.#awaited.delete(modem);
    delete sim.askedAtMs;
    this.#failed(modem, sim, `no answer came within ${answerMs / 60_000} minutes`);
  }

  /** Whether something was done. */
  async #doDue(modem: string, sim: SimCredit, settings: CreditConfig): Promise<boolean> {
    const { date, isClockSet } = this.#options;
    const isAsked = settings.ussd !== undefined || settings.smsTo !== undefined;
    const mayAsk =
      !this.#awaited.has(modem) && performance.now() >= (this.#notBefore.get(modem) ?? -Infinity);
    if (isAsked && mayAsk && date() >= nextTryMs(sim, settings)) {
      const { triedAtMs } = sim;
      sim.triedAtMs = date();
      if (settings.ussd === undefined) sim.askedAtMs = sim.triedAtMs;
      await this.#saved();
      if ((await this.#ask(modem, sim, settings)) === 'gave way') {
        sim.triedAtMs = triedAtMs;
        this.#notBefore.set(modem, performance.now() + gaveWayMs);
      }
      return true;
    }
    const { keepAliveTo: to, keepAliveDays, keepAliveText: text } = settings;
    const isDue = Math.max(sim.usedAtMs + keepAliveDays * dayMs, (sim.keptAtMs ?? 0) + whileLowMs);
    if (to === undefined || !isClockSet() || date() < isDue) return false;
    sim.keptAtMs = date();
    await this.#saved();
    await this.#keepAlive(modem, to, text);
    return true;
  }

  async #ask(modem: string, sim: SimCredit, settings: CreditConfig): Promise<'asked' | 'gave way'> {
    const { askByUssd, send } = this.#options;
    const { ussd, smsTo = '', smsText = '' } = settings;
    try {
      if (ussd !== undefined) {
        const answer = await askByUssd(modem, ussd, this.#stop.signal);
        if (answer === undefined) return 'gave way';
        this.answered(modem, answer);
      } else {
        this.#awaited.set(modem, performance.now() + answerMs);
        await send(modem, smsTo, smsText, this.#stop.signal);
      }
    } catch (error) {
      this.#awaited.delete(modem);
      delete sim.askedAtMs;
      this.#failed(modem, sim, whyFailed(error));
    }
    return 'asked';
  }

  async #keepAlive(modem: string, to: string, text: string): Promise<void> {
    const { send, log } = this.#options;
    try {
      await send(modem, to, text, this.#stop.signal);
      await this.#saved();
      log.info(`the SIM of modem ${modem} was kept alive by a message`, {
        event: 'keep_alive',
        modem,
      });
    } catch (error) {
      const why = whyFailed(error);
      log.warn(`the SIM of modem ${modem} could not be kept alive: ${why}. It is tried again`, {
        event: 'keep_alive',
        modem,
      });
    }
  }

  #failed(modem: string, sim: SimCredit, why: string): void {
    if (this.#stop.signal.aborted) return;
    sim.failures += 1;
    sim.why = why;
    this.#options.log.warn(`the credit of the SIM of modem ${modem} is not known: ${why}`, {
      event: 'credit',
      modem,
    });
    this.#save();
  }

  /** Before it costs anything: a process that dies of it does not do it at each start. */
  #saved(): Promise<void> {
    this.#save();
    return this.#saving;
  }

  #save(): void {
    this.#savedAtMs = this.#options.date();
    const modems = Object.fromEntries(this.#sims);
    const text = `${JSON.stringify({ version: 1, modems })}\n`;
    this.#saving = this.#saving
      .then(() => writeStateFile(this.#file, text))
      .catch((error: unknown) => {
        const what = `${this.#file} cannot be written: ${whyFailed(error)}`;
        this.#options.log.error(what, { event: 'state_fault' });
      });
  }
}

/** What a clock that was ahead has stamped was now at the latest: nothing is put off for years. */
function notAhead(sim: SimCredit, nowMs: number): SimCredit {
  for (const stamp of ['answeredAtMs', 'triedAtMs', 'usedAtMs', 'keptAtMs'] as const)
    if (sim[stamp] !== undefined) sim[stamp] = Math.min(sim[stamp], nowMs);
  return sim;
}

/** After a failure in an hour, then in twice the time; else as configured. */
function nextTryMs(sim: SimCredit, { everyHours, low = 0 }: CreditConfig): number {
  const everyMs = everyHours * hourMs;
  if (sim.triedAtMs === undefined) return 0;
  const isLow = sim.amount !== undefined && sim.amount < low;
  const failedMs = hourMs * 2 ** Math.min(10, sim.failures - 1);
  const gapMs = sim.failures > 0 ? failedMs : isLow ? whileLowMs : everyMs;
  return sim.triedAtMs + Math.min(everyMs, gapMs);
}
