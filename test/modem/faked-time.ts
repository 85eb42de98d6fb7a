import { vi } from 'vitest';

/**
 * What `work` comes to where timers are faked: the next one fires as soon as nothing else is under
 * way, while a disk and the like take the time that they need.
 */
export async function soon<T>(work: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  work.then(over, over);
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve));
    if (!isOver) vi.advanceTimersToNextTimer();
  }
  return work;
}

/** Fakes what {@link soon} fires, and leaves what a disk needs. */
export function fakeTimeouts(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
}
