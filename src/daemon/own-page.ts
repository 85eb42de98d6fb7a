/** What the admin listener of this daemon shows, and what listens so that there is something. */

import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import type { Logger } from 'winston';
import { type Config, isLoopback, loadAdminPassword } from '../config/config.js';
import { createAdminApp, statusJson } from '../http/app.js';
import type { SecretUse } from '../http/bearer.js';
import { JournalFault } from '../journal/faults.js';
import type { LimitedLog } from '../log.js';
import type { MetricsListener } from '../metrics/listener.js';
import { type Metrics, metricsRoute } from '../metrics/metrics.js';
import type { Supervisor } from '../modem/supervisor.js';
import { Activity } from '../page/activity.js';
import { Door } from '../page/door.js';
import { type HistoryOptions, HistoryStore } from '../page/history-store.js';
import { type AdminPage, createPage } from '../page/page.js';
import type { PasswordHash } from '../secret/password.js';
import { explainOverBoxes } from './boxes.js';
import { pageCallersOf, pageStateOf, recallActivity } from './page-state.js';
import { type DaemonParts, figuresOf, judgementOf, snapshotOf } from './snapshot.js';

/** Who was here last, and what was in the last seven days. */
export class PageMemory {
  readonly activity: Activity;
  readonly history: HistoryStore;
  #modems: readonly Supervisor[] = [];

  constructor(options: Omit<HistoryOptions, 'signals'>) {
    this.activity = new Activity(options.now);
    this.history = new HistoryStore({
      ...options,
      signals: () => this.#modems.map((modem) => modem.snapshot()),
    });
  }

  /** From now on, what these receive is remembered. */
  watch(modems: readonly Supervisor[]): void {
    this.#modems = modems;
  }

  /** The same listener, which tells this, too; after an answer, a few records are written. */
  beside(metrics: MetricsListener): MetricsListener {
    const { activity, history } = this;
    return {
      ...metrics,
      answered(answer) {
        metrics.answered(answer);
        activity.answered(answer);
        history.answered(answer);
      },
      delivery(end) {
        metrics.delivery(end);
        history.delivery(end);
      },
      submitEnded(end) {
        metrics.submitEnded(end);
        history.submitEnded(end);
        if (end.submitted === 'yes') activity.submitted(end.modem, end.tookMs);
      },
    };
  }
}

export interface OwnAdminOptions {
  parts: DaemonParts;
  memory: PageMemory;
  metrics: Metrics;
  isReady: () => boolean;
  /** When each secret of the caller was last used. */
  secretUse: (caller: string) => SecretUse;
  refusals: LimitedLog;
  log: Logger;
}

export interface OwnAdmin {
  app: RequestListener;
  /** From now on another password lets in, or none is asked for. */
  replacePassword(password: PasswordHash | undefined): void;
  /** Ends the streams of the page, which the listener would wait for. */
  endStreams(): void;
}

/** All that the admin listener shows. @throws ConfigError where its password cannot be read */
export function createOwnAdmin(options: OwnAdminOptions): OwnAdmin {
  const { parts, metrics, isReady, refusals, log } = options;
  const config = parts.config();
  const door = createOwnDoor(config.admin, loadAdminPassword(config), refusals);
  const page = createOwnPage(options, door);
  const app = createAdminApp({
    isReady,
    snapshot: () => snapshotOf(parts),
    metrics: metricsRoute(metrics, () => figuresOf(parts)),
    addRoutes: (router) => {
      door.addRoutes(router);
      page.addRoutes(router);
    },
    guard: door.guard,
    // The build puts it beside the program.
    openapi: () => readFile(new URL('./openapi.json', import.meta.url), 'utf8'),
    log,
  });
  return {
    app,
    replacePassword: (password) => door.replacePassword(password),
    endStreams: () => page.close(),
  };
}

/** Reads from the journal what was before the start, in its own time. */
function createOwnPage({ parts, memory, secretUse, log }: OwnAdminOptions, door: Door): AdminPage {
  const { activity, history } = memory;
  const { remembered, config } = parts;
  const { policy, journal, hmac } = remembered;
  remembered.whenRestored
    .then(() => recallActivity(parts, activity))
    .catch((error: unknown) => {
      // It tells by itself that it is out of order; the page then knows what this run has seen.
      if (!(error instanceof JournalFault)) throw error;
    });
  return createPage({
    log,
    statusJson: () => statusJson(snapshotOf(parts)),
    state: () => pageStateOf(parts, judgementOf(parts), activity),
    callers: () => pageCallersOf(parts, secretUse, activity),
    policy: {
      explain: (request) => explainOverBoxes(policy, parts.truth, request),
    },
    limits: parts.limits,
    policyConfig: () => config().policy,
    journal,
    hmac,
    history,
    // The build puts them beside the program.
    asset: (name) => readFile(new URL(`./${name}`, import.meta.url)),
    visitorOf: (ctx) => door.visitorOf(ctx),
    isStillIn: (ctx) => door.isStillIn(ctx),
  });
}

/** The door of the admin listener. */
function createOwnDoor(
  { listen, userHeader, trustedProxies }: Config['admin'],
  password: PasswordHash | undefined,
  refusals: LimitedLog,
): Door {
  const place =
    'path' in listen ? 'socket' : isLoopback(listen.host) ? ('loopback' as const) : 'network';
  const address = 'path' in listen ? listen.path : `${listen.host} ${listen.port}`;
  return new Door({ place, address, userHeader, trustedProxies, password, refusals });
}
