import { setTimeout as pause } from 'node:timers/promises';
import type { Caller } from './caller.js';
import { type Figure, judged, median, quantile, shown } from './figures.js';
import { sendBare } from './floor.js';
import { monotonicMs } from './monotonic.js';
import { cpuMs, residentMb } from './proc.js';
import { ModemProcess } from './processes.js';
import { Rig } from './rig.js';
import { ownTimesMs, type Submit, segmentsPerSecond, submitsOf } from './submits.js';

const warmUpMessages = 50;
const idleMs = 5_000;
const singleMessages = 300;
/** Between two single messages the daemon sleeps and the modem is idle. */
const breathMs = 10;
/**
 * Burst and bare loop take turns and the best of each counts: other load on the machine only ever
 * slows.
 */
const rounds = 3;
const burstMessages = 1_000;
const callersInBurst = 8;
/**
 * Half of the least that was seen (0.17 to 0.5) on two busy cores; the bare loop has no caller to
 * share them with.
 */
const leastShare = 0.085;

/** A modem that answers at once: what the daemon itself costs. */
export async function steady(): Promise<Figure[]> {
  await using rig = await Rig.start();
  const caller = await rig.connect();
  await rig.deliverMany([caller], warmUpMessages);
  const idle = await idling(rig);
  const fromMs = monotonicMs();
  const oneByOne = await singles(rig, caller);
  const inBurst = await bursts(rig);
  return [commandsPerSegment(rig, fromMs), ...oneByOne, ...inBurst, ...idle];
}

async function idling(rig: Rig): Promise<Figure[]> {
  const fromMs = monotonicMs();
  const cpuBeforeMs = cpuMs(rig.daemonPid);
  await pause(idleMs);
  const share = (cpuMs(rig.daemonPid) - cpuBeforeMs) / (monotonicMs() - fromMs);
  const commands = rig.modem.entriesSince(fromMs).filter(({ kind }) => kind === 'command');
  return [
    judged('AT commands in 5 s of idling (no probe due)', commands.length, '', { exactly: 0 }),
    shown('CPU while idle', share * 100, '%', { atMost: 1 }),
    shown('RSS while idle, with the journal', residentMb(rig.daemonPid), 'MB', { atMost: 100 }),
  ];
}

/** One at a time, each at an idle modem. */
async function singles(rig: Rig, caller: Caller): Promise<Figure[]> {
  const fromMs = monotonicMs();
  const sentAt = new Map<string, number>();
  for (let count = 0; count < singleMessages; count += 1) {
    const sent = await rig.deliver(caller);
    sentAt.set(sent.recipient, sent.sentAtMs);
    await pause(breathMs);
  }
  const submits = submitsOf(rig.modem.entriesSince(fromMs));
  const since = (atMs: number, recipient: string) => atMs - (sentAt.get(recipient) ?? Number.NaN);
  const latenciesMs = submits.map(({ ctrlZAtMs, recipient }) => since(ctrlZAtMs, recipient));
  const toCommandMs = submits.map(({ commandAtMs, recipient }) => since(commandAtMs, recipient));
  return [
    shown("request's last octet → Ctrl-Z, median", median(latenciesMs), 'ms', { atMost: 5 }),
    shown("request's last octet → Ctrl-Z, p99", quantile(latenciesMs, 0.99), 'ms', { atMost: 20 }),
    shown('of which until AT+CMGS, median', median(toCommandMs), 'ms'),
  ];
}

interface Round {
  submits: Submit[];
  /** From the first request to the last answer. */
  messagesPerSecond: number;
  cpuMsPerMessage: number;
}

async function bursts(rig: Rig): Promise<Figure[]> {
  await using bareModem = await ModemProcess.start();
  const callers = await rig.connectMany(callersInBurst);
  const own: Round[] = [];
  const bareRates: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const burst = await oneBurst(rig, callers);
    own.push(burst);
    // Twice, for it is a young process: the first half warms it up.
    const bare = await sendBare(bareModem, [...burst.submits, ...burst.submits]);
    bareRates.push(segmentsPerSecond(bare.slice(-burst.submits.length)));
  }
  const ownRate = Math.max(...own.map(({ submits }) => segmentsPerSecond(submits)));
  const bareRate = Math.max(...bareRates);
  const ownMs = own.map(({ submits }) => ownTimesMs(submits));
  const best = (figure: (round: Round) => number) => own.map(figure);
  return [
    shown('modem’s reply → next Ctrl-Z in a burst, median', Math.min(...ownMs.map(median)), 'ms', {
      atMost: 2,
    }),
    shown(
      'modem’s reply → next Ctrl-Z in a burst, p99',
      Math.min(...ownMs.map((ms) => quantile(ms, 0.99))),
      'ms',
    ),
    shown(
      'messages through the whole daemon',
      Math.max(...best((r) => r.messagesPerSecond)),
      '/s',
      {
        atLeast: 300,
      },
    ),
    shown('the same at the modem', ownRate, '/s'),
    shown('bare loop: port held open, one AT+CMGS each', bareRate, '/s'),
    judged('share of the bare loop', ownRate / bareRate, '', { atLeast: leastShare }),
    shown('CPU per message', Math.min(...best((r) => r.cpuMsPerMessage)), 'ms'),
    shown('RSS after the bursts', residentMb(rig.daemonPid), 'MB'),
  ];
}

async function oneBurst(rig: Rig, callers: readonly Caller[]): Promise<Round> {
  const fromMs = monotonicMs();
  const cpuBeforeMs = cpuMs(rig.daemonPid);
  await rig.deliverMany(callers, burstMessages);
  const tookMs = monotonicMs() - fromMs;
  return {
    submits: submitsOf(rig.modem.entriesSince(fromMs)),
    messagesPerSecond: (burstMessages * 1000) / tookMs,
    cpuMsPerMessage: (cpuMs(rig.daemonPid) - cpuBeforeMs) / burstMessages,
  };
}

/** Every command that the modem was given, over every segment that went out. */
function commandsPerSegment(rig: Rig, fromMs: number): Figure {
  const entries = rig.modem.entriesSince(fromMs);
  const commands = entries.filter(({ kind }) => kind === 'command').length;
  const segments = entries.filter(({ kind }) => kind === 'accepted').length;
  return judged('AT commands per segment', commands / segments, '', { exactly: 1 });
}
