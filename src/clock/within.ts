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
