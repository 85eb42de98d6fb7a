import PQueue from 'p-queue';

/** What came of a task: its result, or why there is none. */
export type Ending<Result> = { result: Result } | { failure: unknown };

/**
 * Runs up to `atOnce` tasks at a time and tells how each ended, in the order of the tasks. A task
 * that fails hinders no other. When `over` is aborted, nothing more is awaited or begun, and the
 * first task without an end is told to have failed for that reason.
 */
export async function* sideBySide<Result>(
  tasks: readonly (() => Promise<Result>)[],
  atOnce: number,
  over: AbortSignal,
): AsyncGenerator<Ending<Result>> {
  const queue = new PQueue({ concurrency: atOnce });
  // Each is settled: one that fails while an earlier one is awaited is told in its turn.
  const endings = tasks.map((task) =>
    queue.add(() => (over.aborted ? failed<Result>(over) : settled(task))),
  );
  const isOver = new Promise<Ending<Result>>((resolve) => {
    over.addEventListener('abort', () => resolve(failed(over)), { once: true });
  });
  for (const ending of endings) {
    yield over.aborted ? failed(over) : await Promise.race([ending, isOver]);
    if (over.aborted) return;
  }
}

async function settled<Result>(task: () => Promise<Result>): Promise<Ending<Result>> {
  try {
    return { result: await task() };
  } catch (failure) {
    return { failure };
  }
}

function failed<Result>(over: AbortSignal): Ending<Result> {
  return { failure: over.reason };
}
