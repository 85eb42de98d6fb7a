import { setTimeout as pause } from 'node:timers/promises';
import type { Caller } from './caller.js';
import { type Figure, judged, median, quantile, quickest, shown } from './figures.js';
import { BareLoop, BareServer } from './floor.js';
import { limits } from './limits.js';
import { monotonicMs } from './monotonic.js';
import { cpuMs, privateMb, residentMb } from './proc.js';
import { Rig, type Sent, startEach } from './rig.js';
import { atMs, ownTimesMs, type Submit, segmentsPerSecond, submitsOf } from './submits.js';

const idleMs = 30_000;
/** In so many of them what the start left is collected: V8 comes back to it until some 16 s. */
const startMs = 20_000;
const warmUpMessages = 50;
const singleMessages = 300;
/** Between two single messages all daemons sleep and all modems are idle. */
const breathMs = 10;
const restedMessages = 15;
/** So long after a message a modem is told again what a verdict depends on. */
const restMs = 1_100;
/** Surely sooner than that, as the record has it. */
const soonMs = 800;
/**
 * Bursts and floors take turns, in many short rounds. Of rates the best counts, for other load on
 * the machine only ever slows; of CPU time the median.
 */
const rounds = 20;
/** At first all are slow, the floors too. */
const warmUpRounds = 4;
const burstMessages = 100;
const callersInBurst = 8;

/** What the bare loop did, in milliseconds where nothing else is said. */
interface BareLoopFigures {
  /** Round by round. */
  perSecond: number[];
  cpu: number[];
  /** Message by message. */
  gaps: number[];
  toCtrlZ: number[];
}

/** The bare server's. */
interface BareServerFigures {
  /** Request to answer, one request at a time. */
  roundTrips: number[];
  roundTripsRested: number[];
  /** CPU for a request in a burst, round by round. */
  cpu: number[];
  idleMb: number;
  afterMb: number;
}

interface DaemonFigures {
  /** Of the first {@link idleMs}, before any message; CPU of those after {@link startMs}. */
  idle: { commands: number; cpuShare: number; privateMb: number; residentMb: number };
  afterWarmUpMs: number;
  singles: Sent[];
  singlesCpu: number;
  rested: Sent[];
  bursts: { submits: Submit[]; cpu: number }[];
  after: { privateMb: number; residentMb: number };
}

/** A modem that answers at once: what each daemon of `clis` costs a message, beside the floors. */
export async function steady(clis: readonly string[]): Promise<Figure[][]> {
  await using server = await BareServer.start();
  await using bareLoop = await BareLoop.start();
  await using rigs = await startEach(clis, (cli) => Rig.start([], { cli }));
  const idle = await Promise.all(rigs.list.map(idling));
  const serverIdleMb = privateMb(server.pid);
  const callers = await Promise.all(rigs.list.map((rig) => rig.connect()));
  const bareCaller = await server.connect();
  for (let count = 0; count < warmUpMessages; count += 1) await server.ask(bareCaller);
  for (const [index, rig] of rigs.list.entries())
    await rig.deliverMany([callers[index]!], warmUpMessages);
  const afterWarmUpMs = monotonicMs();
  const inTurns = (count: number, breath: number) =>
    inTurnsWith(server, bareCaller, rigs.list, callers, count, breath);
  const singles = await inTurns(singleMessages, breathMs);
  const rested = await inTurns(restedMessages, restMs);
  const { daemons, loop, cpu } = await bursts(server, bareLoop, rigs.list);
  const floors = {
    loop,
    server: {
      roundTrips: singles.roundTrips,
      roundTripsRested: rested.roundTrips,
      cpu,
      idleMb: serverIdleMb,
      afterMb: privateMb(server.pid),
    },
  };
  return rigs.list.map((rig, index) =>
    figuresOf(
      rig,
      {
        idle: idle[index]!,
        afterWarmUpMs,
        singles: singles.sent[index]!,
        singlesCpu: singles.cpu[index]!,
        rested: rested.sent[index]!,
        bursts: daemons[index]!,
        after: { privateMb: privateMb(rig.daemonPid), residentMb: residentMb(rig.daemonPid) },
      },
      floors,
    ),
  );
}

async function idling(rig: Rig): Promise<DaemonFigures['idle']> {
  const fromMs = monotonicMs();
  await pause(startMs);
  const [restFromMs, cpuBeforeMs] = [monotonicMs(), cpuMs(rig.daemonPid)];
  await pause(idleMs - startMs);
  return {
    commands: rig.modem.entriesSince(fromMs).filter(({ kind }) => kind === 'command').length,
    cpuShare: (cpuMs(rig.daemonPid) - cpuBeforeMs) / (monotonicMs() - restFromMs),
    privateMb: privateMb(rig.daemonPid),
    residentMb: residentMb(rig.daemonPid),
  };
}

/** One message at a time, each at an idle modem, from one daemon after the other. */
async function inTurnsWith(
  server: BareServer,
  bareCaller: Caller,
  rigs: readonly Rig[],
  callers: readonly Caller[],
  count: number,
  breath: number,
): Promise<{ roundTrips: number[]; sent: Sent[][]; cpu: number[] }> {
  const roundTrips: number[] = [];
  const sent: Sent[][] = rigs.map(() => []);
  const before = rigs.map(({ daemonPid }) => cpuMs(daemonPid));
  for (let turn = 0; turn < count; turn += 1) {
    for (const [index, rig] of rigs.entries()) {
      await pause(breath);
      sent[index]!.push(await rig.deliver(callers[index]!));
    }
    await pause(breath);
    roundTrips.push(await server.ask(bareCaller));
  }
  const cpu = rigs.map(({ daemonPid }, index) => (cpuMs(daemonPid) - before[index]!) / count);
  return { roundTrips, sent, cpu };
}

/** Bursts at each daemon, the bare loop with the same octets, and the bare server, in turns. */
async function bursts(
  server: BareServer,
  bareLoop: BareLoop,
  rigs: readonly Rig[],
): Promise<{ daemons: DaemonFigures['bursts'][]; loop: BareLoopFigures; cpu: number[] }> {
  const daemons: DaemonFigures['bursts'][] = rigs.map(() => []);
  const loop: BareLoopFigures = { perSecond: [], gaps: [], toCtrlZ: [], cpu: [] };
  const cpu: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, rig] of rigs.entries()) daemons[index]!.push(await burst(rig));
    const bare = await bareLoop.send(daemons[0]!.at(-1)!.submits);
    loop.perSecond.push(segmentsPerSecond(bare.submits));
    loop.gaps.push(...ownTimesMs(bare.submits));
    for (const { commandAtMs, ctrlZAtMs } of bare.submits)
      loop.toCtrlZ.push(ctrlZAtMs - commandAtMs);
    loop.cpu.push(bare.cpuMsPerMessage);
    cpu.push(await requests(server));
  }
  const warm = <T>(values: T[]): T[] => values.slice(warmUpRounds);
  return { daemons: daemons.map(warm), loop: { ...loop, cpu: warm(loop.cpu) }, cpu: warm(cpu) };
}

async function burst(rig: Rig): Promise<DaemonFigures['bursts'][number]> {
  const callers = await rig.connectMany(callersInBurst);
  const fromMs = monotonicMs();
  const cpuBeforeMs = cpuMs(rig.daemonPid);
  await rig.deliverMany(callers, burstMessages);
  const cpu = (cpuMs(rig.daemonPid) - cpuBeforeMs) / burstMessages;
  return { submits: submitsOf(rig.modem.entriesSince(fromMs)), cpu };
}

/** As many requests as a burst has messages; CPU for each in milliseconds. */
async function requests(server: BareServer): Promise<number> {
  const callers = await server.connectMany(callersInBurst);
  const before = cpuMs(server.pid);
  let left = burstMessages;
  const work = callers.map(async (caller) => {
    while (left-- > 0) await server.ask(caller);
  });
  await Promise.all(work);
  return (cpuMs(server.pid) - before) / burstMessages;
}

function figuresOf(
  rig: Rig,
  daemon: DaemonFigures,
  { loop, server }: { loop: BareLoopFigures; server: BareServerFigures },
): Figure[] {
  const roundTrip = quickest(server.roundTrips);
  const octets = toFirstOctet(rig, daemon.singles);
  const octetsRested = toFirstOctet(rig, daemon.rested);
  const ctrlZs = toCtrlZMs(rig, daemon.singles);
  const ctrlZsRested = toCtrlZMs(rig, daemon.rested);
  const cpu = median(daemon.bursts.map((each) => each.cpu));
  const cpuFloor = median(loop.cpu) + median(server.cpu);
  const rate = Math.max(...daemon.bursts.map(({ submits }) => segmentsPerSecond(submits)));
  const bareRate = Math.max(...loop.perSecond);
  const gaps = daemon.bursts.flatMap(({ submits }) => ownTimesMs(submits));
  const { idle, after } = daemon;
  return [
    commandsPerSegment(rig, daemon.afterWarmUpMs),
    judged('AT commands in 30 s of idling (no probe due)', idle.commands, '', { exactly: 0 }),
    judged('CPU while idle', idle.cpuShare * 100, '%', { atMost: 1 }),

    ...times('bare server: request → answer', server.roundTrips),
    ...times('request → first octet at the tty', octets),
    judged(
      'the quickest tenth, over the bare server',
      quickest(octets) / roundTrip,
      '',
      limits.firstOctet,
    ),
    ...times('request → Ctrl-Z', ctrlZs),
    shown('request → Ctrl-Z, p99', quantile(ctrlZs, 0.99), 'ms'),
    shown(
      'the quickest tenth, over both floors',
      quickest(ctrlZs) / (roundTrip + quickest(loop.toCtrlZ)),
      '',
    ),
    ...times('bare server after 1 s: request → answer', server.roundTripsRested),
    ...times('after 1 s: request → first octet at the tty', octetsRested),
    ...times('after 1 s: request → Ctrl-Z', ctrlZsRested),

    shown('bare server: CPU for a request', median(server.cpu), 'ms'),
    shown('bare loop: CPU for a message', median(loop.cpu), 'ms'),
    shown('CPU for a message in a burst', cpu, 'ms'),
    judged('the same, over the sum of both floors', cpu / cpuFloor, '', limits.cpuPerMessage),
    shown('CPU for a message by itself', daemon.singlesCpu, 'ms'),

    shown('bare loop: messages', bareRate, '/s'),
    shown('messages in a burst', rate, '/s'),
    judged('share of the bare loop', rate / bareRate, '', limits.share),
    ...times('bare loop: reply → next Ctrl-Z', loop.gaps),
    ...times('reply → next Ctrl-Z in a burst', gaps),
    judged(
      'the quickest tenth, over the bare loop',
      quickest(gaps) / quickest(loop.gaps),
      '',
      limits.gap,
    ),

    shown('bare server: private memory idle', server.idleMb, 'MB'),
    shown('private memory idle', idle.privateMb, 'MB'),
    judged('the same, over the bare server', idle.privateMb / server.idleMb, '', limits.idleMemory),
    shown('bare server: private memory after the bursts', server.afterMb, 'MB'),
    shown('private memory after the bursts', after.privateMb, 'MB'),
    judged(
      'the same, over the bare server idle',
      after.privateMb / server.idleMb,
      '',
      limits.memory,
    ),
    shown('RSS idle', idle.residentMb, 'MB'),
    shown('RSS after the bursts', after.residentMb, 'MB'),
  ];
}

function times(what: string, ms: readonly number[]): Figure[] {
  return [
    shown(`${what}, median`, median(ms), 'ms'),
    shown('  quickest tenth', quickest(ms), 'ms'),
  ];
}

/**
 * Commands over segments, of those that came less than a second after a reference; after more, what
 * a verdict depends on is set again.
 */
function commandsPerSegment(rig: Rig, fromMs: number): Figure {
  let repliedAtMs = Number.NEGATIVE_INFINITY;
  let [commands, segments] = [0, 0];
  for (const entry of rig.modem.entriesSince(fromMs)) {
    if (entry.kind === 'reply') repliedAtMs = atMs(entry);
    if (entry.kind !== 'command' || atMs(entry) - repliedAtMs > soonMs) continue;
    commands += 1;
    if (entry.line.startsWith('AT+CMGS=')) segments += 1;
  }
  return judged('AT commands per segment in a row', commands / segments, '', { exactly: 1 });
}

/** From each request to the first command line that reached the modem after it. */
export function toFirstOctet(rig: Rig, sent: readonly Sent[]): number[] {
  const commandsAt = rig.modem
    .entriesSince(sent[0]!.sentAtMs)
    .filter(({ kind }) => kind === 'command')
    .map(atMs);
  return sent.map(({ sentAtMs }) => commandsAt.find((at) => at >= sentAtMs)! - sentAtMs);
}

function toCtrlZMs(rig: Rig, sent: readonly Sent[]): number[] {
  const submits = submitsOf(rig.modem.entriesSince(sent[0]!.sentAtMs));
  const ctrlZAt = new Map(submits.map(({ recipient, ctrlZAtMs }) => [recipient, ctrlZAtMs]));
  return sent.map(({ recipient, sentAtMs }) => ctrlZAt.get(recipient)! - sentAtMs);
}
