import { join } from 'node:path';
import type { Logger } from 'winston';
import type { Config } from '../config/config.js';
import { Idempotency } from '../dispatch/idempotency.js';
import { Recorder } from '../dispatch/recorder.js';
import { problems } from '../http/problem.js';
import { type Hmac, openHmacKey } from '../journal/hmac-key.js';
import { type Journal, openJournal } from '../journal/journal.js';
import type { MetricsListener } from '../metrics/listener.js';
import { nearlyFullText } from '../policy/alarm.js';
import { Policy } from '../policy/policy.js';
import { SimCaps } from '../policy/sim-caps.js';
import { memoryMs, Restoration, restore } from './restoration.js';
import type { StateDir } from './state-dir.js';

/** All that counts messages, and outlives a restart by the journal. */
export interface Remembered {
  hmac: Hmac;
  journal: Journal;
  policy: Policy;
  simCaps: SimCaps;
  idempotency: Idempotency;
  recorder: Recorder;
  /** Each call gives a greater number. */
  nextOrder(): number;
  /** The wall clock as the journal has it: milliseconds since 1970 that no unsure leap moves. */
  date(): number;
  /**
   * Settles when what earlier runs knew is known again: perhaps long after the start, or never, see
   * {@link Restoration}.
   */
  whenRestored: Promise<void>;
  isRestored(): boolean;
}

/**
 * Takes all of it up where the last run left it. A journal that cannot be read within 5 s is loud
 * in the log, and nothing is remembered then until it can be.
 */
export async function openRemembered(
  config: Config,
  stateDir: StateDir,
  log: Logger,
  metrics: MetricsListener,
): Promise<Remembered> {
  const startedAt = performance.now();
  const { clock } = stateDir;
  const now = () => clock.stamp();
  const date = () => clock.date();
  const hmac = await openHmacKey(join(stateDir.path, 'hmac.key'));
  const { retentionDays } = config.journal;
  const file = join(stateDir.path, 'journal.db');
  const journal = await openJournal({
    file,
    retentionDays,
    log,
    clock: date,
    isClockSet: () => clock.isSet(),
    onFault: (fault) => metrics.journalFault(fault),
  });
  let orders = 0;
  const nextOrder = () => (orders += 1);
  const policy = new Policy({
    config: config.policy,
    hmac,
    now,
    onHold: ({ kind, key, strikes, until }) =>
      journal.saveHold({ kind, key, strikes, untilMs: until - now() + date() }),
    onRefused: (refusal) => metrics.refused(refusal),
    onNearlyFull: (full) =>
      log.warn(nearlyFullText(full), {
        event: 'limit_nearly_full',
        limit: full.name,
        country: full.country,
      }),
  });
  const simCaps = new SimCaps(now);
  const idempotency = new Idempotency({
    hmac,
    now: () => clock.leastDate(),
    nextOrder,
    isBlind: () => restoration.isBlind(),
  });
  const restoration = new Restoration({
    recent: journal.recent({
      messagesSinceMs: clock.leastDate() - memoryMs.messages,
      simUsesSinceMs: date() - memoryMs.simUses,
    }),
    restore: (recent) => restore(recent, { policy, simCaps, idempotency }, now() - date()),
    startedAt,
    log,
  });
  await restoration.inTime();
  const recorder = new Recorder({
    journal,
    hmac,
    now: date,
    statusOf: ({ code }) => problems[code].status,
  });
  return {
    hmac,
    journal,
    policy,
    simCaps,
    idempotency,
    recorder,
    nextOrder,
    date,
    whenRestored: restoration.whenRestored,
    isRestored: () => restoration.isRestored(),
  };
}
