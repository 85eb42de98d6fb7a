import { setTimeout as pause } from 'node:timers/promises';
import type { Caller } from './caller.js';
import { type Figure, judged, median, shown } from './figures.js';
import { forgetPeak, peakResidentMb, residentMb } from './proc.js';
import { Rig, type Sent } from './rig.js';
import { submitsOf } from './submits.js';

const callersAtOnce = 200;
const submitLatencyMs = 2_000;
/** The daemon's default, `message.deadline_s`. */
const deadlineMs = 25_000;
/** Auth0 hangs up five seconds after that deadline; here an answer may be half a second late. */
const lateness = 1.02;
/**
 * How long the first wave's refusals may take before the second wave sets out; well before the
 * modem's second message.
 */
const refusedWithinMs = 1_000;

/**
 * Far more callers at once than the modem can serve in time: first all in one instant, when the
 * answer to each waits for the work on all; then, while the queue is full, those refused come again
 * one by one, which shows what a refusal takes by itself.
 */
export async function flood(): Promise<Figure[]> {
  await using rig = await Rig.start(['--submit-latency', `${submitLatencyMs}`]);
  await rig.deliver(await rig.connect()); // the daemon learns how long this modem takes
  const idleMb = residentMb(rig.daemonPid);
  forgetPeak(rig.daemonPid);
  const callers = await rig.connectMany(callersAtOnce);
  const free: Caller[] = [];
  const firstWave = callers.map(async (caller) => {
    const sent = await rig.send(caller);
    free.push(caller);
    return sent;
  });
  await Promise.race([pause(refusedWithinMs), Promise.all(firstWave)]);
  const refusedCallers = free.slice();
  const secondWave: Promise<Sent>[] = [];
  for (const caller of refusedCallers) {
    secondWave.push(rig.send(caller));
    await pause(1);
  }
  const [first, second] = [await Promise.all(firstWave), await Promise.all(secondWave)];
  const peakMb = peakResidentMb(rig.daemonPid);
  return [
    ...judgements(rig, [...first, ...second]),
    ...refusals('all in one instant', first),
    ...refusals('one a millisecond', second),
    // Admitted, although it was too close: the caller could have asked another gateway meanwhile.
    shown(
      'refused only when their turn came',
      [...first, ...second].filter(isLateRefusal).length,
      '',
      {
        exactly: 0,
      },
    ),
    shown('RSS before', idleMb, 'MB'),
    shown('RSS peak − before', peakMb - idleMb, 'MB', { atMost: 40 }),
  ];
}

function judgements(rig: Rig, sent: readonly Sent[]): Figure[] {
  const accepted = submitsOf(rig.modem.entriesSince(sent[0]!.sentAtMs)).map(
    ({ recipient }) => recipient,
  );
  const known = new Set(accepted);
  const succeeded = sent.filter(({ status }) => status === 200);
  const refused = new Set(
    sent.filter(({ status }) => status === 503).map(({ recipient }) => recipient),
  );
  return [
    shown('answered 200', succeeded.length, ''),
    shown('refused with 503', refused.size, ''),
    judged('answered otherwise', sent.length - succeeded.length - refused.size, '', { exactly: 0 }),
    judged(
      'answered 200, not accepted',
      succeeded.filter((s) => !known.has(s.recipient)).length,
      '',
      {
        exactly: 0,
      },
    ),
    judged('refused, yet accepted', accepted.filter((r) => refused.has(r)).length, '', {
      exactly: 0,
    }),
    judged('slowest answer, over the deadline', Math.max(...sent.map(waitedMs)) / deadlineMs, '', {
      atMost: lateness,
    }),
  ];
}

function refusals(how: string, sent: readonly Sent[]): Figure[] {
  const ms = sent.filter((each) => each.status === 503 && !isLateRefusal(each)).map(waitedMs);
  return [
    shown(`request → refusal, ${how}, median`, median(ms), 'ms', { atMost: 50 }),
    shown(`request → refusal, ${how}, slowest`, Math.max(...ms), 'ms', { atMost: 50 }),
  ];
}

/** No turn comes sooner than the modem's first message ends. */
function isLateRefusal(sent: Sent): boolean {
  return sent.status === 503 && waitedMs(sent) >= submitLatencyMs - refusedWithinMs;
}

function waitedMs({ sentAtMs, answeredAtMs }: Sent): number {
  return answeredAtMs - sentAtMs;
}
