import type { Logger } from 'winston';
import type { Health } from '../doctor/finding.js';

/** Milliseconds between looks. */
const lookEveryMs = 2_000;
/**
 * Milliseconds for which a judgement has to stand before it is told: a start, a re-plug and a
 * message that takes its time pass sooner.
 */
const settleMs = 10_000;

export interface HealthWatchOptions {
  judge: () => Health;
  log: Logger;
  /** The judgement is another one than before; called at once. Must not throw. */
  onChange: () => void;
}

/**
 * Tells the log what stands between a code and the air, once for each change that lasts. What stops
 * codes is a warning; that all is well again is none.
 */
export class HealthWatch {
  readonly #options: HealthWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #seen = '';
  #seenAt = performance.now();
  /** What the log was told last; at the start it takes for granted that all is well. */
  #told = '';

  constructor(options: HealthWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { grade, obstacles } = this.#options.judge();
    const [now, name] = [performance.now(), this.#nameOf({ grade, obstacles })];
    if (name !== this.#seen) {
      [this.#seen, this.#seenAt] = [name, now];
      this.#options.onChange();
    }
    if (name === this.#told || now - this.#seenAt < settleMs) return;
    this.#told = name;
    this.#tell({ grade, obstacles });
  }

  /** What is wrong, without figures and times that change in its sentences. Empty: nothing is. */
  #nameOf({ grade, obstacles }: Health): string {
    if (grade === 'ok') return '';
    return [
      grade,
      ...obstacles.map(({ check, what }) => `${check} ${what.replace(/\d+/g, '')}`),
    ].join('\n');
  }

  #tell({ grade, obstacles }: Health): void {
    const { log } = this.#options;
    if (grade === 'ok') return void log.info('codes go out again', { event: 'health', grade });
    const sentence = grade === 'down' ? 'no code goes out' : 'not all is well';
    const [first] = obstacles;
    const more = obstacles.length > 1 ? ` (and ${obstacles.length - 1} more)` : '';
    log.warn(`${sentence}: ${first?.what}${more}. ${first?.remedy ?? ''}`, {
      event: 'health',
      grade,
      checks: obstacles.map(({ check }) => check),
    });
  }
}
