import { type Figure, judged, median, shown } from './figures.js';
import { forgetPeak, peakResidentMb, residentMb } from './proc.js';
import { Rig, type Sent } from './rig.js';
import { submitsOf } from './submits.js';

const callersAtOnce = 200;
const submitLatencyMs = 2_000;
/** The daemon's default, `message.deadline_s`. */
const deadlineMs = 25_000;

/** Far more callers at once than the modem can serve in time. */
export async function flood(): Promise<Figure[]> {
  await using rig = await Rig.start(['--submit-latency', `${submitLatencyMs}`]);
  await rig.deliver(await rig.connect()); // the daemon learns how long this modem takes
  const idleMb = residentMb(rig.daemonPid);
  forgetPeak(rig.daemonPid);
  const callers = await rig.connectMany(callersAtOnce);
  const sent = await Promise.all(callers.map((caller) => rig.send(caller)));
  const peakMb = peakResidentMb(rig.daemonPid);
  const waited = sent.map(({ sentAtMs, answeredAtMs }) => answeredAtMs - sentAtMs);
  const refusedMs = sent
    .filter(({ status }) => status === 503)
    .map(({ sentAtMs, answeredAtMs }) => answeredAtMs - sentAtMs);
  return [
    shown('callers answered 200', sent.filter(({ status }) => status === 200).length, ''),
    shown('callers refused (503)', refusedMs.length, ''),
    judged('answered 200 and not accepted by the network', falseSuccesses(rig, sent), '', { exactly: 0 }),
    judged('slowest answer, over the deadline', Math.max(...waited) / deadlineMs, '', { atMost: 1.02 }),
    shown('request → refusal, median', median(refusedMs), 'ms', { atMost: 50 }),
    shown('request → refusal, slowest', Math.max(...refusedMs), 'ms', { atMost: 50 }),
    shown('RSS before', idleMb, 'MB'),
    shown('RSS peak − before', peakMb - idleMb, 'MB', { atMost: 40 }),
  ];
}

function falseSuccesses(rig: Rig, sent: readonly Sent[]): number {
  const accepted = new Set(submitsOf(rig.modem.entriesSince(0)).map(({ recipient }) => recipient));
  return sent.filter(({ status, recipient }) => status === 200 && !accepted.has(recipient)).length;
}
