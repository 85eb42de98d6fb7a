import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Caller } from './caller.js';
import { type Figure, judged, median, shown } from './figures.js';
import { limitChecks } from './limit-check.js';
import { monotonicMs } from './monotonic.js';
import { residentMb } from './proc.js';
import { Rig, type Sent } from './rig.js';
import { submitsOf } from './submits.js';

const warmUpMessages = 40;
const messages = 250;
/** Between two messages all daemons sleep and all modems are idle. */
const breathMs = 5;
/** Well above what was seen on two busy cores. */
const most = { journal: 2, limits: 1.5, flushes: 4 } as const;
/** About what the start of one message adds to the WAL. */
const rowOctets = 40_960;

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
 * Request → Ctrl-Z with the journal and without it, with limits and without, and with a key, whose
 * start has to be on the disk: daemons that take turns message by message, so that other load meets
 * all alike. What a key costs is held against one flush of as much by us. The one without a journal
 * is the same program, which finds a folder where the file should be, says so, and goes on.
 */
export async function limitsAndJournal(): Promise<Figure[]> {
  await using usual = await Rig.start();
  await using unwritten = await Rig.start([], { hasJournal: false });
  await using limited = await Rig.start([], { policy: limits });
  await using keyed = await Rig.start([], { isKeyed: true });
  const rigs = [usual, unwritten, limited, keyed];
  const flushesMs: number[] = [];
  const callers = await Promise.all(rigs.map((rig) => rig.connect()));
  const idleMb = residentMb(usual.daemonPid);
  const sent: Sent[][] = rigs.map(() => []);
  await inTurns(rigs, callers, warmUpMessages, () => undefined);
  await using floor = await open(join(usual.modem.folder, 'floor'), 'w');
  await inTurns(rigs, callers, messages, async (one, index) => {
    sent[index]!.push(one);
    if (index === 0) flushesMs.push(await flushMs(floor));
  });
  const [withJournal, without, withLimits, withKey] = rigs.map((rig, index) =>
    median(latenciesMs(rig, sent[index]!)),
  );
  return [
    shown('request → Ctrl-Z with the journal, median', withJournal!, 'ms'),
    shown('request → Ctrl-Z without it, median', without!, 'ms'),
    judged('with the journal, over without', withJournal! / without!, '', { atMost: most.journal }),
    shown('request → Ctrl-Z with journal and limits, median', withLimits!, 'ms'),
    judged('with limits, over without', withLimits! / withJournal!, '', { atMost: most.limits }),
    shown('request → Ctrl-Z with an Idempotency-Key, median', withKey!, 'ms'),
    shown('with a key, over without one', withKey! / withJournal!, ''),
    shown('one flush of as much, by us, median', median(flushesMs), 'ms'),
    judged('what a key adds, in flushes', (withKey! - withJournal!) / median(flushesMs), '', {
      atMost: most.flushes,
    }),
    shown('RSS before the first message, with the journal', idleMb, 'MB', { atMost: 100 }),
    ...limitChecks(),
  ];
}

async function inTurns(
  rigs: readonly Rig[],
  callers: readonly Caller[],
  count: number,
  take: (sent: Sent, rig: number) => void | Promise<void>,
): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    for (const [index, rig] of rigs.entries()) {
      await take(await rig.deliver(callers[index]!), index);
      await pause(breathMs);
    }
  }
}

/** Milliseconds that the disk takes for one flush. */
async function flushMs(file: FileHandle): Promise<number> {
  await file.write(Buffer.alloc(rowOctets, 1));
  const fromMs = monotonicMs();
  await file.datasync();
  return monotonicMs() - fromMs;
}

function latenciesMs(rig: Rig, sent: readonly Sent[]): number[] {
  const sentAt = new Map(sent.map(({ recipient, sentAtMs }) => [recipient, sentAtMs]));
  return submitsOf(rig.modem.entriesSince(sent[0]!.sentAtMs)).map(
    ({ ctrlZAtMs, recipient }) => ctrlZAtMs - (sentAt.get(recipient) ?? Number.NaN),
  );
}
