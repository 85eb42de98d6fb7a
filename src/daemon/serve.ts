import { fatalText } from '../words/error-text.js';
import { refuseOpenProcess } from './closed-process.js';
import { type Daemon, startDaemon } from './daemon.js';
import { collectGarbage, setV8, setV8ForRequests } from './v8-settings.js';

/** Milliseconds after the start when its modems are up, and no message is likely to wait. */
const startIsOverMs = 5_000;

/**
 * `simgate serve`: runs until SIGTERM or SIGINT; a second one ends at once. An error nobody caught
 * is logged and ends the process with 1, for systemd to start it anew: state that may be broken
 * must not send. Rejects with an `OpenProcessError`.
 */
export async function serve(configFile: string, env: NodeJS.ProcessEnv): Promise<void> {
  refuseOpenProcess(process.execArgv, env);
  setV8();
  let daemon: Daemon | undefined;
  let stopping = false;
  // Before anything else: a signal that comes during the start must not end the process by its
  // default, nor in the middle of it.
  const stop = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    daemon?.stop().then(() => process.exit(0), die);
  };
  const die = (error: unknown): void => {
    console.error(fatalText(error));
    if (!daemon) process.exit(1);
    daemon.log.error('an error that nobody caught: ending, to be started anew', {
      event: 'fatal',
      error,
    });
    daemon.log.once('finish', () => process.exit(1)).end();
  };
  const reload = (): void => {
    daemon?.reload().catch((error: unknown) =>
      daemon?.log.error(
        'the configuration was read anew, but not taken up: the old one stays in force',
        {
          event: 'reload_refused',
          error,
        },
      ),
    );
  };
  process.on('SIGTERM', stop);
  // During the start there is nothing to read anew.
  process.on('SIGHUP', reload);
  process.on('SIGINT', stop);
  daemon = await startDaemon(configFile, env);
  if (stopping) {
    await daemon.stop();
    process.exit(0);
  }
  setV8ForRequests();
  setTimeout(collectGarbage, startIsOverMs).unref();
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}
