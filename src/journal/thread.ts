import { Worker } from 'node:worker_threads';
import { type Fault, faultOf, JournalFault } from './faults.js';
import type { CallName, Calls, Opened, StoreAnswer, StoreOptions, StoreRequest } from './wire.js';

interface Waiter {
  resolve: (result: never) => void;
  reject: (fault: JournalFault) => void;
}

/**
 * One thread with one open database. libsql lets go of a file only when its thread ends (`close`
 * keeps it while statements live), so whatever goes wrong, the thread is ended and another begun.
 */
export class StoreThread {
  readonly opened: Promise<Opened>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiter>();
  readonly #onLost: (fault: Fault) => void;
  readonly #ended: Promise<void>;
  #hasEnded = false;
  #lastNumber = 0;
  #lost: Fault | undefined;

  /**
   * @param onLost once, when the thread ended and nobody had called {@link end}; every waiting call
   *   is rejected before.
   */
  constructor(options: StoreOptions, onLost: (fault: Fault) => void) {
    this.#onLost = onLost;
    this.#worker = startWorker(options);
    this.opened = new Promise((resolve, reject) => {
      this.#waiting.set(0, { resolve, reject });
    });
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#hasEnded = true;
        resolve();
      });
    });
    this.#worker.on('message', (answer: StoreAnswer) => this.#settle(answer));
    this.#worker.on('error', (error) => this.#lose(faultOf(error, 'worker')));
    this.#worker.on('messageerror', (error) => this.#lose(faultOf(error, 'worker')));
    this.#worker.on('exit', (code) =>
      this.#lose({ kind: 'worker', message: `the thread ended with code ${code}` }),
    );
  }

  /** Rejects with {@link JournalFault}. */
  ask<Name extends CallName>(
    name: Name,
    request: Calls[Name]['request'],
  ): Promise<Calls[Name]['answer']> {
    if (this.#lost !== undefined) return Promise.reject(new JournalFault(this.#lost));
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#worker.postMessage({ number, name, ...request });
    });
  }

  /**
   * Lets the thread end itself, which closes the file, once it has answered what it was asked;
   * never rejects. It is not terminated from here: libsql panics, and takes the process with it,
   * when it has to throw in a thread that is being terminated (0.5.29).
   */
  async end(): Promise<void> {
    this.#lost ??= { kind: 'worker', message: 'the journal was closed' };
    this.#rejectAll(this.#lost);
    if (!this.#hasEnded)
      this.#worker.postMessage({ number: -1, name: 'end' } satisfies StoreRequest);
    await this.#ended;
  }

  #settle(answer: StoreAnswer): void {
    const waiter = this.#waiting.get(answer.number);
    this.#waiting.delete(answer.number);
    if ('fault' in answer) waiter?.reject(new JournalFault(answer.fault));
    else waiter?.resolve(answer.result as never);
  }

  #lose(fault: Fault): void {
    if (this.#lost !== undefined) return;
    this.#lost = fault;
    this.#rejectAll(fault);
    this.#onLost(fault);
  }

  #rejectAll(fault: Fault): void {
    for (const { reject } of this.#waiting.values()) reject(new JournalFault(fault));
    this.#waiting.clear();
  }
}

/**
 * The one place that knows where the thread's code is: beside this file. From TypeScript sources,
 * as the tests run it, tsx loads it, which a thread does not inherit.
 */
function startWorker(workerData: StoreOptions): Worker {
  if (import.meta.url.endsWith('.ts')) {
    const source = JSON.stringify(new URL('./worker.ts', import.meta.url).href);
    const load = `import('tsx/esm/api').then(({ tsImport }) => tsImport(${source}, ${source}))`;
    return new Worker(load, { eval: true, workerData });
  }
  return new Worker(new URL('./worker.js', import.meta.url), {
    workerData,
    env: {},
    // The young generation is what V8 would let grow for nothing; the old one is collected well
    // before its limit, far above what lives.
    resourceLimits: { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 },
  });
}
