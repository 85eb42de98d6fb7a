import { once } from 'node:events';
import { join } from 'node:path';
import { monotonicMs } from './monotonic.js';
import { type ModemProcess, startNode } from './processes.js';
import { type Submit, submitsOf } from './submits.js';

const script = join(import.meta.dirname, 'bare-loop.ts');

/**
 * Sends the very octets of `submits` again by the bare loop, at a modem nobody else uses, and gives
 * what was recorded of it.
 */
export async function sendBare(modem: ModemProcess, submits: readonly Submit[]): Promise<Submit[]> {
  const fromMs = monotonicMs();
  const child = startNode(['--import', 'tsx', script, modem.tty], ['pipe', 'ignore']);
  const exited = once(child, 'exit');
  child.stdin?.end(submits.map(({ command, data }) => `${command} ${data}`).join('\n'));
  const [code] = await exited;
  if (code !== 0) throw new Error(`the bare loop ended with ${code}`);
  return submitsOf(modem.entriesSince(fromMs));
}
