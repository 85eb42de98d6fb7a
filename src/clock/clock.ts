/**
 * The wall clock, and how far it can be trusted. A small box has no clock battery, and a clock may
 * leap either way: tokens are judged by the wall clock itself, but not while it is behind the
 * newest time that is sure; what outlives a restart is stamped by {@link Clock.stamp}, which no
 * leap moves. Nobody is refused for a clock that is merely unsynchronised: virtual machines and
 * ships are rightly so.
 * Knows nothing of: messages and modems.
 * Way: `Clock.stamp` for what outlives a restart, `Clock.doubt` before a token is judged.
 */

import { open, rename, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'winston';
import { releasedAtMs } from '../version.js';
import { utcText } from '../words/time.js';
import { SettledClock } from './settled-clock.js';
import { inTime } from './within.js';

/** Why the clock cannot be trusted, for the operator; never for a caller. */
export interface ClockDoubt {
  what: string;
  remedy: string;
}

export interface ClockOptions {
  /** Its modification time is the newest time that is sure; it is made if it is not there. */
  file: string;
  log: Pick<Logger, 'info' | 'error'>;
  /** Whether something keeps the clock right; undefined when that is not known. Must not reject. */
  isSynchronised: () => Promise<boolean | undefined>;
  /**
   * Milliseconds for which a stamp has to have stood beside the monotonic clock before it counts as
   * the newest.
   */
  settleMs?: number;
}

/** A clock that is stepped back a little is still right enough to judge tokens. */
const slackMs = 60_000;
const settleDefaultMs = 300_000;
/** How often it is looked at the clocks, and asked in doubt. */
const lookEveryMs = 10_000;
/** How often it is asked whether a leap ahead was the clock's being set. */
const askAgainMs = 60_000;
/** How far the file may lag behind. */
const writeEveryMs = 300_000;
/** Milliseconds that a start waits for the system's word, if the clock is in doubt. */
const startBoundMs = 3_000;

/** The file in a state directory that has the newest time that is sure. */
export const clockFile = (stateDir: string): string => join(stateDir, 'clock');

/**
 * The newest time that is sure: that of the release, or what `file` says. Rejects as stat(2) fails,
 * but for a file that is not there.
 */
export async function newestSureMs(file: string): Promise<number> {
  const fileMs = await stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return 0;
      throw error;
    },
  );
  return Math.max(releasedAtMs, fileMs);
}

/** What to say of a wall clock that reads `nowMs`; undefined when it is not behind what is sure. */
export function doubtOf(nowMs: number, sureMs: number, file: string): ClockDoubt | undefined {
  if (nowMs >= sureMs - slackMs) return undefined;
  const what =
    `the wall clock says ${utcText(nowMs)}, which is before ${utcText(sureMs)}, the newest time known ` +
    `(${sureMs === releasedAtMs ? 'when this version was made' : file}): tokens cannot be judged, and requests are answered 503 clock_unset`;
  const ifRight =
    sureMs === releasedAtMs
      ? ''
      : `. Should the clock be right, then an earlier run had one in the future: stop simgate, delete ${file}, and start it again`;
  return {
    what,
    remedy: `sudo timedatectl set-ntp true, or another client of a time server${ifRight}`,
  };
}

export class Clock {
  readonly #options: ClockOptions;
  readonly #settled: SettledClock;
  readonly #settleMs: number;
  readonly #timer: NodeJS.Timeout;
  /** The newest time that is sure, and what it was before this run made it later. */
  #sureMs: number;
  #sureBeforeMs: number;
  #writtenMs: number;
  /** Wall less monotonic milliseconds, as stamps have it and as dates have it. */
  #stampOffsetMs: number;
  #dateOffsetMs: number;
  /** `performance.now()` since when the clock has been put back to a time that may be right. */
  #putBackAt: number | undefined;
  #isInDoubt = false;
  #askedAt = -Infinity;
  #asking: Promise<void> | undefined;
  /** One note after the other. */
  #noting: Promise<void> = Promise.resolve();

  private constructor(options: ClockOptions, sureMs: number) {
    this.#options = options;
    this.#settleMs = options.settleMs ?? settleDefaultMs;
    this.#settled = new SettledClock(() => Date.now(), this.#settleMs);
    this.#sureMs = this.#sureBeforeMs = this.#writtenMs = sureMs;
    this.#stampOffsetMs = this.#dateOffsetMs = Math.max(Date.now(), sureMs) - performance.now();
    this.#timer = setInterval(() => void this.#tick(), lookEveryMs);
    this.#timer.unref();
  }

  /**
   * Rejects when `file` cannot be made or written. A clock that is in doubt is asked about first,
   * for 3 s at most.
   */
  static async open(options: ClockOptions): Promise<Clock> {
    const sureMs = await newestSureMs(options.file);
    await write(options.file, sureMs);
    const clock = new Clock(options, sureMs);
    const asked = clock.#ask();
    if (Date.now() < sureMs - slackMs) await inTime(startBoundMs, asked);
    clock.#look();
    return clock;
  }

  /**
   * Milliseconds since 1970 that never run backwards, at the pace of the monotonic clock, for what
   * is counted within a process: limits and caps. A leap ahead is followed only once it is sure.
   */
  stamp(): number {
    this.#look();
    return Math.round(performance.now() + this.#stampOffsetMs);
  }

  /**
   * As {@link stamp}, for what is kept over a restart: it comes back from a time ahead that was
   * never sure, or that is known to be wrong.
   */
  date(): number {
    this.#look();
    return Math.round(performance.now() + this.#dateOffsetMs);
  }

  /** What time it is at least: a key that an earlier run has seen may be no older than by this. */
  leastDate(): number {
    return Math.min(this.date(), this.#sureMs);
  }

  /**
   * False while the wall clock is behind the newest time that is sure, so that no token can be
   * judged.
   */
  isSet(): boolean {
    this.#look();
    if (this.#isInDoubt && performance.now() - this.#askedAt >= lookEveryMs) void this.#ask();
    return !this.#isInDoubt;
  }

  /**
   * While the clock stands ahead of what is believed: where it would be without that leap,
   * milliseconds since 1970. A token that is in time by either of them may be.
   */
  beforeLeap(): number | undefined {
    const dateMs = this.date();
    return Date.now() > dateMs + slackMs ? dateMs : undefined;
  }

  /** Why {@link isSet} is false; undefined when it is true. */
  doubt(): ClockDoubt | undefined {
    return this.isSet() ? undefined : doubtOf(Date.now(), this.#sureMs, this.#options.file);
  }

  /** Stops looking, and notes the newest time that is sure. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#look();
    await this.#note();
  }

  #look(): void {
    const wallMs = Date.now();
    const at = performance.now();
    const settledMs = this.#settled.now();
    this.#sureMs = Math.max(this.#sureMs, settledMs);
    const isBehind = wallMs < this.#sureMs - slackMs;
    if (settledMs - at > this.#dateOffsetMs) this.#dateOffsetMs = settledMs - at;
    else if (!isBehind && wallMs - at < this.#dateOffsetMs - slackMs)
      this.#dateOffsetMs = wallMs - at;
    this.#stampOffsetMs = Math.max(this.#stampOffsetMs, this.#dateOffsetMs);
    // Who puts the clock back while we look, to a time that agrees with all that was known before
    // this run, corrects it.
    const mayBeRight = isBehind && wallMs >= this.#sureBeforeMs - slackMs;
    this.#putBackAt = mayBeRight ? (this.#putBackAt ?? at) : undefined;
    if (this.#putBackAt !== undefined && at - this.#putBackAt >= this.#settleMs)
      this.#trust('it has stood there since');
    else this.#tellDoubt(isBehind);
  }

  /** The wall clock is right: what is later was wrong. */
  #trust(because: string): void {
    const [wallMs, at] = [Date.now(), performance.now()];
    if (wallMs < this.#sureMs - slackMs)
      this.#options.log.info(
        `the clock was put right: ${because}. ${utcText(this.#sureMs)}, which had been taken for sure, was in the future`,
        { event: 'clock' },
      );
    this.#settled.believe();
    this.#sureMs = this.#sureBeforeMs = wallMs;
    this.#putBackAt = undefined;
    this.#dateOffsetMs = wallMs - at;
    this.#stampOffsetMs = Math.max(this.#stampOffsetMs, this.#dateOffsetMs);
    this.#tellDoubt(false);
    void this.#note();
  }

  #tellDoubt(isInDoubt: boolean): void {
    if (this.#isInDoubt === isInDoubt) return;
    this.#isInDoubt = isInDoubt;
    if (!isInDoubt) return void this.#options.log.info('the clock is set', { event: 'clock' });
    const { what, remedy } = doubtOf(Date.now(), this.#sureMs, this.#options.file)!;
    this.#options.log.error(`${what}. ${remedy}`, { event: 'clock' });
  }

  async #tick(): Promise<void> {
    this.#look();
    const isAhead = Date.now() - performance.now() > this.#dateOffsetMs + slackMs;
    const sinceMs = performance.now() - this.#askedAt;
    if (this.#isInDoubt || (isAhead && sinceMs >= askAgainMs)) await this.#ask();
    if (Math.abs(this.#sureMs - this.#writtenMs) >= writeEveryMs) await this.#note();
  }

  #ask(): Promise<void> {
    this.#askedAt = performance.now();
    this.#asking ??= this.#options.isSynchronised().then((isSynchronised) => {
      this.#asking = undefined;
      if (isSynchronised === true) this.#trust('the system says that it is synchronised');
    });
    return this.#asking;
  }

  /** A disk that fills up or fails later must not end the daemon: the note only grows old. */
  #note(): Promise<void> {
    this.#writtenMs = this.#sureMs;
    this.#noting = this.#noting
      .then(() => write(this.#options.file, this.#writtenMs))
      .catch(() => undefined);
    return this.#noting;
  }
}

/**
 * Gives the file that modification time. A new one has it before it has its name: none is ever
 * taken for made just now.
 */
async function write(file: string, sureMs: number): Promise<void> {
  const time = new Date(sureMs);
  try {
    await utimes(file, time, time);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const unnamed = `${file}.new`;
    await open(unnamed, 'a', 0o600).then((handle) => handle.close());
    await utimes(unnamed, time, time);
    await rename(unnamed, file);
  }
}
