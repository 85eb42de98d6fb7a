import { setTimeout as pause } from 'node:timers/promises';
import { type Figure, judged, median, quickest, shown } from './figures.js';
import { limits } from './limits.js';
import { cpuMs } from './proc.js';
import { Rig, type Sent } from './rig.js';
import { toFirstOctet } from './steady.js';
import { ownTimesMs, submitsOf } from './submits.js';

const warmUpMessages = 50;
const singleMessages = 250;
/** Longer than the network's reports take, which come while nothing is sent. */
const breathMs = 15;
const bursts = 10;
const messagesInBurst = 30;
/** Milliseconds that the network takes for a message; the reports come meanwhile, as they do. */
const submitMs = 20;
/** Milliseconds for the last reports. */
const settleMs = 2_000;

/**
 * A daemon whose messages are all reported on, beside one that asks for no report: the way of a
 * message is the same.
 */
export async function deliveryReports(): Promise<Figure[]> {
  const usual = ['--submit-latency', String(submitMs)];
  const reports = '--status-reports --status-report-delay 5 --report-habits statuses=30-00'.split(
    ' ',
  );
  await using plain = await Rig.start(usual);
  await using reported = await Rig.start([...usual, ...reports], {
    settings: 'status_report = true',
  });
  const rigs = [plain, reported];
  for (const rig of rigs) await rig.deliverMany([await rig.connect()], warmUpMessages);
  const before = rigs.map(({ daemonPid }) => cpuMs(daemonPid));
  const sent = await singles(rigs);
  const cpu = rigs.map(({ daemonPid }, index) => cpuMs(daemonPid) - before[index]!);
  const octets = rigs.map((rig, index) => toFirstOctet(rig, sent[index]!));
  const [octetPlain, octetReported] = octets.map(quickest);
  const [gapPlain, gapReported] = await gaps(rigs);
  await pause(settleMs);
  const all = warmUpMessages + singleMessages + bursts * messagesInBurst;
  return [
    shown('no reports: request → first octet, quickest tenth', octetPlain!, 'ms'),
    shown('two reports on each: the same', octetReported!, 'ms'),
    judged('with reports over without', octetReported! / octetPlain!, '', limits.reportedOctet),
    shown('no reports: own time between two messages of a burst, median', gapPlain!, 'ms'),
    shown('two reports on each: the same', gapReported!, 'ms'),
    judged('with reports over without', gapReported! / gapPlain!, '', limits.reportedGap),
    shown('no reports: CPU for a message', cpu[0]! / singleMessages, 'ms'),
    shown('two reports on each: the same, with these', cpu[1]! / singleMessages, 'ms'),
    judged('messages told as delivered, of those sent', (await told(reported)) / all, '', {
      atLeast: 1,
    }),
  ];
}

/** One message at a time, each at an idle modem, in turns. */
async function singles(rigs: readonly Rig[]): Promise<Sent[][]> {
  const connected = await Promise.all(rigs.map((rig) => rig.connect()));
  const sent: Sent[][] = rigs.map(() => []);
  for (let turn = 0; turn < singleMessages; turn += 1) {
    for (const [index, rig] of rigs.entries()) {
      await pause(breathMs);
      sent[index]!.push(await rig.deliver(connected[index]!));
    }
  }
  return sent;
}

/**
 * The daemon's own time between the result of a message and the next, with reports between. Of
 * bursts that take turns the median of the quietest one.
 */
async function gaps(rigs: readonly Rig[]): Promise<number[]> {
  const connected = await Promise.all(
    rigs.map((rig) => Promise.all(Array.from({ length: 4 }, () => rig.connect()))),
  );
  const medians: number[][] = rigs.map(() => []);
  for (let turn = 0; turn < bursts; turn += 1) {
    for (const [index, rig] of rigs.entries()) {
      const many = await rig.deliverMany(connected[index]!, messagesInBurst);
      const submits = submitsOf(rig.modem.entriesSince(many[0]!.sentAtMs));
      medians[index]!.push(median(ownTimesMs(submits)));
    }
  }
  return medians.map((each) => Math.min(...each));
}

/** How many messages the daemon has told of as delivered. */
async function told({ adminPort }: Rig): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const counts = [...metrics.matchAll(/^simgate_deliveries_total\{[^}]*delivered[^}]*\} (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}
