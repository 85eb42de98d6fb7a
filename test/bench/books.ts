import { setTimeout as pause } from 'node:timers/promises';
import type { Caller } from './caller.js';
import { type Figure, judged, median, shown } from './figures.js';
import { limitChecks } from './limit-check.js';
import { residentMb } from './proc.js';
import { Rig, type Sent } from './rig.js';
import { submitsOf } from './submits.js';

const warmUpMessages = 40;
const messages = 250;
/** Between two messages all daemons sleep and all modems are idle. */
const breathMs = 5;
/** Well above what was seen on two busy cores: 1.17 and 0.98. */
const most = { journal: 2, limits: 1.5 } as const;

/** Every kind of limit, more than this case sends. */
const limits = `[policy]
countries = ["DE"]
per_recipient = ["5 in 10 min", "20 in 24 h"]
per_block = ["10000 in 10 min", "20000 in 6 h"]
per_client_ip = ["10000 in 10 min", "20000 in 6 h"]
per_country = ["10000 in 1 h", "20000 in 24 h"]
per_caller = ["10000 in 1 h", "20000 in 24 h"]
total = ["10000 in 1 h", "20000 in 24 h"]
`;

/**
 * Request → Ctrl-Z with the journal and without it, and with limits and without: three daemons that take turns message by message, so
 * that other load meets all alike. The one without a journal is the same program, which finds a folder where the file should be, says so,
 * and goes on.
 */
export async function books(): Promise<Figure[]> {
  await using usual = await Rig.start();
  await using unwritten = await Rig.start([], { hasJournal: false });
  await using limited = await Rig.start([], { policy: limits });
  const rigs = [usual, unwritten, limited];
  const callers = await Promise.all(rigs.map((rig) => rig.connect()));
  const idleMb = residentMb(usual.daemonPid);
  const sent: Sent[][] = rigs.map(() => []);
  await inTurns(rigs, callers, warmUpMessages, () => undefined);
  await inTurns(rigs, callers, messages, (one, index) => sent[index]!.push(one));
  const [withJournal, without, withLimits] = rigs.map((rig, index) => median(latenciesMs(rig, sent[index]!)));
  return [
    shown('request → Ctrl-Z with the journal, median', withJournal!, 'ms'),
    shown('request → Ctrl-Z without it, median', without!, 'ms'),
    judged('with the journal, over without', withJournal! / without!, '', { atMost: most.journal }),
    shown('request → Ctrl-Z with journal and limits, median', withLimits!, 'ms'),
    judged('with limits, over without', withLimits! / withJournal!, '', { atMost: most.limits }),
    shown('RSS before the first message, with the journal', idleMb, 'MB', { atMost: 100 }),
    ...limitChecks(),
  ];
}

async function inTurns(
  rigs: readonly Rig[],
  callers: readonly Caller[],
  count: number,
  take: (sent: Sent, rig: number) => void,
): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    for (const [index, rig] of rigs.entries()) {
      take(await rig.deliver(callers[index]!), index);
      await pause(breathMs);
    }
  }
}

function latenciesMs(rig: Rig, sent: readonly Sent[]): number[] {
  const sentAt = new Map(sent.map(({ recipient, sentAtMs }) => [recipient, sentAtMs]));
  return submitsOf(rig.modem.entriesSince(sent[0]!.sentAtMs)).map(
    ({ ctrlZAtMs, recipient }) => ctrlZAtMs - (sentAt.get(recipient) ?? Number.NaN),
  );
}
