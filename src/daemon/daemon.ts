/**
 * Composition and life of the daemon: what is started, in which order, and how it all ends.
 * Knows nothing of: rules of any one room; it only joins them.
 * Way: locks and state → journal and policy → modems → queue → listeners; the way down is the same,
 * backwards.
 */

import type { AddressInfo } from 'node:net';
import type { Logger } from 'winston';
import { isClockSynchronised } from '../clock/synchronisation.js';
import { loadConfig, loadSecrets } from '../config/config.js';
import { type ControlServer, openControlSocket } from '../control/server.js';
import { createDispatch, type Dispatch } from '../dispatch/dispatch.js';
import { createSimBudget } from '../dispatch/sim-budget.js';
import { controlCommands } from '../doctor/control-commands.js';
import { thisMachine } from '../doctor/this-machine.js';
import { createAdminApp, createApp } from '../http/app.js';
import { createBearerVerifier } from '../http/bearer.js';
import { callerKinds } from '../http/callers/kinds.js';
import { problems } from '../http/problem.js';
import { createServer, type HttpServer } from '../http/server.js';
import { createLogCommand } from '../journal/log-command.js';
import { createLog, LimitedLog } from '../log.js';
import { createMetrics, metricsRoute } from '../metrics/metrics.js';
import { canSend } from '../modem/sms-modem.js';
import type { Supervisor } from '../modem/supervisor.js';
import { version } from '../version.js';
import { ownCommands } from './control-commands.js';
import { createFleet } from './fleet.js';
import { readAnew } from './reload.js';
import { openRemembered, type Remembered } from './remembered.js';
import { capsOf, type DaemonParts, figuresOf, snapshotOf } from './snapshot.js';
import { openStateDir, type StateDir } from './state-dir.js';
import { createOwnNotifier } from './systemd/service-notifier.js';

/**
 * Milliseconds that a message in a modem may take to finish once we were told to stop; the unit's
 * TimeoutStopSec is longer.
 */
const drainMs = 30_000;
/** Milliseconds for answers to reach their callers when we stop. */
const closeMs = 2_000;

/** A running daemon. */
export interface Daemon {
  /** Where the public listener is bound. */
  port: number;
  log: Logger;
  /**
   * Takes up the configuration file and the secrets as they are now, all or nothing; messages on
   * their way are kept. Rejects with `ConfigError` or `ReloadError`, and then nothing has changed.
   */
  reload(): Promise<void>;
  /** Answers what waits, lets what is in a modem finish (bounded), and releases everything. */
  stop(): Promise<void>;
}

/** What gives back one thing that was opened. */
type Release = () => Promise<unknown>;

/**
 * Starts the daemon of a configuration file. What was opened before something failed is given back,
 * in the opposite order. Throws `ConfigError`, `StateDirError`, `OperatorError` or the listener's
 * error.
 */
export async function startDaemon(configFile: string, env: NodeJS.ProcessEnv): Promise<Daemon> {
  const opened: Release[] = [];
  try {
    return await compose(configFile, env, opened);
  } catch (error) {
    for (const release of opened.reverse()) await release();
    throw error;
  }
}

/**
 * The composition root: binds the listeners and locks the state directory before any modem is
 * touched, so that a second daemon never talks to the same stick, and that none is touched by a
 * daemon that nobody can reach.
 */
async function compose(
  configFile: string,
  env: NodeJS.ProcessEnv,
  opened: Release[],
): Promise<Daemon> {
  /** What is in force; `reload` replaces it as a whole. */
  let config = loadConfig(configFile, env);
  let secrets = loadSecrets(config, env);
  const log = createLog(config.log);
  const stateDir = await openStateDir(config.stateDir, {
    log,
    isSynchronised: isClockSynchronised,
  });
  opened.push(() => stateDir.release());
  const metrics = createMetrics({
    version,
    modems: config.modems.map(({ name }) => name),
    problems,
  });
  const remembered = await openRemembered(config, stateDir, log, metrics);
  opened.push(() => remembered.journal.close());
  const modems = await createFleet(config, stateDir, log, metrics);
  const dispatch = createDispatch({
    ...remembered,
    modems,
    limits: config.message,
    budget: createSimBudget(remembered.simCaps, (name) => capsOf(config, name), remembered.hmac),
    listener: metrics,
    log,
  });
  const isReady = () => modems.some((modem) => canSend(modem.snapshot().phase));
  let stopping = false;
  const refusals = new LimitedLog(log);
  const { clock } = stateDir;
  const verify = await createBearerVerifier({
    secrets,
    expected: config.auth0,
    refusals,
    beforeLeap: () => clock.beforeLeap(),
  });
  const clockIsSet = () => clock.isSet();
  const handler = createApp({
    send: dispatch.send,
    callers: [callerKinds.auth0({ verify, deadlineMs: () => config.message.deadlineMs })],
    clockIsSet,
    isShuttingDown: () => stopping,
    isReady: () => !stopping && isReady(),
    log,
    refusals,
    trustedProxies: config.http.trustedProxies,
    listener: metrics,
  });
  const parts: DaemonParts = { modems, dispatch, remembered, config: () => config, clock };
  const snapshot = () => snapshotOf(parts);
  const figures = metricsRoute(metrics, () => figuresOf(parts));
  const admin = createAdminApp({ isReady, snapshot, metrics: figures, log });
  const servers = [
    createServer({ handler, listen: config.http.listen, log }),
    createServer({ handler: admin, listen: config.admin.listen, log }),
  ];
  const notifier = createOwnNotifier(env, modems, log);
  const takeUp = async (): Promise<void> => {
    const next = readAnew(config, env);
    await verify.replace(next.secrets, next.config.auth0);
    ({ config, secrets } = next);
    remembered.policy.replaceConfig(config.policy);
    dispatch.replaceLimits(config.message);
    log.level = config.log.level;
    for (const warning of config.warnings) log.warn(warning, { event: 'config' });
    log.info('the configuration was read anew and is in force', { event: 'reloaded' });
  };
  const reload = () => notifier.reloading(takeUp);
  const commands = {
    ...controlCommands({
      modems,
      configs: config.modems,
      send: dispatch.send,
      deadlineMs: () => config.message.deadlineMs,
      ussdAllow: () => config.control.ussdAllow,
      snapshot,
      machine: thisMachine(),
      log,
    }),
    log: createLogCommand(remembered),
    ...ownCommands({
      reload,
      secrets: () => secrets,
      secretUse: () => verify.lastUse(),
      policy: remembered.policy,
      caller: () => config.auth0.subject,
    }),
  };
  const addresses: AddressInfo[] = [];
  for (const server of servers) {
    addresses.push(await server.listen());
    opened.push(() => server.close(0));
  }
  const control = await openControlSocket({ path: config.control.socket, commands, log });
  for (const warning of config.warnings) log.warn(warning, { event: 'config' });
  const [port = 0, admin_port] = addresses.map((address) => address.port);
  log.info(`simgate ${version} listens on ${config.http.listen.host}:${port}`, {
    event: 'started',
    port,
    admin_port,
  });
  notifier.ready();
  for (const modem of modems) modem.start();
  let stopped: Promise<void> | undefined;
  return {
    port,
    log,
    reload,
    stop() {
      stopping = true;
      notifier.stopping();
      stopped ??= shutDown(servers, control, dispatch, modems, remembered, stateDir, log);
      return stopped;
    },
  };
}

async function shutDown(
  servers: readonly HttpServer[],
  control: ControlServer | undefined,
  dispatch: Dispatch,
  modems: readonly Supervisor[],
  { journal }: Remembered,
  stateDir: StateDir,
  log: Logger,
): Promise<void> {
  log.info('stopping: what waits is refused, what is in a modem finishes', { event: 'stopping' });
  const closed = Promise.all([
    ...servers.map((server) => server.close(drainMs + closeMs)),
    control?.close(),
  ]);
  let timer: NodeJS.Timeout | undefined;
  const drained = await Promise.race([
    dispatch.stop().then(() => true),
    new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), drainMs);
    }),
  ]);
  clearTimeout(timer);
  if (!drained)
    log.warn('a modem still has a message: its outcome stays unknown', { event: 'stopping' });
  await Promise.all(modems.map((modem) => modem.stop()));
  await closed;
  await journal.close();
  await stateDir.release();
  log.info('stopped', { event: 'stopped' });
}
