import { Rig } from './rig.js';
import { submitsOf, ownTimesMs, segmentsPerSecond } from './submits.js';
import { monotonicMs } from './monotonic.js';
import { cpuMs, residentMb, peakResidentMb } from './proc.js';
import { setTimeout as pause } from 'node:timers/promises';
const q = (a: number[], p: number) => a.sort((x,y)=>x-y)[Math.min(a.length-1, Math.floor(a.length*p))];
await using rig = await Rig.start();
console.log('idle rss', residentMb(rig.daemonPid), peakResidentMb(rig.daemonPid));
const callers = await rig.connect(8);
await rig.deliverMany(callers.slice(0,1), 100);
let t0 = monotonicMs();
const lat: number[] = [];
const sent = [];
for (let i=0;i<200;i++){ sent.push(await rig.deliver(callers[0]!)); await pause(10); }
const by = new Map(submitsOf(rig.modem.entriesSince(t0)).map(s=>[s.recipient,s]));
for (const s of sent) lat.push(by.get(s.recipient)!.ctrlZAtMs - s.sentAtMs);
console.log('latency med', q(lat,.5), 'p99', q(lat,.99), 'min', lat[0]);
for (const n of [1,4,8,8,8]) {
  const c = cpuMs(rig.daemonPid);
  t0 = monotonicMs();
  await rig.deliverMany(callers.slice(0,n), 1000);
  const wall = monotonicMs()-t0;
  const subs = submitsOf(rig.modem.entriesSince(t0));
  const own = ownTimesMs(subs);
  console.log(n, 'msg/s', 1000*1000/wall, 'rec', segmentsPerSecond(subs), 'own med', q(own,.5), 'p99', q(own,.99), 'cpu/msg', (cpuMs(rig.daemonPid)-c)/1000, 'rss', residentMb(rig.daemonPid));
}
