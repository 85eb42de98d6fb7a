/**
 * The dead man's switch: an address that is called every minute while a code would go out. Who
 * watches it is told of a box without power or network, too.
 */

import type { Logger } from 'winston';
import type { AlertsConfig } from '../config/alert-settings.js';
import { addressIn, call } from '../outgoing/call.js';
import { whyFailed } from '../words/system-fault.js';

export interface HeartbeatState {
  /** Wall-clock milliseconds of the last call that was answered. */
  answeredAtMs: number | undefined;
  /** Why the last call was not, and since when, in wall-clock milliseconds. */
  failing: { sinceMs: number; why: string; tries: number } | undefined;
  /** No code would go out, so it is silent on purpose. */
  isSilent: boolean;
}

export interface HeartbeatOptions {
  settings: () => Pick<AlertsConfig, 'heartbeatUrl' | 'heartbeatUrlFile'>;
  /** Whether a code would go out now. */
  isAlive: () => boolean;
  date: () => number;
  log: Logger;
}

/** Milliseconds between calls. */
const everyMs = 60_000;
const logEveryMs = 3_600_000;

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  /** Whom the following is of: a reload may have named another one, or none. */
  #callee: string | undefined;
  #answeredAtMs: number | undefined;
  #failing: HeartbeatState['failing'];
  #isUnderWay = false;
  #loggedAt = -Infinity;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#beat(), everyMs);
    this.#timer.unref();
  }

  /** Why the last call was not answered; asks nobody whether a code would go out. */
  get failing(): HeartbeatState['failing'] {
    return this.#callee === this.#address ? this.#failing : undefined;
  }

  /** Undefined where none is configured. */
  get state(): HeartbeatState | undefined {
    if (this.#address === undefined) return undefined;
    return {
      answeredAtMs: this.#callee === this.#address ? this.#answeredAtMs : undefined,
      failing: this.failing,
      isSilent: !this.#options.isAlive(),
    };
  }

  /** Calls now, whatever the state is: for a test. Rejects with `NotTaken`. */
  async call(): Promise<void> {
    const { heartbeatUrl, heartbeatUrlFile } = this.#options.settings();
    const url = heartbeatUrlFile === undefined ? heartbeatUrl : await addressIn(heartbeatUrlFile);
    if (url !== undefined)
      await call({ url, method: 'GET', secrets: [url], signal: this.#stop.signal });
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stop.abort();
  }

  get #address(): string | undefined {
    const { heartbeatUrl, heartbeatUrlFile } = this.#options.settings();
    return heartbeatUrlFile ?? heartbeatUrl;
  }

  #beat(): void {
    const address = this.#address;
    if (this.#isUnderWay || address === undefined || !this.#options.isAlive()) return;
    this.#isUnderWay = true;
    if (this.#callee !== address) {
      this.#callee = address;
      this.#answeredAtMs = undefined;
      this.#failing = undefined;
      this.#loggedAt = -Infinity;
    }
    this.call().then(
      () => this.#ended(undefined),
      (error: unknown) => this.#ended(error),
    );
  }

  #ended(error: unknown): void {
    this.#isUnderWay = false;
    if (this.#stop.signal.aborted) return;
    const { date, log } = this.#options;
    if (error === undefined) {
      if (this.#failing !== undefined)
        log.info('the heartbeat is heard again', { event: 'heartbeat' });
      this.#failing = undefined;
      this.#loggedAt = -Infinity;
      this.#answeredAtMs = date();
      return;
    }
    const why = whyFailed(error);
    const { sinceMs = date(), tries = 0 } = this.#failing ?? {};
    this.#failing = { sinceMs, why, tries: tries + 1 };
    if (performance.now() - this.#loggedAt < logEveryMs) return;
    this.#loggedAt = performance.now();
    log.warn(`nobody hears the heartbeat (alerts.heartbeat_url): ${why}`, { event: 'heartbeat' });
  }
}
