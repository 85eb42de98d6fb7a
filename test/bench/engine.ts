import { setTimeout as pause } from 'node:timers/promises';
import { EngineProcess } from '../system/engine.js';
import { type Figure, judged, median, quickest, shown } from './figures.js';
import { limits } from './limits.js';
import { cpuMs } from './proc.js';
import { Rig, type Sent } from './rig.js';
import { toFirstOctet } from './steady.js';
import { submitsOf } from './submits.js';

const warmUpMessages = 50;
const singleMessages = 200;
/** Between two single messages both daemons sleep and both modems are idle. */
const breathMs = 10;
const rounds = 16;
const warmUpRounds = 4;
const burstMessages = 100;
const connections = 8;

/**
 * A daemon that asks a Redis before each message, beside one that is alone; each message has a key,
 * as callers of several boxes need one. The engine is on this machine: what a network adds is its
 * own round trip. Needs redis-server.
 */
export async function engine(): Promise<Figure[]> {
  const redis = await EngineProcess.start();
  try {
    await using alone = await Rig.start([], { isKeyed: true });
    await using sharing = await Rig.start([], { isKeyed: true, enginePort: redis.enginePort });
    const rigs = [alone, sharing];
    for (const rig of rigs) await rig.deliverMany([await rig.connect()], warmUpMessages);
    const sent = await singles(rigs);
    const [octetAlone, octetSharing] = rigs.map((rig, index) =>
      quickest(toFirstOctet(rig, sent[index]!)),
    );
    const [ctrlZAlone, ctrlZSharing] = rigs.map((rig, index) => median(toCtrlZ(rig, sent[index]!)));
    const [cpuAlone, cpuSharing] = (await bursts(rigs)).map(median);
    const asked = Number(await redis.ask('ZCARD', 'simgate:w:l:total:'));
    return [
      shown('alone: request → Ctrl-Z, median', ctrlZAlone!, 'ms'),
      shown('sharing an engine: the same', ctrlZSharing!, 'ms'),
      judged('sharing over alone', ctrlZSharing! / ctrlZAlone!, '', limits.engine),
      shown('alone: request → first octet, quickest tenth', octetAlone!, 'ms'),
      shown('sharing an engine: the same, with its round trip', octetSharing!, 'ms'),
      shown('alone: CPU for a message in a burst', cpuAlone!, 'ms'),
      shown('sharing an engine: the same', cpuSharing!, 'ms'),
      judged('sharing over alone', cpuSharing! / cpuAlone!, '', limits.engine),
      judged('messages that the engine knows, of those sent', asked / sentByEach, '', {
        atLeast: 1,
      }),
    ];
  } finally {
    await redis.stop();
  }
}

const sentByEach = warmUpMessages + singleMessages + rounds * burstMessages;

/** One message at a time, each at an idle modem. */
async function singles(rigs: readonly Rig[]): Promise<Sent[][]> {
  const connected = await Promise.all(rigs.map((rig) => rig.connect()));
  const sent: Sent[][] = rigs.map(() => []);
  for (let turn = 0; turn < singleMessages; turn += 1)
    for (const [index, rig] of rigs.entries()) {
      await pause(breathMs);
      sent[index]!.push(await rig.deliver(connected[index]!));
    }
  return sent;
}

function toCtrlZ(rig: Rig, sent: readonly Sent[]): number[] {
  const sentAt = new Map(sent.map(({ recipient, sentAtMs }) => [recipient, sentAtMs]));
  return submitsOf(rig.modem.entriesSince(sent[0]!.sentAtMs)).map(
    ({ ctrlZAtMs, recipient }) => ctrlZAtMs - (sentAt.get(recipient) ?? Number.NaN),
  );
}

/** Of each rig the CPU for a message, round by round. */
async function bursts(rigs: readonly Rig[]): Promise<number[][]> {
  const cpu: number[][] = rigs.map(() => []);
  for (let round = 0; round < rounds; round += 1)
    for (const [index, rig] of rigs.entries()) {
      const connected = await rig.connectMany(connections);
      const before = cpuMs(rig.daemonPid);
      await rig.deliverMany(connected, burstMessages);
      cpu[index]!.push((cpuMs(rig.daemonPid) - before) / burstMessages);
    }
  return cpu.map((each) => each.slice(warmUpRounds));
}
