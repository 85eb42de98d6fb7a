import type { AddressInfo } from 'node:net';
import type { Logger } from 'winston';
import { type Config, loadConfig, loadSecrets, type Secrets } from './config.js';
import { type ControlServer, openControlSocket } from './control/server.js';
import { createDispatch, type Dispatch } from './dispatch/dispatch.js';
import { controlCommands } from './doctor/commands.js';
import { ownSurroundings } from './doctor/surroundings.js';
import { createFleet } from './fleet.js';
import { createAdminApp, createApp } from './http/app.js';
import { createBearerVerifier } from './http/bearer.js';
import { LimitedLog } from './http/limited-log.js';
import { createServer, type HttpServer } from './http/server.js';
import { createLog } from './log.js';
import type { Supervisor } from './modem/supervisor.js';
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
    return await compose(config, secrets, stateDir, log);
  } catch (error) {
    await stateDir.release();
    throw error;
  }
}

async function compose(config: Config, secrets: Secrets, stateDir: StateDir, log: Logger): Promise<Daemon> {
  const modems = await createFleet(config, secrets, stateDir, log);
  const dispatch = createDispatch({ modems, limits: config.message, log });
  const isReady = () => modems.some((modem) => ['ready', 'sending'].includes(modem.snapshot().phase));
  let stopping = false;
  const refusals = new LimitedLog(log);
  const handler = createApp({
    send: dispatch.send,
    verify: await createBearerVerifier({ secrets, expected: config.auth0, refusals }),
    clockIsSet: () => stateDir.clockIsSet(),
    isShuttingDown: () => stopping,
    isReady: () => !stopping && isReady(),
    deadlineMs: config.message.deadlineMs,
    log,
    refusals,
  });
  const admin = createAdminApp({ isReady, snapshot: () => snapshotOf(modems, dispatch), log });
  const servers = [
    createServer({ handler, listen: config.http.listen, log }),
    createServer({ handler: admin, listen: config.admin.listen, log }),
  ];
  const { addresses, control } = await bindAll(servers, () => openControl(config, modems, dispatch, log));
  for (const warning of config.warnings) log.warn(warning, { event: 'config' });
  const [{ port } = { port: 0 }] = addresses;
  log.info(`simgate ${version} listens on ${config.http.listen.host}:${port}`, { event: 'started', port });
  for (const modem of modems) modem.start();
  let stopped: Promise<void> | undefined;
  return {
    port,
    log,
    stop() {
      stopping = true;
      stopped ??= shutDown(servers, control, dispatch, modems, stateDir, log);
      return stopped;
    },
  };
}

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

/** The socket through which doctor and its kin ask; undefined where it cannot be made. */
function openControl(
  config: Config,
  modems: readonly Supervisor[],
  dispatch: Dispatch,
  log: Logger,
): Promise<ControlServer | undefined> {
  const commands = controlCommands({
    modems,
    configs: config.modems,
    send: dispatch.send,
    deadlineMs: config.message.deadlineMs,
    snapshot: () => snapshotOf(modems, dispatch),
    surroundings: ownSurroundings(),
    log,
  });
  return openControlSocket({ path: config.control.socket, commands, log });
}

/** The state of the daemon as the admin listener shows it. */
function snapshotOf(modems: readonly Supervisor[], dispatch: Dispatch): object {
  const suspects = new Set(dispatch.suspects());
  return {
    version,
    waiting: dispatch.waiting(),
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

async function shutDown(
  servers: readonly HttpServer[],
  control: ControlServer | undefined,
  dispatch: Dispatch,
  modems: readonly Supervisor[],
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
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}
