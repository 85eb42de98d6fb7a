/**
 * Composition and life of the daemon: what is started, in which order, and how it all ends.
 * Knows nothing of: rules of any one room; it only joins them.
 * Way: locks and state → journal and policy → modems → queue → listeners; the way down is the same,
 * backwards.
 */

import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import type { Logger } from 'winston';
import { isClockSynchronised } from '../clock/synchronisation.js';
import {
  type Config,
  type ListenAddress,
  type ListenSocket,
  loadAdminPassword,
  loadWhole,
  type Secrets,
} from '../config/config.js';
import { alertShareOf } from '../config/policy.js';
import { openControlSocket } from '../control/server.js';
import type { CreditKeeper } from '../credit/credit.js';
import { createDispatch, type DispatchLimits } from '../dispatch/dispatch.js';
import { createSimBudget } from '../dispatch/sim-budget.js';
import { controlCommands } from '../doctor/control-commands.js';
import { pinCommands } from '../doctor/pin-commands.js';
import { thisMachine } from '../doctor/this-machine.js';
import type { SendErrorCode } from '../errors.js';
import { createApp } from '../http/app.js';
import { problems } from '../http/problem.js';
import { createServer, type ServerOptions } from '../http/server.js';
import { createLogCommand } from '../journal/log-command.js';
import { createLog, LimitedLog } from '../log.js';
import { createMetrics } from '../metrics/metrics.js';
import { requireOwnNumbers } from '../policy/own-numbers.js';
import type { Truth } from '../shared/truth.js';
import { version } from '../version.js';
import { alertCommands } from './alert-commands.js';
import { fromConditions } from './alert-look.js';
import { explainOverBoxes, openTruth, SimsAcrossBoxes } from './boxes.js';
import { Clients, callerRules } from './clients.js';
import { ownCommands } from './control-commands.js';
import { creditObservations, creditSettings, watchCredit } from './credit-watch.js';
import { DiskWatch } from './disk-watch.js';
import { endTraffic, type WayIn } from './end-traffic.js';
import { findMessage } from './find-message.js';
import { Fleet } from './fleet.js';
import { HealthWatch } from './health-watch.js';
import { keeperOf, openInbound, takeReport } from './over-the-air.js';
import { createMessageCommand, createOverview } from './overview.js';
import { createOwnAdmin, PageMemory } from './own-page.js';
import { inTurn, readAnew } from './reload.js';
import { openRemembered } from './remembered.js';
import { SharedLimits } from './shared-limits.js';
import { capsOf, conditionsOf, type DaemonParts, judgementOf, snapshotOf } from './snapshot.js';
import { openStateDir } from './state-dir.js';
import { createOwnNotifier } from './systemd/service-notifier.js';
import { Heard, type ToldOperator, tellOperator } from './tell-operator.js';

/**
 * Milliseconds that a message in a modem may take to finish once we were told to stop; the unit's
 * TimeoutStopSec is longer.
 */
const drainMs = 30_000;
/** Milliseconds for other boxes to be told how it ended here, when we stop. */
const tellMs = 1_000;

/** A running daemon. */
export interface Daemon {
  /** Where the public listener is bound. */
  port: number;
  log: Logger;
  /**
   * Takes up the configuration file and the secrets as they are now, all or nothing; messages on
   * their way are kept. Resolves with what happens to which modem, a sentence each. Rejects with
   * `ConfigError` or `ReloadError`, and then nothing has changed.
   */
  reload(): Promise<string[]>;
  /** Answers what waits, lets what is in a modem finish (bounded), and releases everything. */
  stop(): Promise<void>;
}

/**
 * Milliseconds for answers of the admin listener when we stop: a browser keeps connections in
 * store, on which nothing was asked yet, and no message waits for them.
 */
const adminGraceMs = 1_000;

/** What gives back one thing that was opened. */
type Release = () => Promise<unknown>;

/**
 * Starts the daemon of a configuration file. There is one way down, for a start that fails and for
 * a daemon that is stopped: what was opened is given back in the opposite order. Throws
 * `ConfigError`, `StateDirError`, `OperatorError` or the listener's error.
 */
export async function startDaemon(configFile: string, env: NodeJS.ProcessEnv): Promise<Daemon> {
  const opened: Release[] = [];
  const unwind = async (): Promise<void> => {
    for (const release of opened.splice(0).reverse()) await release();
  };
  try {
    return await compose(configFile, env, opened, unwind);
  } catch (error) {
    await unwind();
    throw error;
  }
}

/**
 * The composition root. It locks the state directory and binds the listeners before it starts any
 * modem: a second daemon never talks to the same stick, and no modem is touched by a daemon that
 * nobody can reach. What it opens it adds to `opened`.
 */
async function compose(
  configFile: string,
  env: NodeJS.ProcessEnv,
  opened: Release[],
  unwind: () => Promise<void>,
): Promise<Daemon> {
  // What is in force: a reload replaces both at once.
  let { config, secrets } = loadWhole(configFile, env);
  requireOwnNumbers(config);
  const log = createLog(config.log);
  let isStopping = false;

  // What outlives a restart.
  const stateDir = await openStateDir(config.stateDir, {
    log,
    isSynchronised: isClockSynchronised,
  });
  opened.push(() => stateDir.release());
  const { clock } = stateDir;
  const metrics = createMetrics({
    version,
    callers: config.callers.map(({ name }) => name),
    modems: config.modems.map(({ name }) => name),
    problems,
  });
  let truth: Truth | undefined;
  const memory = new PageMemory({
    file: join(stateDir.path, 'history.jsonl'),
    now: () => clock.date(),
    log,
  });
  opened.push(() => memory.history.close());
  const heard = new Heard();
  const listener = heard.beside(memory.beside(metrics));
  const remembered = await openRemembered(config, stateDir, log, listener, {
    onStalled: (stalled) => truth?.stalled(stalled),
    onUnlocked: (unlocked) => truth?.unlocked(unlocked),
  });
  opened.push(() => remembered.journal.close());
  const disk = new DiskWatch(stateDir.path);
  opened.push(async () => disk.stop());
  if (config.shared) {
    const boxes = { config: config.shared, remembered, dispatch: () => dispatch, log };
    truth = await openTruth(boxes);
    opened.push(async () => truth?.stop(isStopping ? tellMs : 0));
  }

  const sims = truth && new SimsAcrossBoxes(truth, remembered);

  // The modems, and the queue before them.
  const { deliveries, hmac } = remembered;
  opened.push(async () => deliveries.stop());
  const inbound = await openInbound({
    config: () => config,
    stateDir,
    remembered,
    listener,
    modems: () => modems,
    log,
  });
  opened.push(() => inbound.stop());
  const fleet = await Fleet.open(config, stateDir, log, {
    ...listener,
    keeperOf: (modem) => keeperOf(inbound, modem),
    cameIn: (event, modem) => {
      if (event.kind === 'status_report') takeReport(deliveries, hmac, modem, event);
      if (event.kind === 'sms') heard.onSms(modem.name, event.from, event.text ?? '');
    },
  });
  const { modems } = fleet;
  memory.watch(modems);
  sims?.follow(modems);
  const dispatch = createDispatch({
    ...remembered,
    shared: truth,
    modems,
    limits: limitsOf(config),
    budget: createSimBudget(
      remembered,
      (name) => capsOf(config, name),
      () => config.policy.alertShare,
      remembered.hmac,
      (kept) => sims?.kept(kept),
    ),
    listener,
    log,
  });
  // The first try comes before the first message; a dead engine holds nobody up for long.
  await truth?.start();
  let told: ToldOperator | undefined;
  let credit: CreditKeeper | undefined;
  const limits = new SharedLimits(remembered.policy, truth);
  opened.push(async () => limits.stop());
  const parts: DaemonParts = {
    truth,
    limits,
    modems,
    dispatch,
    remembered,
    config: () => config,
    clock,
    disk,
    inbound,
    isStopping: () => isStopping,
    alerts: () => told?.alerts.state,
    deadWays: () => told?.alerts.dead ?? [],
    credit: (modem) => credit?.of(modem),
  };
  const judgement = () => judgementOf(parts);
  const notifier = createOwnNotifier(env, modems, judgement, log);
  const doors: WayIn[] = [];
  // A start that failed owes nobody an answer.
  opened.push(() => endTraffic(doors, dispatch, fleet, isStopping ? drainMs : 0, log));

  // The operator.
  const others = () => [...creditObservations(parts), ...fromConditions(conditionsOf(parts))];
  told = await tellOperator({ daemon: parts, heard, stateDir: stateDir.path, others, log });
  const { alerts } = told;
  opened.push(() => told?.stop() ?? Promise.resolve());
  const keeper = await watchCredit(parts, stateDir.path, log);
  credit = keeper;
  opened.push(() => keeper.stop());
  heard.onSent = (modem) => keeper.noteSent(modem);
  heard.onSms = (modem, from, text) => keeper.cameIn(modem, from, text);

  // The public listener and the admin listener.
  const refusals = new LimitedLog(log);
  const served = new Clients({ clock, log, config: () => config, secrets: () => secrets });
  const isReady = () => judgement().grade !== 'down';
  const onRefused = (code: SendErrorCode, caller?: string) =>
    remembered.journal.refusedBefore({ status: problems[code].status, code, caller });
  const appOf = async (next: Config, nextSecrets: Secrets): Promise<RequestListener> =>
    createApp({
      send: dispatch.send,
      sendOrPromise: dispatch.sendOrPromise,
      recall: dispatch.recall,
      clients: await served.make(next, nextSecrets),
      find: (id, caller) => findMessage({ dispatch, remembered, truth }, id, caller),
      clockIsSet: () => clock.isSet(),
      isShuttingDown: () => isStopping,
      isReady,
      log,
      refusals,
      onRefused,
      trustedProxies: next.http.trustedProxies,
      listener,
    });
  /** Of the callers in force. */
  let app = await appOf(config, secrets);
  const admin = createOwnAdmin({
    parts,
    memory,
    metrics,
    isReady,
    secretUse: (name) => served.secretUse(name),
    refusals,
    log,
  });
  const bind = async <Where extends ListenAddress | ListenSocket>(
    handler: RequestListener,
    listen: Where,
    told: Pick<ServerOptions<Where>, 'onRefused'> = {},
    mostGraceMs = Number.POSITIVE_INFINITY,
  ) => {
    const server = createServer({ handler, listen, log, ...told });
    const bound = await server.listen();
    doors.push({ close: (graceMs) => server.close(Math.min(graceMs, mostGraceMs)) });
    return bound;
  };
  const { port } = await bind((request, response) => app(request, response), config.http.listen, {
    onRefused,
  });
  // Before the listener, which would wait for its streams.
  doors.push({ close: async () => admin.endStreams() });
  const adminAt = await bind(admin.app, config.admin.listen, {}, adminGraceMs);

  // The control socket.
  const reload = inTurn(() =>
    notifier.reloading(async () => {
      const next = readAnew(config, env);
      const adminPassword = loadAdminPassword(next.config);
      app = await appOf(next.config, next.secrets);
      ({ config, secrets } = next);
      admin.replacePassword(adminPassword);
      remembered.policy.replaceConfig(config.policy, callerRules(config));
      dispatch.replaceLimits(limitsOf(config));
      alerts.reconfigured();
      log.level = config.log.level;
      for (const warning of config.warnings) log.warn(warning, { event: 'config' });
      inbound.reconfigured();
      const news = await fleet.apply(config.modems);
      log.info('the configuration was read anew and is in force', { event: 'reloaded' });
      return news;
    }),
  );
  const control = await openControlSocket({
    path: config.control.socket,
    commands: {
      ...controlCommands({
        modems,
        configs: () => config.modems,
        send: dispatch.send,
        deadlineMs: () => config.message.deadlineMs,
        ussdAllow: () => config.control.ussdAllow,
        creditOf: (modem) => creditSettings(parts, modem),
        creditAnswered: (modem, text) => keeper.answered(modem, text),
        stateDir: stateDir.path,
        snapshot: () => snapshotOf(parts),
        machine: thisMachine(),
        log,
      }),
      ...pinCommands(modems),
      log: createLogCommand({ ...remembered, now: () => remembered.date() }),
      ...alertCommands(alerts),
      overview: createOverview(parts),
      message: createMessageCommand({
        send: dispatch.send,
        deadlineMs: () => config.message.deadlineMs,
        log,
      }),
      ...ownCommands({
        reload,
        secrets: () => secrets,
        secretUse: (name) => served.secretUse(name),
        policy: remembered.policy,
        explain: (request) => explainOverBoxes(remembered.policy, truth, request),
        callers: () => config.callers,
        log,
      }),
    },
    // What is in a modem finishes: who has asked for it is told how.
    finishing: ['message'],
    log,
  });
  doors.push(control);

  for (const warning of config.warnings) log.warn(warning, { event: 'config' });
  log.info(`simgate ${version} listens on ${config.http.listen.host}:${port}`, {
    event: 'started',
    port,
    ...('port' in adminAt ? { admin_port: adminAt.port } : { admin_socket: adminAt.path }),
  });
  notifier.ready();
  fleet.start(dispatch, () => {
    sims?.follow(modems);
    notifier.modemsChanged();
  });
  const watch = new HealthWatch({ judge: judgement, log, onChange: () => notifier.changed() });

  const stop = async (): Promise<void> => {
    log.info('stopping: what waits is refused, what was promised or is in a modem finishes', {
      event: 'stopping',
    });
    await unwind();
    log.info('stopped', { event: 'stopped' });
  };
  let stopped: Promise<void> | undefined;
  return {
    port,
    log,
    reload,
    stop() {
      isStopping = true;
      watch.stop();
      notifier.stopping();
      stopped ??= stop();
      return stopped;
    },
  };
}

/** What dispatch has to know of the configuration. */
function limitsOf({ message, policy }: Config): DispatchLimits {
  return { ...message, maxWaitingAlerts: alertShareOf(message.maxWaiting, policy.alertShare) };
}
