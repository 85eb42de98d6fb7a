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
const burstMessages = 200;
/** Milliseconds for the last reports. */
const settleMs = 2_000;

/**
 * A daemon whose messages are all reported on, beside one that asks for no report: the way of a
 * message is the same.
 */
export async function deliveryReports(): Promise<Figure[]> {
  await using plain = await Rig.start();
  await using reported = await Rig.start(
    ['--status-reports', '--status-report-delay', '5', '--report-habits', 'statuses=30-00'],
    { settings: 'status_report = true' },
  );
  const rigs = [plain, reported];
  for (const rig of rigs) await rig.deliverMany([await rig.connect()], warmUpMessages);
  const before = rigs.map(({ daemonPid }) => cpuMs(daemonPid));
  const sent = await singles(rigs);
  const cpu = rigs.map(({ daemonPid }, index) => cpuMs(daemonPid) - before[index]!);
  const octets = rigs.map((rig, index) => toFirstOctet(rig, sent[index]!));
  const [octetPlain, octetReported] = octets.map(quickest);
  const [gapPlain, gapReported] = await gaps(rigs);
  await pause(settleMs);
  const all = warmUpMessages + singleMessages + burstMessages;
  return [
    shown('no reports: request → first octet, quickest tenth', octetPlain!, 'ms'),
    shown('two reports on each: the same', octetReported!, 'ms'),
    judged('with reports over without', octetReported! / octetPlain!, '', limits.reportedOctet),
    shown('no reports: own time between two messages of a burst, median', gapPlain!, 'ms'),
    shown('two reports on each: the same', gapReported!, 'ms'),
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

/** The daemon's own time between the result of a message and the next, with reports between. */
async function gaps(rigs: readonly Rig[]): Promise<number[]> {
  const found: number[] = [];
  for (const rig of rigs) {
    const connections = await Promise.all(Array.from({ length: 4 }, () => rig.connect()));
    const many = await rig.deliverMany(connections, burstMessages);
    const submits = submitsOf(rig.modem.entriesSince(many[0]!.sentAtMs));
    found.push(median(ownTimesMs(submits)));
  }
  return found;
}

/** How many messages the daemon has told of as delivered. */
async function told({ adminPort }: Rig): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const counts = [...metrics.matchAll(/^simgate_deliveries_total\{[^}]*delivered[^}]*\} (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}
