/** What is to be done, in the order in which it came: at most a few pieces of each request (I5). */
let due: (() => void)[] = [];
let isHeld = false;

/**
 * Does what no caller waits for, as its line in the log, once all answers of this turn of the event
 * loop are out, and at the latest with the exit. Requests of one instant are answered one after the
 * other: each would wait for what was done for all those before it.
 * @param work must not throw
 */
export function afterAnswers(work: () => void): void {
  if (due.length === 0) setImmediate(doDue);
  due.push(work);
  if (isHeld) return;
  isHeld = true;
  // In front of the log, which writes its last lines then.
  process.prependOnceListener('exit', doDue);
}

function doDue(): void {
  const works = due;
  due = [];
  for (const work of works) work();
}
