import type { Logger } from 'winston';
import { inTime } from '../clock/within.js';
import type { Dispatch } from '../dispatch/dispatch.js';
import type { Fleet } from './fleet.js';

/** Milliseconds for answers to reach their callers when we stop. */
const closeMs = 2_000;

/** Something by which callers or commands come in. */
export interface WayIn {
  close(graceMs: number): Promise<unknown>;
}

/**
 * Lets nobody in any more, refuses what waits, lets what is in a modem finish for `graceMs` at
 * most, and gives the modems back. Callers get their answers meanwhile.
 */
export async function endTraffic(
  doors: readonly WayIn[],
  dispatch: Dispatch,
  fleet: Pick<Fleet, 'stop'>,
  graceMs: number,
  log: Logger,
): Promise<void> {
  const closed = Promise.all(
    doors.map((door) => door.close(graceMs === 0 ? 0 : graceMs + closeMs)),
  );
  const isDrained = await inTime(
    graceMs,
    dispatch.stop().then(() => true),
  );
  if (!isDrained) {
    log.warn(
      'there is no more time: what a modem still has stays unknown, and what was promised and still waits is given up',
      { event: 'stopping', waiting: dispatch.waiting() },
    );
    dispatch.giveUp();
  }
  await fleet.stop();
  await closed;
}
