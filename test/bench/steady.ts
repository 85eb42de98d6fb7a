import { setTimeout as pause } from 'node:timers/promises';
import { BareLoop } from './bare-loop.js';
import { type Figure, judged, median, quantile, shown } from './figures.js';
import { monotonicMs } from './monotonic.js';
import { cpuMs, residentMb } from './proc.js';
import { Rig, type Sent } from './rig.js';
import { atMs, ownTimesMs, type Submit, segmentsPerSecond, submitsOf } from './submits.js';

const warmUpMessages = 50;
const idleMs = 5_000;
const singleMessages = 300;
/** Between two single messages: the daemon has gone to sleep, the modem is idle. */
const breathMs = 10;
/** The burst and the bare loop take turns, and the best of each counts: other load on the machine only ever slows. */
const rounds = 3;
const burstMessages = 1_000;
const callersInBurst = 8;
/** Of the bare loop's rate. On two cores, which caller, daemon and virtual modem share, it is 0.4 and more. */
const leastShare = 0.2;

/** A modem that answers at once: what the daemon itself costs. */
export async function steady(): Promise<Figure[]> {
  await using rig = await Rig.start();
  const [single] = await rig.connect(1);
  if (single === undefined) throw new Error('no connection');
  await rig.deliverMany([single], warmUpMessages);
  const idle = await idling(rig);
  const [again] = await rig.connect(1);
  if (again === undefined) throw new Error('no connection');
  const oneByOne = await singles(rig, again);
  return [...oneByOne, ...(await bursts(rig)), ...idle];
}
