import type { AddressInfo } from 'node:net';
import type { Logger } from 'winston';
import { type Books, openBooks } from './books.js';
import { type Config, loadConfig, loadSecrets, type Secrets } from './config.js';
import { type ControlServer, openControlSocket } from './control/server.js';
import { ownCommands } from './daemon-commands.js';
import { createDispatch, type Dispatch } from './dispatch/dispatch.js';
import { createSimBudget, simKey } from './dispatch/sim-budget.js';
import { controlCommands } from './doctor/commands.js';
import { ownSurroundings } from './doctor/surroundings.js';
import { createFleet } from './fleet.js';
import { createAdminApp, createApp } from './http/app.js';
import { createBearerVerifier } from './http/bearer.js';
import { LimitedLog } from './http/limited-log.js';
import { problems } from './http/problem.js';
import { createServer, type HttpServer } from './http/server.js';
import type { JournalState } from './journal/entries.js';
import { createLogCommand } from './journal/log-command.js';
import { createLog } from './log.js';
import { createMetrics, type Metrics } from './metrics/metrics.js';
import { metricsRoute } from './metrics/route.js';
import type { MetricsSnapshot } from './metrics/snapshot.js';
import type { Supervisor } from './modem/supervisor.js';
import type { Caps } from './policy/sim-caps.js';
import { readAnew } from './reload.js';
import { openStateDir, type StateDir } from './state-dir.js';
import { version } from './version.js';

/** Milliseconds that a message in a modem may take to finish once we were told to stop; the unit's TimeoutStopSec is longer. */
const drainMs = 30_000;
/** Milliseconds for answers to reach their callers when we stop. */
const closeMs = 2_000;

/** A running daemon. */
export interface Daemon {
  /** Where the public listener is bound. */
  port: number;
  log: Logger;
  /**
   * Takes up the configuration file and the secrets as they are now, all or nothing; messages on their way are kept. Rejects with
   * `ConfigError` or `ReloadError`, and then nothing has changed.
   */
  reload(): Promise<void>;
  /** Answers what waits, lets what is in a modem finish (bounded), and releases everything. */
  stop(): Promise<void>;
}

/**
 * The composition root: binds the listeners and locks the state directory before any modem is touched, so that a second daemon
 * never talks to the same stick. Throws `ConfigError`, `StateDirError`, `ControlError` or the listener's error.
 */
export async function startDaemon(configFile: string, env: NodeJS.ProcessEnv): Promise<Daemon> {
  const config = loadConfig(configFile, env);
  const secrets = loadSecrets(config, env);
  const log = createLog(config.log);
  const stateDir = await openStateDir(config.stateDir);
  try {
    return await compose(config, secrets, stateDir, env, log);
  } catch (error) {
    await stateDir.release();
    throw error;
  }
}

async function compose(
  config: Config,
  secrets: Secrets,
  stateDir: StateDir,
  env: NodeJS.ProcessEnv,
  log: Logger,
): Promise<Daemon> {
  const metrics = createMetrics({ version, modems: config.modems.map(({ name }) => name), problems });
  const books = await openBooks(config, stateDir, log, metrics);
  try {
    return await composeWith(books, metrics, config, secrets, stateDir, env, log);
  } catch (error) {
    await books.journal.close();
    throw error;
  }
}

async function composeWith(
  books: Books,
  metrics: Metrics,
  started: Config,
  startedWith: Secrets,
  stateDir: StateDir,
  env: NodeJS.ProcessEnv,
  log: Logger,
): Promise<Daemon> {
  /** What is in force; `reload` replaces it as a whole. */
  let config = started;
  let secrets = startedWith;
  const modems = await createFleet(config, stateDir, log, metrics);
  const capsOf = (name: string) => config.modems.find((modem) => modem.name === name)?.caps ?? noCaps;
  const dispatch = createDispatch({
    ...books,
    modems,
    limits: config.message,
    budget: createSimBudget(books.simCaps, capsOf, books.hmac),
    listener: metrics,
    log,
  });
  const isReady = () => modems.some((modem) => ['ready', 'sending'].includes(modem.snapshot().phase));
  let stopping = false;
  const refusals = new LimitedLog(log);
  const verify = await createBearerVerifier({ secrets, expected: config.auth0, refusals });
  const handler = createApp({
    send: dispatch.send,
    verify,
    clockIsSet: () => stateDir.clockIsSet(),
    isShuttingDown: () => stopping,
    isReady: () => !stopping && isReady(),
    get deadlineMs() {
      return config.message.deadlineMs;
    },
    log,
    refusals,
    trustedProxies: config.http.trustedProxies,
    listener: metrics,
  });
  const snapshot = () => snapshotOf(modems, dispatch, books);
  const admin = createAdminApp({
    isReady,
    snapshot,
    metrics: metricsRoute(metrics, () =>
      figuresOf(modems, dispatch, books, capsOf, stateDir.clockIsSet(), config.message.maxWaiting),
    ),
    log,
  });
  const servers = [
    createServer({ handler, listen: config.http.listen, log }),
    createServer({ handler: admin, listen: config.admin.listen, log }),
  ];
  const reload = async (): Promise<void> => {
    const next = readAnew(config, env);
    await verify.replace(next.secrets, next.config.auth0);
    ({ config, secrets } = next);
    books.policy.replaceConfig(config.policy);
    dispatch.replaceLimits(config.message);
    log.level = config.log.level;
    for (const warning of config.warnings) log.warn(warning, { event: 'config' });
    log.info('the configuration was read anew and is in force', { event: 'reloaded' });
  };
  const commands = {
    ...controlCommands({
      modems,
      configs: config.modems,
      send: dispatch.send,
      deadlineMs: config.message.deadlineMs,
      snapshot,
      surroundings: ownSurroundings(),
      log,
    }),
    log: createLogCommand(books),
    ...ownCommands({
      reload,
      secrets: () => secrets,
      secretUse: verify.lastUse,
      policy: books.policy,
      caller: () => config.auth0.subject,
    }),
  };
  const { addresses, control } = await bindAll(servers, () =>
    openControlSocket({ path: config.control.socket, commands, log }),
  );
  for (const warning of config.warnings) log.warn(warning, { event: 'config' });
  const [port = 0, admin_port] = addresses.map((address) => address.port);
  log.info(`simgate ${version} listens on ${config.http.listen.host}:${port}`, {
    event: 'started',
    port,
    admin_port,
  });
  for (const modem of modems) modem.start();
  let stopped: Promise<void> | undefined;
  return {
    port,
    log,
    reload,
    stop() {
      stopping = true;
      stopped ??= shutDown(servers, control, dispatch, modems, books, stateDir, log);
      return stopped;
    },
  };
}

const noCaps = { perDay: undefined, perMonth: undefined, recipientsPerMonth: undefined };

/** Binds everything, or nothing: no modem may be touched by a daemon that nobody can reach. */
async function bindAll(
  servers: readonly HttpServer[],
  openControl: () => Promise<ControlServer | undefined>,
): Promise<{ addresses: AddressInfo[]; control: ControlServer | undefined }> {
  try {
    const addresses: AddressInfo[] = [];
    for (const server of servers) addresses.push(await server.listen());
    return { addresses, control: await openControl() };
  } catch (error) {
    await Promise.all(servers.map((server) => server.close(0)));
    throw error;
  }
}

/** The state of the daemon as the admin listener shows it. */
function snapshotOf(modems: readonly Supervisor[], dispatch: Dispatch, { journal }: Books): object {
  const suspects = new Set(dispatch.suspects());
  return {
    version,
    waiting: dispatch.waiting(),
    journal: journalAsJson(journal.state()),
    modems: modems.map((modem) => {
      const { name, phase, phaseSince, reason, device, manufacturer, model, operator, signalDbm } =
        modem.snapshot();
      const phase_s = Math.round((performance.now() - phaseSince) / 1000);
      return {
        name,
        phase,
        phase_s,
        reason,
        device,
        manufacturer,
        model,
        operator,
        signal_dbm: signalDbm,
        sim_suspect: suspects.has(name),
      };
    }),
  };
}

/** The same as the metrics show it. */
function figuresOf(
  modems: readonly Supervisor[],
  dispatch: Dispatch,
  { journal, simCaps, hmac }: Books,
  capsOf: (modem: string) => Caps,
  clockIsSet: boolean,
  maxWaiting: number,
): MetricsSnapshot {
  const suspects = new Set(dispatch.suspects());
  return {
    waiting: dispatch.waiting(),
    maxWaiting,
    clockIsSet,
    journal: journal.state(),
    modems: modems.map((modem) => {
      const { name, phase, registration, signalDbm } = modem.snapshot();
      const used = simCaps.used(simKey(modem, hmac));
      return {
        name,
        phase,
        registration,
        signalDbm,
        simSuspect: suspects.has(name),
        caps: capsOf(name),
        used,
      };
    }),
  };
}

function journalAsJson({ isOk, fault, droppedRows, skippedRefusals, pending }: JournalState): object {
  return { ok: isOk, fault, dropped_rows: droppedRows, skipped_refusals: skippedRefusals, pending };
}

async function shutDown(
  servers: readonly HttpServer[],
  control: ControlServer | undefined,
  dispatch: Dispatch,
  modems: readonly Supervisor[],
  { journal }: Books,
  stateDir: StateDir,
  log: Logger,
): Promise<void> {
  log.info('stopping: what waits is refused, what is in a modem finishes', { event: 'stopping' });
  const closed = Promise.all([...servers.map((server) => server.close(drainMs + closeMs)), control?.close()]);
  let timer: NodeJS.Timeout | undefined;
  const drained = await Promise.race([
    dispatch.stop().then(() => true),
    new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), drainMs);
    }),
  ]);
  clearTimeout(timer);
  if (!drained) log.warn('a modem still has a message: its outcome stays unknown', { event: 'stopping' });
  await Promise.all(modems.map((modem) => modem.stop()));
  await closed;
  await journal.close();
  await stateDir.release();
  log.info('stopped', { event: 'stopped' });
}

/**
 * `simgate serve`: runs until SIGTERM or SIGINT; a second one ends at once. An error nobody caught is logged and ends the
 * process with 1, for systemd to start it anew: state that may be broken must not send.
 */
export async function serve(configFile: string, env: NodeJS.ProcessEnv): Promise<void> {
  let daemon: Daemon | undefined;
  let stopping = false;
  // Before anything else: a signal that comes during the start must not end the process by its default.
  const stop = (): void => {
    if (stopping) process.exit(1);
    if (!daemon) process.exit(0); // nothing has been sent, and the lock ends with the process
    stopping = true;
    daemon.stop().then(() => process.exit(0), die);
  };
  const die = (error: unknown): void => {
    console.error(error);
    if (!daemon) process.exit(1);
    daemon.log.error('an error that nobody caught: ending, to be started anew', { event: 'fatal', error });
    daemon.log.once('finish', () => process.exit(1)).end();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  daemon = await startDaemon(configFile, env);
  const { log, reload } = daemon;
  process.on('SIGHUP', () => {
    reload().catch((error: unknown) =>
      log.error('the configuration was read anew, but not taken up: the old one stays in force', {
        event: 'reload_refused',
        error,
      }),
    );
  });
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}
