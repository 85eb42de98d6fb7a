/**
 * Does `work` with a signal that is aborted after `timeoutMs` milliseconds, as a `TimeoutError`, or
 * with `signal` and its reason. Settles as `work` does.
 */
export async function within<Result>(
  timeoutMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  // Not AbortSignal.any over AbortSignal.timeout: Node collects such a timeout as garbage while the
  // call hangs, and it never fires.
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(new DOMException('', 'TimeoutError')), timeoutMs);
  const giveUp = (): void => over.abort(signal.reason);
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  try {
    return await work(over.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
  }
}

/**
 * What `work` settles as; undefined when it takes longer than so many milliseconds. It goes on
 * then, and whoever gave it sees to its failing.
 */
export async function inTime<Result>(
  ms: number,
  work: Promise<Result>,
): Promise<Result | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}
