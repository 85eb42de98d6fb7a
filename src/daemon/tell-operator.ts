/** The alerts of a running daemon: what they look at, and how they send an SMS. */

import { randomUUID } from 'node:crypto';
import type { Logger } from 'winston';
import type { Observation } from '../alerts/conditions.js';
import { Alerts } from '../alerts/watch.js';
import { simKey } from '../dispatch/sim-key.js';
import type { SendErrorCode } from '../errors.js';
import { maxLogRows } from '../journal/entries.js';
import { JournalFault } from '../journal/faults.js';
import type { MetricsListener } from '../metrics/listener.js';
import { version } from '../version.js';
import { type LookedAt, lookAt } from './alert-look.js';
import { alertCaller } from './clients.js';
import { capsOf, type DaemonParts, judgementOf } from './snapshot.js';

/** Milliseconds that an alert may wait for a modem behind all logins. */
const smsDeadlineMs = 120_000;
/** Milliseconds between questions to the journal, and of what they ask. */
const countEveryMs = 60_000;
const hourMs = 3_600_000;

export interface TellOperatorParts {
  daemon: DaemonParts;
  heard: Heard;
  stateDir: string;
  /** What other rooms have to tell, at each look. */
  others: () => readonly Observation[];
  log: Logger;
}

/** The alerts of a running daemon. */
export interface ToldOperator {
  alerts: Alerts;
  stop(): Promise<void>;
}

/** Opens the alerts, which look at the daemon from now on. */
export async function tellOperator(parts: TellOperatorParts): Promise<ToldOperator> {
  const { daemon, heard, stateDir, log } = parts;
  const { config, clock, remembered, dispatch } = daemon;
  const counter = new UnknownOutcomes(daemon);
  const alerts: Alerts = await Alerts.open({
    stateDir,
    settings: () => config().alerts,
    maxSegments: () => config().message.maxSegments,
    look: () => {
      if (heard.hasSent) alerts.noteSent();
      return lookAt(lookedAt(parts, alerts, counter.lastHour));
    },
    isAlive: () => judgementOf(daemon).grade !== 'down',
    sendSms: async (recipient, text, messageType, signal) => {
      const message = { id: randomUUID(), caller: alertCaller, recipient, text, messageType };
      const deadlineAt = performance.now() + smsDeadlineMs;
      await dispatch.send({ ...message, isAlert: true }, { deadlineAt, callerLeft: signal });
    },
    date: () => remembered.date(),
    isClockSet: () => clock.isSet(),
    version,
    log,
  });
  return {
    alerts,
    async stop() {
      counter.stop();
      await alerts.stop();
    },
  };
}

/** Codes that say that this box sends nothing, and not that a request was wrong. */
const failures: ReadonlySet<string | undefined> = new Set([
  'network_refused',
  'partly_submitted',
  'no_modem_ready',
  'outcome_unknown',
  'internal',
] satisfies SendErrorCode[]);

/** What alerts have to know of the messages; it only counts. */
export class Heard {
  /** Modems that were done with a message. */
  readonly tried = new Set<string>();
  /** Told of each SMS that came in. Must not throw. */
  onSms: (modem: string, from: string, text: string) => void = () => undefined;
  /** Told of each modem whose message the network took. Must not throw. */
  onSent: (modem: string) => void = () => undefined;
  /** Messages that were not sent since the last that was. */
  failed = 0;
  hasSent = false;

  /** The same listener, which is heard here, too. */
  beside<Listener extends Pick<MetricsListener, 'answered' | 'submitEnded'>>(
    listener: Listener,
  ): Listener {
    return {
      ...listener,
      answered: (answer: Parameters<MetricsListener['answered']>[0]) => {
        if (failures.has(answer.code)) this.failed += 1;
        listener.answered(answer);
      },
      submitEnded: (end: Parameters<MetricsListener['submitEnded']>[0]) => {
        this.tried.add(end.modem);
        if (end.submitted === 'yes') {
          this.failed = 0;
          this.hasSent = true;
          this.onSent(end.modem);
        }
        listener.submitEnded(end);
      },
    };
  }
}

function lookedAt(
  { daemon, heard, others }: TellOperatorParts,
  alerts: Alerts,
  unknownCount: number | undefined,
): LookedAt {
  const { modems, remembered, config, isStopping, inbound } = daemon;
  const { hasSent } = alerts.release;
  const { ways } = alerts.state;
  return {
    health: judgementOf(daemon),
    isStopping: isStopping(),
    modems: modems.map((modem) => ({
      snapshot: modem.snapshot(),
      caps: capsOf(config(), modem.name),
      used: remembered.simCaps.used(simKey(modem, remembered.hmac)),
      hasTried: heard.tried.has(modem.name),
    })),
    isRestored: remembered.isRestored(),
    areLimitsKnown: daemon.limits.isWhole,
    nearlyFull: daemon.limits.nearlyFull(),
    unknownOutcomes: unknownCount,
    mostUnknownOutcomes: config().alerts.unknownOutcomesPerHour,
    untried: hasSent ? undefined : { version, failures: heard.failed },
    deadWays: alerts.dead,
    isWayUnknown: (name) =>
      ways.some((way) => way.name === name && way.delivered === 0 && way.waiting > 0),
    inbound: { ...inbound.state(), most: config().inbound?.spoolMax ?? 0 },
    isArrivalUnknown: (about) => remembered.deliveries.isUnknown(about),
    others: others(),
  };
}

/** Asks the journal, in its own thread, how many outcomes of the last hour are unknown. */
class UnknownOutcomes {
  /** Undefined while it is not known. */
  lastHour: number | undefined;
  readonly #daemon: DaemonParts;
  readonly #timer: NodeJS.Timeout;
  #isAsking = false;

  constructor(daemon: DaemonParts) {
    this.#daemon = daemon;
    this.#timer = setInterval(() => void this.#ask(), countEveryMs);
    this.#timer.unref();
    void this.#ask();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { remembered } = this.#daemon;
    try {
      const filter = {
        code: 'outcome_unknown',
        sinceMs: remembered.date() - hourMs,
        limit: maxLogRows,
      };
      const { rows } = await remembered.journal.query(filter);
      // What became known late is not unknown any more.
      const open = rows.filter(({ outcome, late }) => (late ?? outcome)?.submitted === 'unknown');
      this.lastHour = open.length;
    } catch (error) {
      if (!(error instanceof JournalFault)) throw error;
      this.lastHour = undefined;
    } finally {
      this.#isAsking = false;
    }
  }
}
