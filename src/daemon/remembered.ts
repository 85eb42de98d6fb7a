/**
 * What the daemon knew before it was started anew (limits, caps, Idempotency-Keys), taken up from
 * the journal: when that may be ({@link Restoration}), and how ({@link takeUp}).
 */

import { join } from 'node:path';
import type { Logger } from 'winston';
import type { Config } from '../config/config.js';
import type { Deliveries } from '../delivery/reports.js';
import { Idempotency, type RememberedRequest } from '../dispatch/idempotency.js';
import { outcomeOf } from '../dispatch/recorded.js';
import { Recorder } from '../dispatch/recorder.js';
import { neverCost } from '../dispatch/refusals.js';
import { longestKeptMs } from '../dispatch/request-keys.js';
import { problems } from '../http/problem.js';
import type {
  CountedSim,
  HourlyUse,
  Recent,
  RecentMessage,
  SavedHold,
} from '../journal/entries.js';
import { type Hmac, openHmacKey, openSharedKey } from '../journal/hmac-key.js';
import { type Journal, openJournal } from '../journal/journal.js';
import type { MetricsListener } from '../metrics/listener.js';
import { nearlyFullText } from '../policy/alarm.js';
import { type Hold, holdKinds } from '../policy/holds.js';
import { Policy, type PolicyOptions } from '../policy/policy.js';
import { capMonthMs, SimCaps } from '../policy/sim-caps.js';
import { callerRules } from './clients.js';
import { openDeliveries } from './over-the-air.js';
import type { StateDir } from './state-dir.js';

/** All that counts messages, and outlives a restart by the journal. */
export interface Remembered {
  hmac: Hmac;
  journal: Journal;
  policy: Policy;
  simCaps: SimCaps;
  /** What of it alerts have used. */
  alertCaps: SimCaps;
  idempotency: Idempotency;
  recorder: Recorder;
  deliveries: Deliveries;
  /** Each call gives a greater number. */
  nextOrder(): number;
  /** The wall clock as the journal has it: milliseconds since 1970 that no unsure leap moves. */
  date(): number;
  /** What the journal knows of the last day, and of the SIMs in the last 30. */
  recent(which: { ofThisRunToo: boolean }): Promise<Recent>;
  /**
   * Settles when what earlier runs knew is known again. That may be long after the start, or never:
   * see {@link Restoration}.
   */
  whenRestored: Promise<void>;
  isRestored(): boolean;
}

/**
 * Takes all of it up where the last run left it. When the journal cannot be read within 5 s, the
 * log says so as an error, and nothing is remembered until it can be read.
 */
export async function openRemembered(
  config: Config,
  stateDir: StateDir,
  log: Logger,
  metrics: MetricsListener,
  told: Pick<PolicyOptions, 'onStalled' | 'onUnlocked'> = {},
): Promise<Remembered> {
  const startedAt = performance.now();
  const { clock } = stateDir;
  const now = () => clock.stamp();
  const date = () => clock.date();
  const hmac = await (config.shared === undefined
    ? openHmacKey(join(stateDir.path, 'hmac.key'))
    : openSharedKey(config.shared.keyFile));
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
  const rules = callerRules(config);
  const policy = new Policy({
    config: config.policy,
    callers: rules,
    hmac,
    isShared: config.shared !== undefined,
    now,
    onHold: ({ kind, key, strikes, until }) =>
      journal.saveHold({ kind, key, strikes, untilMs: until - now() + date() }),
    onRefused: (refusal) => metrics.refused(refusal),
    ...told,
    onUnlocked(unlocked) {
      const { recipientHmac: key } = unlocked;
      journal.saveHold({ kind: unlockedKind, key, strikes: 1, untilMs: date() });
      told.onUnlocked?.(unlocked);
    },
    onNearlyFull: (full) =>
      log.warn(nearlyFullText(full), {
        event: 'limit_nearly_full',
        limit: full.name,
        country: full.country,
      }),
  });
  const simCaps = new SimCaps(now);
  const alertCaps = new SimCaps(now);
  const idempotency = new Idempotency({
    hmac,
    now: () => clock.leastDate(),
    nextOrder,
    isBlind: () => restoration.isBlind(),
  });
  const recent: Remembered['recent'] = async (which) =>
    withForgiven(
      await journal.recent({
        ...which,
        isAlert: (caller) => rules.get(caller)?.isAlert === true,
        messagesSinceMs: clock.leastDate() - memoryMs.messages,
        simUsesSinceMs: date() - memoryMs.simUses,
      }),
    );
  const restoration = new Restoration({
    recent: recent({ ofThisRunToo: false }),
    takeUp: (recent) => takeUp(recent, { policy, simCaps, alertCaps, idempotency }, now() - date()),
    startedAt,
    log,
  });
  await restoration.inTime();
  const deliveries = openDeliveries({ journal, hmac, date, listener: metrics, log });
  const recorder = new Recorder({
    journal,
    hmac,
    now: date,
    statusOf: ({ code }) => problems[code].status,
    onSegment: (segment) => deliveries.segment(segment),
  });
  return {
    hmac,
    journal,
    policy,
    simCaps,
    alertCaps,
    idempotency,
    recorder,
    deliveries,
    nextOrder,
    date,
    recent,
    whenRestored: restoration.whenRestored,
    isRestored: () => restoration.isRestored(),
  };
}

export interface RestorationOptions {
  /** Settles when the journal could be read; perhaps never. */
  recent: Promise<Recent>;
  takeUp: (recent: Recent) => void;
  /** `performance.now()` of the start. */
  startedAt: number;
  log: Logger;
}

/**
 * Milliseconds after the start within which the journal has to be open and read; what comes later
 * is taken up when it comes.
 */
const inTimeMs = 5_000;
/**
 * Milliseconds after the start during which an unknown Idempotency-Key is refused. To refuse for
 * longer would be worse than a code that comes twice.
 */
const blindMs = 60_000;

/**
 * Waits for the journal for a bounded time: a slow or broken disk must not stop logins. Until the
 * journal was read, the limits, caps and keys of earlier runs are not known. {@link isBlind} tells
 * for how long a repeat must not be taken for a new message.
 */
export class Restoration {
  /** Settles when all is known again. It may never. */
  readonly whenRestored: Promise<void>;
  readonly #startedAt: number;
  readonly #log: Logger;
  #isRestored = false;
  #isLate = false;
  #timer: NodeJS.Timeout | undefined;

  constructor({ recent, takeUp, startedAt, log }: RestorationOptions) {
    this.#startedAt = startedAt;
    this.#log = log;
    this.whenRestored = recent.then((known) => {
      takeUp(known);
      this.#done();
    });
  }

  isRestored(): boolean {
    return this.#isRestored;
  }

  /** True while what earlier runs sent is not known, for a minute after the start at most. */
  isBlind(): boolean {
    return !this.#isRestored && this.#sinceStartMs() < blindMs;
  }

  /**
   * Settles when all is known again, or when it is time to begin without; rejects for a bug only.
   */
  async inTime(): Promise<void> {
    const late = new Promise<void>((resolve) => {
      this.#timer = setTimeout(resolve, Math.max(0, inTimeMs - this.#sinceStartMs()));
    });
    await Promise.race([this.whenRestored, late]);
    clearTimeout(this.#timer);
    if (this.#isRestored) return;
    this.#isLate = true;
    this.#tellLate();
    this.#timer = setTimeout(
      () => this.#tellGivenUp(),
      Math.max(0, blindMs - this.#sinceStartMs()),
    );
    this.#timer.unref();
  }

  #sinceStartMs(): number {
    return performance.now() - this.#startedAt;
  }

  #done(): void {
    this.#isRestored = true;
    if (!this.#isLate) return;
    clearTimeout(this.#timer);
    const after = `the journal could be read ${Math.round(this.#sinceStartMs() / 1000)} s after the start`;
    this.#log.info(`${after}: limits, caps and keys of before are known again`, {
      event: 'journal',
    });
  }

  #tellLate(): void {
    this.#log.error(
      `the journal could not be read within ${inTimeMs / 1000} s: messages go on, but limits, caps and Idempotency-Keys of before the ` +
        `start are not known yet. Until they are, and for ${blindMs / 1000} s after the start at most, a request with an Idempotency-Key, or of a caller with repeats_s, is answered 503`,
      { event: 'journal' },
    );
  }

  #tellGivenUp(): void {
    this.#log.error(
      'the journal can still not be read: all requests are served again, and a repeat of one from before the start is ' +
        'sent a second time',
      { event: 'journal' },
    );
  }
}

/** Among the holds in the journal: that a recipient was unlocked, and when. No hold of a policy. */
const unlockedKind = 'unlocked';

/** What went to a recipient before it was unlocked is told from what went to it since. */
function withForgiven({ messages, holds, ...recent }: Recent): Recent {
  const unlockedAt = new Map(
    holds.flatMap(({ kind, key, untilMs }): [string, number][] =>
      kind === unlockedKind ? [[key, untilMs]] : [],
    ),
  );
  if (unlockedAt.size === 0) return { ...recent, messages, holds };
  const isForgiven = ({ recipientHmac, atMs }: RecentMessage) =>
    atMs <= (unlockedAt.get(recipientHmac) ?? Number.NEGATIVE_INFINITY);
  const marked = messages.map((message) =>
    isForgiven(message) ? { ...message, isForgiven: true } : message,
  );
  return { ...recent, messages: marked, holds };
}

/** How far back {@link takeUp} needs to know, in milliseconds. */
const memoryMs = { messages: longestKeptMs, simUses: capMonthMs } as const;

/** What remembers messages. */
export interface Memories {
  policy: Policy;
  simCaps: SimCaps;
  /** What of it alerts have used. */
  alertCaps: SimCaps;
  idempotency: Idempotency;
}

/**
 * Takes up limits, caps and keys where earlier runs left them; what this run has counted meanwhile
 * counts beside it. To be called once.
 * @param aheadMs how far the stamps by which limits and caps count are ahead of the journal's dates
 */
export function takeUp(
  { messages, simUses, holds }: Recent,
  { policy, simCaps, alertCaps, idempotency }: Memories,
  aheadMs: number,
): void {
  // As dispatch counts while it runs.
  const counted = messages.filter(
    ({ wasStarted, outcome }) => wasStarted && (outcome === undefined || !neverCost(outcome)),
  );
  policy.restore(
    counted.map((message) => ({ ...message, at: message.atMs + aheadMs })),
    holds.flatMap(toHold).map((hold) => ({ ...hold, until: hold.until + aheadMs })),
  );
  for (const { sim, ofAlerts, ...use } of simUses) {
    simCaps.restore(nameOf(sim), later(use, aheadMs));
    alertCaps.restore(nameOf(sim), later(ofAlerts, aheadMs));
  }
  idempotency.restore(messages.flatMap(toRememberedRequest).reverse());
}

function later({ hours, recipients }: HourlyUse, byMs: number): HourlyUse {
  const moved = <Key>(map: Map<Key, number>, move: (entry: [Key, number]) => [Key, number]) =>
    byMs === 0 ? map : new Map([...map].map(move));
  return {
    hours: moved(hours, ([beganAt, segments]) => [beganAt + byMs, segments]),
    recipients: moved(recipients, ([hmac, beganAt]) => [hmac, beganAt + byMs]),
  };
}

/** As `simKey` names it. */
function nameOf(sim: CountedSim): string {
  return 'simHmac' in sim ? sim.simHmac : `modem:${sim.modem}`;
}

function toHold({ kind, key, strikes, untilMs }: SavedHold): Hold[] {
  const known = holdKinds.find((one) => one === kind);
  return known === undefined ? [] : [{ kind: known, key, strikes, until: untilMs }];
}

function toRememberedRequest(message: RecentMessage): RememberedRequest[] {
  const { keyHmac, requestHmac, keyForMs = longestKeptMs, atMs: at } = message;
  if (keyHmac === undefined || requestHmac === undefined) return [];
  return [{ keyHmac, requestHmac, keyForMs, at, outcome: outcomeOf(message) }];
}
