import { setTimeout as pause } from 'node:timers/promises';
import { type Figure, judged, median, quickest, shown } from './figures.js';
import { limits } from './limits.js';
import { cpuMs } from './proc.js';
import { Rig, type Sent } from './rig.js';
import { toFirstOctet } from './steady.js';

const callers = 10;
const warmUpMessages = 50;
const singleMessages = 200;
/** Between two single messages both daemons sleep and both modems are idle. */
const breathMs = 10;
/** Of bursts in turns the median counts; the first are warm-up. */
const rounds = 20;
const warmUpRounds = 4;
const burstMessages = 100;
const connections = 8;

/**
 * A daemon with ten callers at one path, which ask in turns, beside one with a single caller. All
 * are of the kind `auth0`, the dearest to tell apart: each one's token has to be verified.
 */
export async function tenCallers(): Promise<Figure[]> {
  await using one = await Rig.start();
  await using ten = await Rig.start([], { callers });
  const rigs = [one, ten];
  for (const rig of rigs) await rig.deliverMany([await rig.connect()], warmUpMessages);
  const octetsMs = await singles(rigs);
  const cpu = await bursts(rigs);
  const [octetOfOne, octetOfTen] = octetsMs.map(quickest);
  const [cpuOfOne, cpuOfTen] = cpu.map(median);
  return [
    shown('one caller: request → first octet, quickest tenth', octetOfOne!, 'ms'),
    shown('ten callers: the same', octetOfTen!, 'ms'),
    judged('ten over one', octetOfTen! / octetOfOne!, '', limits.tenCallers),
    shown('one caller: CPU for a message in a burst', cpuOfOne!, 'ms'),
    shown('ten callers: the same', cpuOfTen!, 'ms'),
    judged('ten over one', cpuOfTen! / cpuOfOne!, '', limits.tenCallers),
  ];
}

/** One message at a time, each at an idle modem. */
async function singles(rigs: readonly Rig[]): Promise<number[][]> {
  const connected = await Promise.all(rigs.map((rig) => rig.connect()));
  const sent: Sent[][] = rigs.map(() => []);
  for (let turn = 0; turn < singleMessages; turn += 1) {
    for (const [index, rig] of rigs.entries()) {
      await pause(breathMs);
      sent[index]!.push(await rig.deliver(connected[index]!));
    }
  }
  return rigs.map((rig, index) => toFirstOctet(rig, sent[index]!));
}

/** Of each rig the CPU for a message, round by round. */
async function bursts(rigs: readonly Rig[]): Promise<number[][]> {
  const cpu: number[][] = rigs.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, rig] of rigs.entries()) {
      const connected = await rig.connectMany(connections);
      const before = cpuMs(rig.daemonPid);
      await rig.deliverMany(connected, burstMessages);
      cpu[index]!.push((cpuMs(rig.daemonPid) - before) / burstMessages);
    }
  }
  return cpu.map((each) => each.slice(warmUpRounds));
}
