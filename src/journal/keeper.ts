import type { Logger } from 'winston';
import { RepeatedFaults } from '../log.js';
import { counted } from '../words/counted.js';
import {
  describeFault,
  type Fault,
  faultOf,
  JournalFault,
  type JournalFaultKind,
} from './faults.js';
import { makePrivate, roomOrNone, setAside } from './files.js';
import { Flusher } from './flusher.js';
import { StoreThread } from './thread.js';
import type { CallName, Calls } from './wire.js';

export interface KeeperOptions {
  file: string;
  log: Logger;
  clock: () => number;
  busyTimeoutMs: number;
  /** Before the first try to open again; doubled with each, up to {@link maxRetryMs}. */
  retryMs: number;
  onOpen: () => void;
  /** It got out of order. Must not throw. */
  onFault?: ((fault: { kind: JournalFaultKind }) => void) | undefined;
}

const maxRetryMs = 60_000;
/**
 * Milliseconds between two damaged files that are set aside: a disk may damage every new one.
 */
const setAsideEveryMs = 3_600_000;
/**
 * Milliseconds after which a call that has no answer counts as a fault. It is still waited for,
 * since nothing can take it back.
 */
const silentMs = 10_000;
/** Faults of one request; the store is as well as before. */
const harmless: ReadonlySet<JournalFaultKind> = new Set(['entry']);

/**
 * Keeps one {@link StoreThread} open. After any fault the thread is ended and another begun, after
 * a pause that grows; a damaged file is set aside first. The log says when the journal gets out of
 * order and when it is back, not each try.
 */
export class Keeper {
  readonly #options: KeeperOptions;
  #thread: StoreThread | undefined;
  #flusher: Flusher | undefined;
  #isOpen = false;
  #isClosed = false;
  /**
   * The newest change of the file as it was before this run wrote to it; undefined until it was
   * opened.
   */
  #lastChangeBefore: number | undefined;
  #fault: Fault | undefined;
  /** A disk that is full to the last block may change its mind with each row. */
  readonly #faults: RepeatedFaults;
  /** The log knows of the fault that it has. */
  #wasTold = false;
  #retryMs: number;
  #retry: NodeJS.Timeout | undefined;
  #lastSetAsideAt = Number.NEGATIVE_INFINITY;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#faults = new RepeatedFaults(options.log);
    this.#retryMs = options.retryMs;
  }

  /** True while requests are taken. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** True while they are answered too, so that waiting for one is worth it. */
  get isWell(): boolean {
    return this.#isOpen && this.#fault === undefined;
  }

  /** A sentence for people; undefined while all is well. */
  get fault(): string | undefined {
    return this.#fault && describeFault(this.#options.file, this.#fault);
  }

  /** The newest change that earlier runs left in the file. */
  get lastChangeBefore(): number {
    return this.#lastChangeBefore ?? 0;
  }

  /** Tries to open the file, and settles when that is done or has failed. Never rejects. */
  async open(): Promise<void> {
    const { file, clock, busyTimeoutMs } = this.#options;
    let thread: StoreThread | undefined;
    try {
      await makePrivate(file);
      if (this.#isClosed) return;
      const closesOpenRows = this.#lastChangeBefore === undefined;
      const options = { file, nowMs: clock(), closesOpenRows, busyTimeoutMs };
      thread = new StoreThread(options, (fault) => void this.#fail(thread, fault));
      this.#thread = thread;
      const { closedRows, lastChange } = await this.#watched(thread.opened);
      this.#lastChangeBefore ??= lastChange;
      if (closedRows > 0) this.#tellClosedRows(closedRows);
      await this.#openFlusher();
      if (this.#isClosed) return;
      this.#isOpen = true;
      this.#options.onOpen();
    } catch (error) {
      await this.#fail(thread, faultOf(error, 'cannot_open'));
    }
  }

  /**
   * Rejects with {@link JournalFault}; unless it is that one request's, the store is opened again.
   */
  async ask<Name extends CallName>(
    name: Name,
    request: Calls[Name]['request'],
  ): Promise<Calls[Name]['answer']> {
    const thread = this.#thread;
    if (thread === undefined || !this.#isOpen)
      throw new JournalFault(this.#fault ?? { kind: 'worker', message: 'it is not open' });
    try {
      return await this.#watched(thread.ask(name, request));
    } catch (error) {
      const fault = faultOf(error, 'worker');
      if (!harmless.has(fault.kind)) void this.#fail(thread, fault);
      throw new JournalFault(fault, { cause: error });
    }
  }

  /**
   * Resolves when everything that was written before is on the disk, so that it outlives a power
   * cut. Rejects as {@link ask} does.
   */
  async flush(): Promise<void> {
    const [thread, flusher] = [this.#thread, this.#flusher];
    if (flusher === undefined || !this.#isOpen)
      throw new JournalFault(this.#fault ?? { kind: 'worker', message: 'it is not open' });
    try {
      await this.#watched(flusher.flush());
    } catch (error) {
      const fault = faultOf(error, 'io');
      void this.#fail(thread, fault);
      throw new JournalFault(fault, { cause: error });
    }
  }

  /** The journal works: a write was done, or nothing waits to be written. */
  proved(): void {
    this.#retryMs = this.#options.retryMs;
    if (this.#fault === undefined) return;
    this.#fault = undefined;
    if (!this.#wasTold) return;
    this.#options.log.info(`journal ${this.#options.file}: it is well again`, { event: 'journal' });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isOpen = false;
    clearTimeout(this.#retry);
    await this.#thread?.end();
    await this.#flusher?.close();
  }

  async #openFlusher(): Promise<void> {
    const flusher = await this.#watched(Flusher.open(this.#options.file));
    if (this.#isClosed) await flusher.close();
    else this.#flusher = flusher;
  }

  /** Once for each thread, whatever tells of its failing first. */
  async #fail(thread: StoreThread | undefined, fault: Fault): Promise<void> {
    if (this.#isClosed || thread !== this.#thread) return;
    this.#isOpen = false;
    this.#thread = undefined;
    const flusher = this.#flusher;
    this.#flusher = undefined;
    this.#tell(await this.#named(fault));
    // It ends when its disk answers, which nobody has to wait for.
    flusher?.close().catch(() => undefined);
    await thread?.end();
    const isFresh = fault.kind === 'corrupt' && (await this.#setAside());
    if (this.#isClosed) return;
    if (isFresh) return this.open();
    this.#retry = setTimeout(() => void this.open(), this.#retryMs);
    this.#retry.unref();
    this.#retryMs = Math.min(this.#retryMs * 2, maxRetryMs);
  }

  /**
   * SQLite has one code for several faults of files. A full disk is recognised, and told as such,
   * and so is one that may not be written any more.
   */
  async #named(fault: Fault): Promise<Fault> {
    const mayBeFull = fault.kind === 'io' || fault.kind === 'cannot_open';
    if (!mayBeFull) return fault;
    const room = await roomOrNone(this.#options.file);
    if (room?.isReadOnly === true) return { ...fault, kind: 'read_only' };
    return room?.isFull === true ? { ...fault, kind: 'full' } : fault;
  }

  async #setAside(): Promise<boolean> {
    const { file, log, clock } = this.#options;
    if (performance.now() - this.#lastSetAsideAt < setAsideEveryMs) return false;
    try {
      const aside = await setAside(file, new Date(clock()));
      this.#lastSetAsideAt = performance.now();
      this.#lastChangeBefore = 0; // whatever is in the new file, this run writes
      log.error(
        `journal ${file}: the damaged file is kept as ${aside}, a new one begins; limits go on as this process knows them`,
        { event: 'journal' },
      );
      return true;
    } catch (error) {
      log.error(`journal ${file}: the damaged file cannot be set aside`, {
        event: 'journal',
        error,
      });
      return false;
    }
  }

  /** Tells when the disk does not answer, and when it did. */
  async #watched<T>(call: Promise<T>): Promise<T> {
    const silent: Fault = { kind: 'silent', message: `nothing for ${silentMs / 1000} s` };
    const timer = setTimeout(() => this.#tell(silent), silentMs);
    timer.unref();
    try {
      const answer = await call;
      if (this.#fault?.kind === 'silent') this.proved();
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }

  #tell(fault: Fault): void {
    const isNew = this.#fault?.kind !== fault.kind;
    this.#fault = fault;
    if (isNew) this.#options.onFault?.({ kind: fault.kind });
    if (isNew)
      this.#wasTold = this.#faults.error(fault.kind, `${this.fault}: messages go on without it`, {
        event: 'journal',
        fault: fault.kind,
      });
  }

  #tellClosedRows(count: number): void {
    const [were, they] = count === 1 ? ['was', 'it was'] : ['were', 'they were'];
    this.#options.log.warn(
      `the process before ended while ${counted(count, 'message')} ${were} with a modem, as far as the journal on the disk knows: ` +
        `whether ${they} sent is unknown`,
      { event: 'journal' },
    );
  }
}
