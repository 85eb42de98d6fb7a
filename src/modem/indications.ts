/**
 * How a modem is told to say what has come in (27.005 3.4.1). Modems that are still starting refuse
 * it for a while (CMS 314), so it is tried again, but not for ever.
 */

import { type Dialogue, quickMs } from './dialogue.js';
import type { ModemProfile } from './profiles.js';

/** What the operator set about status reports. */
export interface ReportTuning {
  /** Whether to ask for them: for all messages, none, or where the caller wants it. */
  statusReport: boolean | undefined;
  /** Whether any caller does; default: none. */
  callersWantReports?: boolean | undefined;
}

/** Whether status reports may come at all. */
export const mayAskForReports = (tuning: ReportTuning): boolean =>
  tuning.statusReport ?? tuning.callersWantReports ?? false;

/**
 * Whether a report is asked for: the modem has the last word against it, its caller where the modem
 * says nothing, or yes.
 */
export function asksForReport({ statusReport }: ReportTuning, wish: boolean | undefined): boolean {
  if (statusReport === undefined) return wish === true;
  return statusReport && wish !== false;
}

/** Milliseconds after a `+CNMI` that was refused; doubles each time. */
const firstGapMs = 2_000;
/** 2 s doubling: the last of so many tries comes 17 minutes after the first. */
const mostTries = 10;

/** `+CNMI` of one modem: whether it is in force, and when it is tried next. */
export class IndicationRouting {
  readonly #dialogue: Dialogue;
  readonly #wantsReports: boolean;
  #isSet = false;
  #owesAcknowledgements = false;
  #tries = 0;
  /** `performance.now()` milliseconds. */
  #dueAt = Number.NEGATIVE_INFINITY;

  /** `wantsReports`: status reports are to be routed too. */
  constructor(dialogue: Dialogue, wantsReports: boolean) {
    this.#dialogue = dialogue;
    this.#wantsReports = wantsReports;
  }

  /** The modem begins anew: what it was told is gone. */
  reset(): void {
    this.#isSet = false;
    this.hasten();
  }

  /** The next try is due, and worth as much as the first. */
  hasten(): void {
    this.#tries = 0;
    this.#dueAt = Number.NEGATIVE_INFINITY;
  }

  /**
   * Milliseconds until {@link route} has something to do, 0 when it is due; undefined when it is
   * done, or given up.
   */
  get dueInMs(): number | undefined {
    if (this.#isSet || this.#tries >= mostTries) return undefined;
    // Whole: a timer would cut a fraction off, and wake before it is due.
    return Math.ceil(Math.max(0, this.#dueAt - performance.now()));
  }

  /**
   * Sets `+CNMI` where it is not set yet and is due. `mayGoOn` is asked between its tries: a
   * message that came meanwhile goes first.
   */
  async route(profile: ModemProfile, mayGoOn = () => true): Promise<void> {
    if (this.dueInMs !== 0) return;
    const acknowledges = await this.#demandsAcknowledgement();
    // An advertised value can be an ERROR, so it is chosen by setting it.
    for (const choice of this.#choices(profile, acknowledges)) {
      const command = { text: `AT+CNMI=${choice}`, timeoutMs: quickMs };
      this.#isSet = (await this.#dialogue.attemptUnlessMuted(command)) !== undefined;
      this.#owesAcknowledgements = this.#isSet && acknowledges && routesReports(choice);
      if (this.#isSet || !mayGoOn()) break;
    }
    this.#dueAt = performance.now() + firstGapMs * 2 ** this.#tries;
    this.#tries += 1;
  }

  /** Where each report would have to be acknowledged, those that store them are tried first. */
  #choices(profile: ModemProfile, acknowledges: boolean): readonly string[] {
    if (!this.#wantsReports) return profile.indications;
    const all = profile.indicationsWithReports;
    if (!acknowledges) return all;
    const stored = all.filter((choice) => choice.split(',')[3] === '2');
    const routed = all.filter(routesReports);
    return [...stored, ...routed, ...all.filter((choice) => choice.split(',')[3] === '0')];
  }

  /** Whether each report that comes as `+CDS` has to be acknowledged. */
  get owesAcknowledgements(): boolean {
    return this.#owesAcknowledgements;
  }

  /** A report came as `+CDS`: tells the modem so where it insists (27.005 3.4.4). */
  async acknowledge(): Promise<void> {
    if (!this.#owesAcknowledgements) return;
    const command = { text: 'AT+CNMA', timeoutMs: quickMs };
    const isTaken = (await this.#dialogue.attemptOptional(command)) !== undefined;
    // It came too late, and the modem hands over no more until it is told to anew.
    if (!isTaken) this.reset();
  }

  /**
   * True when `+CSMS` (27.005 3.2.1) is 1 and stays so: each message that is routed to us must then
   * be acknowledged by `+CNMA`, and modems stop routing after one that was not (Telit after 17 s).
   * Somebody before us may have left it behind, so it is set to 0.
   */
  async #demandsAcknowledgement(): Promise<boolean> {
    if (!(await this.#isCsms1())) return false;
    await this.#dialogue.attemptOptional({
      text: 'AT+CSMS=0',
      response: /^\+CSMS:/,
      timeoutMs: quickMs,
      requiresResponse: false,
    });
    return this.#isCsms1();
  }

  async #isCsms1(): Promise<boolean> {
    const service = await this.#dialogue.readValue('AT+CSMS?', /^\+CSMS:/, /^\+CSMS: *(\d)\b/);
    return service === '1';
  }
}

/**
 * `<ds>` 1 of `+CNMI` (27.005 3.4.1): status reports come as `+CDS`, which `+CSMS: 1` wants
 * acknowledged.
 */
const routesReports = (indications: string): boolean => indications.split(',')[3] === '1';
