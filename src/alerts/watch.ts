/**
 * The operator is told, before the users are: what is wrong is raised once, with its remedy, and
 * told when it is over.
 * Knows nothing of: modems, messages and the journal; the daemon says what is so.
 * Way: a look at what is so → the book: raised or over → a courier for each way → a webhook, a
 * mail, an SMS.
 */

import { hostname } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'winston';
import type { AlertsConfig } from '../config/alert-settings.js';
import { whyFailed } from '../words/system-fault.js';
import { AlertFile, type Release, readAlertFile, type SavedAlerts } from './alert-file.js';
import { Book, type Look, type RaisedAlert } from './book.js';
import { Courier, type WayState } from './courier.js';
import { Heartbeat, type HeartbeatState } from './heartbeat.js';
import { mailWay } from './mail.js';
import { type AlertNotice, testNotice } from './notice.js';
import { type SendAlert, smsWay } from './sms-way.js';
import type { AlertWay } from './way.js';
import { webhookWay } from './webhook.js';

export interface AlertsOptions {
  stateDir: string;
  /** As configured now. */
  settings: () => AlertsConfig;
  /** Segments that any message may have. */
  maxSegments: () => number;
  /** What is so; asked every few seconds. Must not throw. */
  look: () => Look;
  /** Whether a code would go out now. */
  isAlive: () => boolean;
  sendSms: SendAlert;
  /** Wall-clock milliseconds that no unsure leap moves, and whether they can be right. */
  date: () => number;
  isClockSet: () => boolean;
  /** Of this program. */
  version: string;
  log: Logger;
}

/** All that pages show of the alerts. */
export interface AlertsState {
  open: RaisedAlert[];
  ways: WayState[];
  heartbeat: HeartbeatState | undefined;
}

/** What came of a test of one way. */
export interface WayTest {
  way: string;
  kind: AlertWay['kind'] | 'heartbeat';
  /** Why it was not told; undefined when it was. */
  why: string | undefined;
  tookMs: number;
}

/** Milliseconds between looks. */
const lookEveryMs = 5_000;
/** A way that cannot be told for so long, and after so many tries, is dead. */
const deadAfterMs = 600_000;
const deadAfterTries = 3;

export class Alerts {
  readonly #options: AlertsOptions;
  readonly #book: Book;
  readonly #file: AlertFile;
  readonly #heartbeat: Heartbeat;
  readonly #timer: NodeJS.Timeout;
  /** The version that ran before, until this one has sent something. */
  #release: Release;
  #couriers: readonly Courier[];
  #isStopped = false;

  /** Takes up what the last run knew. */
  static async open(options: AlertsOptions): Promise<Alerts> {
    const file = join(options.stateDir, 'alerts.json');
    const onFault = (error: unknown) =>
      options.log.error(
        `alerts.json in ${options.stateDir} cannot be used: an alert may be told twice, or its end not at all: ${whyFailed(error)}`,
        { event: 'state_fault' },
      );
    return new Alerts(options, await readAlertFile(file, onFault), file, onFault);
  }

  private constructor(
    options: AlertsOptions,
    saved: SavedAlerts,
    file: string,
    onFault: (error: unknown) => void,
  ) {
    this.#options = options;
    this.#book = new Book(options.settings, saved.alerts);
    this.#release = releaseOf(saved.release, options);
    this.#file = new AlertFile(file, () => this.#saved(), onFault);
    this.#couriers = this.#waysOf().map((way) => this.#courierOf(way, saved));
    this.#heartbeat = new Heartbeat(options);
    this.#timer = setInterval(() => this.look(), lookEveryMs);
    this.#timer.unref();
  }

  get state(): AlertsState {
    return {
      open: this.#book.open,
      ways: this.#couriers.map((courier) => courier.state),
      heartbeat: this.#heartbeat.state,
    };
  }

  /** The version that runs, and whether the network has taken anything of it yet. */
  get release(): Readonly<Release> {
    return this.#release;
  }

  /** The network took a message. */
  noteSent(): void {
    if (this.#release.hasSent) return;
    this.#release = { ...this.#release, hasSent: true };
    this.#file.save();
  }

  /** Ways that cannot be told for long, and why. */
  get dead(): { name: string; why: string; sinceMs: number }[] {
    // The judgement asks this: what asks the judgement must not be asked here.
    const all = [
      ...this.#couriers.map(({ state }) => state),
      { name: 'heartbeat', failing: this.#heartbeat.failing },
    ];
    return all.flatMap(({ name, failing }) => {
      if (failing === undefined || failing.tries < deadAfterTries) return [];
      const { sinceMs, why } = failing;
      return sinceMs + deadAfterMs > this.#options.date() ? [] : [{ name, why, sinceMs }];
    });
  }

  /** Looks at what is so, and tells what has changed. */
  look(): void {
    const { look, date, settings, isClockSet } = this.#options;
    const dateMs = date();
    const before = JSON.stringify(this.#book.saved);
    const notices = this.#book.take(look(), {
      atMs: performance.now(),
      dateMs,
      // A clock that is not set cannot say what time of day it is.
      isQuiet: isClockSet() && isQuiet(settings().quietHours, dateMs),
    });
    for (const notice of notices) this.#tell(notice);
    if (JSON.stringify(this.#book.saved) !== before) this.#file.save();
  }

  /**
   * The configuration was read anew. Ways that are as they were go on, at once; changed ones keep
   * what waits for them.
   */
  reconfigured(): void {
    const saved = this.#saved();
    const before = this.#couriers;
    this.#couriers = this.#waysOf().map(
      (way) => before.find((courier) => isSameWay(courier.way, way)) ?? this.#courierOf(way, saved),
    );
    for (const courier of before) {
      if (this.#couriers.includes(courier)) courier.hasten();
      else void courier.stop();
    }
    this.#file.save();
  }

  /** Tells each way, or the one of that name, that this is a test; past all that waits. */
  async *test(only: string | undefined, signal: AbortSignal): AsyncGenerator<WayTest> {
    const notice = testNotice(this.#options.date());
    for (const { way } of this.#couriers) {
      if (only === undefined || only === way.name)
        yield await tried(way.name, way.kind, () => way.deliver(notice, signal));
    }
    const isBeating = this.#heartbeat.state !== undefined;
    if (isBeating && (only === undefined || only === 'heartbeat'))
      yield await tried('heartbeat', 'heartbeat', () => this.#heartbeat.call());
  }

  /** Gives up what is under way, and writes down what waits. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#heartbeat.stop();
    await Promise.all(this.#couriers.map((courier) => courier.stop()));
    this.#file.save();
    await this.#file.settled();
  }

  #tell(notice: AlertNotice): void {
    const { state, kind = 'other', subject, what, remedy } = notice;
    const level = state === 'raised' ? 'warn' : 'info';
    const sentence = state === 'raised' ? `${what}. ${remedy}` : `over: ${what}`;
    this.#options.log.log(level, `alert: ${notice.title}: ${sentence}`, {
      event: 'alert',
      state,
      kind,
      ...(subject !== '' && { subject }),
    });
    for (const courier of this.#couriers) courier.take(notice);
  }

  #saved(): SavedAlerts {
    return {
      alerts: this.#book.saved,
      ways: this.#couriers.map((courier) => courier.saved),
      release: this.#release,
    };
  }

  #courierOf(way: AlertWay, { ways }: SavedAlerts): Courier {
    const { date, log } = this.#options;
    const saved = ways.find(({ name }) => name === way.name);
    return new Courier({ way, saved, date, log, onChange: () => this.#file.save() });
  }

  #waysOf(): AlertWay[] {
    const { settings, sendSms, maxSegments } = this.#options;
    const { webhooks, mail, sms } = settings();
    const box = () => settings().name ?? hostname();
    return [
      ...webhooks.map((config) => webhookWay({ config, box })),
      ...(mail === undefined ? [] : [mailWay({ config: mail, box })]),
      ...(sms?.to ?? []).map((recipient, index) =>
        smsWay({
          name: index === 0 ? 'sms' : `sms-${index + 1}`,
          recipient,
          onlySevere: sms?.onlySevere ?? true,
          box,
          maxSegments,
          send: sendSms,
        }),
      ),
    ];
  }
}

/** Whether `wallMs` is within them, in the time zone of this machine. */
function isQuiet(hours: AlertsConfig['quietHours'], wallMs: number): boolean {
  if (hours === undefined) return false;
  const { fromMinute, toMinute } = hours;
  const date = new Date(wallMs);
  const minute = date.getHours() * 60 + date.getMinutes();
  if (fromMinute <= toMinute) return minute >= fromMinute && minute < toMinute;
  return minute >= fromMinute || minute < toMinute;
}

const isSameWay = (one: AlertWay, other: AlertWay): boolean =>
  one.name === other.name &&
  one.kind === other.kind &&
  isDeepStrictEqual(one.settings, other.settings);

/** A first start is no upgrade: what never sent cannot have stopped. */
function releaseOf(
  saved: Release | undefined,
  { version, date }: Pick<AlertsOptions, 'version' | 'date'>,
): Release {
  if (saved === undefined) return { version, sinceMs: date(), hasSent: true };
  if (saved.version === version) return saved;
  return { version, sinceMs: date(), hasSent: false };
}

async function tried(
  way: string,
  kind: WayTest['kind'],
  work: () => Promise<void>,
): Promise<WayTest> {
  const startedAt = performance.now();
  const why = await work().then(() => undefined, whyFailed);
  return { way, kind, why, tookMs: performance.now() - startedAt };
}
