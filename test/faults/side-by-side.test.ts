import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Ending, sideBySide } from './side-by-side.js';

async function all<Result>(endings: AsyncGenerator<Ending<Result>>): Promise<Ending<Result>[]> {
  const found: Ending<Result>[] = [];
  for await (const ending of endings) found.push(ending);
  return found;
}

test('tasks run side by side, never more than asked for, and are told in their order', async () => {
  let running = 0;
  let most = 0;
  const tasks = [40, 5, 30, 1, 10].map((forMs, index) => async () => {
    running += 1;
    most = Math.max(most, running);
    await pause(forMs);
    running -= 1;
    return index;
  });
  const endings = await all(sideBySide(tasks, 3, new AbortController().signal));
  expect(endings).toEqual([0, 1, 2, 3, 4].map((result) => ({ result })));
  expect(most).toBe(3);
});

test('one that fails, before its turn to be told, hinders no other', async () => {
  const failure = new Error('no tty');
  const tasks = [() => pause(20, 'first'), () => Promise.reject(failure), () => pause(1, 'third')];
  const endings = await all(sideBySide(tasks, 2, new AbortController().signal));
  expect(endings).toEqual([{ result: 'first' }, { failure }, { result: 'third' }]);
});

test('what is over waits for none that hangs, begins none, and keeps what has ended', async () => {
  const over = new AbortController();
  const reason = new Error('the run took too long');
  let begun = 0;
  const hangs = (): Promise<string> => {
    begun += 1;
    return new Promise(() => {});
  };
  setTimeout(() => over.abort(reason), 20);
  const endings = await all(sideBySide([() => pause(1, 'first'), hangs, hangs], 1, over.signal));
  expect(endings).toEqual([{ result: 'first' }, { failure: reason }]);
  expect(begun).toBe(1);
});
