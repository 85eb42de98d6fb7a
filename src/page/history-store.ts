import type { Logger } from 'winston';
import type { MetricsListener } from '../metrics/listener.js';
import { type HistoryPoint, OpenPoint, pointMs, settled } from './history.js';
import { HistoryFile } from './history-file.js';

/** Milliseconds between two looks at signal and clock. */
const lookEveryMs = 10_000;
/** Points of a day. */
const dayPoints = 86_400_000 / pointMs;

export interface HistoryOptions {
  /** Made at the first point; its folder must be there. */
  file: string;
  /** Wall-clock milliseconds. */
  now: () => number;
  /** What each modem receives now. */
  signals: () => readonly { name: string; signalDbm: number | undefined }[];
  log: Pick<Logger, 'warn' | 'info'>;
}

/**
 * Gathers the points of the last seven days, and keeps them over a restart. It only listens: a disk
 * that fails costs history and nothing else.
 */
export class HistoryStore
  implements Pick<MetricsListener, 'answered' | 'submitEnded' | 'delivery'>
{
  readonly #options: HistoryOptions;
  readonly #file: HistoryFile;
  readonly #timer: NodeJS.Timeout;
  #points: HistoryPoint[] = [];
  #open: OpenPoint;
  /** One write after the other. */
  #writing: Promise<void>;
  #isFailing = false;

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#file = new HistoryFile(options.file);
    this.#open = new OpenPoint(this.#slot());
    this.#writing = this.#read();
    this.#timer = setInterval(() => this.#look(), lookEveryMs).unref();
  }

  answered(answer: Parameters<MetricsListener['answered']>[0]): void {
    this.#open.answered(answer);
  }

  submitEnded(end: Parameters<MetricsListener['submitEnded']>[0]): void {
    this.#open.submitEnded(end);
  }

  delivery(end: Parameters<MetricsListener['delivery']>[0]): void {
    this.#open.delivery(end);
  }

  /** Oldest first; the last one is not over. */
  points(): HistoryPoint[] {
    return settled([...this.#points, this.#open.point()], this.#options.now());
  }

  /** Of the last 24 hours, a point for each five minutes; undefined where nothing is known. */
  signalOfDay(modem: string): (number | undefined)[] {
    const newest = this.#slot();
    const known = new Map(
      [...this.#points.slice(-dayPoints), this.#open.point()].map((point) => [
        point.atMs,
        point.signal[modem],
      ]),
    );
    return Array.from({ length: dayPoints }, (_, index) =>
      known.get(newest - (dayPoints - 1 - index) * pointMs),
    );
  }

  /** Writes what was not over. Never rejects. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#end();
    await this.#writing;
  }

  #slot(): number {
    return Math.floor(this.#options.now() / pointMs) * pointMs;
  }

  /** A clock that leaps, either way, ends the point, too. */
  #look(): void {
    if (this.#slot() !== this.#open.atMs) this.#end();
    for (const { name, signalDbm } of this.#options.signals())
      if (signalDbm !== undefined) this.#open.heard(name, signalDbm);
  }

  #end(): void {
    const point = this.#open.point();
    this.#open = new OpenPoint(this.#slot());
    this.#points = settled([...this.#points, point], this.#options.now());
    this.#writing = this.#writing.then(() => this.#write(point));
  }

  async #read(): Promise<void> {
    try {
      const before = await this.#file.read(this.#options.now());
      this.#points = settled([...before, ...this.#points], this.#options.now());
    } catch (error) {
      this.#tellFailed(error);
    }
  }

  async #write(point: HistoryPoint): Promise<void> {
    try {
      await this.#file.add(point, this.#points);
      if (this.#isFailing)
        this.#options.log.info('the history is written again', { event: 'history' });
      this.#isFailing = false;
    } catch (error) {
      this.#tellFailed(error);
    }
  }

  /** Once, until it works again. */
  #tellFailed(error: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.log.warn(
      `the history of the page cannot be kept in ${this.#options.file}: messages go on, and so does the page, until the next restart`,
      { event: 'history', error },
    );
  }
}
