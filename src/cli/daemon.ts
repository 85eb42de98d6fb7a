/**
 * Commands of the command line that only a running daemon can answer: what they print, and the exit
 * code they leave.
 */

import * as v from 'valibot';
import { askOnce, NoDaemon } from '../control/client.js';
import type { ControlRequest } from '../control/protocol.js';
import { readConfiguration } from '../doctor/configuration.js';
import { OperatorError } from '../errors.js';
import { explanationSchema, explanationText } from '../policy/explain-text.js';
import { type ShowLogOptions, showLog } from './log.js';

/** Options that all of them take. */
export interface DaemonOptions {
  /** The configuration that was named. */
  config?: string;
  json?: boolean;
}

/**
 * `simgate log`: ends by Ctrl-C with `follow`. Without a daemon, or where its journal is out of
 * order, it reads the file. Throws `OperatorError`.
 */
export async function log({
  config: named,
  ...options
}: DaemonOptions & Omit<ShowLogOptions, 'socket' | 'fromFile'>): Promise<void> {
  const socket = socketOf(named);
  const { config } = readConfiguration(named, process.env);
  const fromFile =
    config === undefined
      ? undefined
      : async function* fromFile(request: ControlRequest) {
          // Loaded only now: SQLite comes with it.
          const { readLog } = await import('./log-file.js');
          yield* readLog(config, request);
        };
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  // Nobody reads what would follow.
  process.stdout.once('error', () => interrupted.abort());
  try {
    await needed(socket, () =>
      showLog({ socket, fromFile, ...options }, process.stdout, process.stderr, interrupted.signal),
    );
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
  }
}

/**
 * `simgate policy explain`: exit code 1 when the message would be refused. Throws `OperatorError`.
 */
export async function explainPolicy(
  to: string,
  { config, json = false, ip, caller }: DaemonOptions & { ip?: string; caller?: string },
): Promise<void> {
  const socket = socketOf(config);
  const request = { command: 'policy', to, client_ip: ip, caller };
  const explanation = await needed(socket, () => askOnce(socket, request, explanationSchema));
  process.stdout.write(
    json ? `${JSON.stringify(explanation, undefined, 2)}\n` : explanationText(explanation),
  );
  if (!explanation.is_allowed) process.exitCode = 1;
}

const unlockSchema = v.object({ recipient: v.string(), lifted: v.array(v.string()) });

/** `simgate policy unlock`. Throws `OperatorError`. */
export async function unlock(to: string, { config, json = false }: DaemonOptions): Promise<void> {
  const socket = socketOf(config);
  const answer = await needed(socket, () =>
    askOnce(socket, { command: 'unlock', to }, unlockSchema),
  );
  if (json) return void process.stdout.write(`${JSON.stringify(answer, undefined, 2)}\n`);
  const { recipient, lifted } = answer;
  const what = lifted.length === 0 ? 'it had nothing to wait for' : `lifted: ${lifted.join(', ')}`;
  console.log(`${recipient} counts anew (${what}). "simgate policy explain" says what else holds`);
}

/** `simgate reload`. Throws `OperatorError` with all that is wrong. */
export async function reload({ config }: DaemonOptions): Promise<void> {
  const socket = socketOf(config);
  const answer = v.object({ reloaded: v.literal(true), modems: v.array(v.string()) });
  const { modems } = await needed(socket, () => askOnce(socket, { command: 'reload' }, answer));
  console.log('the daemon has read its configuration and secrets anew');
  for (const news of modems) console.log(news);
}

/**
 * The socket at which the daemon is asked. Throws `OperatorError` when the configuration is wrong,
 * for it then names no socket.
 */
export function socketOf(named: string | undefined): string {
  const { socket, findings } = readConfiguration(named, process.env);
  const wrong = findings.filter(({ level }) => level === 'error').map(({ what }) => what);
  if (wrong.length > 0) throw new OperatorError(wrong.join('\n'));
  return socket;
}

/** Turns `NoDaemon` into a sentence that says how to start one. */
export async function needed<T>(socket: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof NoDaemon)) throw error;
    throw new OperatorError(
      `no daemon listens at ${socket}: start it (systemctl start simgate), or name its configuration with --config`,
      { cause: error },
    );
  }
}
