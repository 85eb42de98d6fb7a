/** What the long runs (faults, fuzz, kill, soak) have in common: each ends in time. */

/** Ends a run that took too long, or that somebody interrupts. */
export class RunLimit {
  readonly #over = new AbortController();
  readonly #timer: NodeJS.Timeout;

  /** @param limitS seconds that the run may take */
  constructor(limitS: number) {
    const stop = (why: string) => () => this.#over.abort(new Error(why));
    this.#timer = setTimeout(stop(`the run took longer than ${limitS} s`), limitS * 1000);
    process.once('SIGINT', stop('interrupted')).once('SIGTERM', stop('interrupted'));
  }

  /** Aborted, with the reason, when the run has to end. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Settles as `work` does; rejects as soon as the run has to end. */
  within<T>(work: Promise<T>): Promise<T> {
    const aborted = new Promise<never>((_, reject) => {
      this.signal.addEventListener('abort', () => reject(this.signal.reason as Error));
    });
    return Promise.race([work, aborted]);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

/** Runs `main` as all that a process does; its exit code is 1 when `main` rejects. */
export async function runAsProcess(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  } finally {
    // What an abandoned run still waits for must not keep the process.
    process.exit();
  }
}
