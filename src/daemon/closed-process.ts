import { writeFileSync } from 'node:fs';
import { url as debuggerUrl } from 'node:inspector';

/**
 * Node was started with an option that lets others read this process, where secrets and texts are
 * (I6).
 */
export class OpenProcessError extends Error {
  override readonly name = 'OpenProcessError';
}

/**
 * Options of Node that open a debugger, or write memory or the environment into a file (node(1)).
 */
const opening =
  /^--(?:inspect|heapsnapshot-|heap-prof|report-on-|report-uncaught-|experimental-report)/;

/**
 * Keeps this process out of debuggers and core files. Every command calls it before it reads
 * anything secret. Node opens its debugger at SIGUSR1 unless somebody listens to that signal. A
 * core file holds only what the filter lets pass (core(5)), whatever the limits are; children
 * inherit the filter.
 */
export function closeProcess(): void {
  process.on('SIGUSR1', () => undefined);
  try {
    writeFileSync('/proc/self/coredump_filter', '0x0');
  } catch (error) {
    // A kernel without core files, a /proc that is not there or read-only, or a node(1) with
    // capabilities, of which no core is dumped.
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['ENOENT', 'EROFS', 'EACCES', 'EPERM'].includes(code)) throw error;
  }
}

/**
 * Throws {@link OpenProcessError} when Node was started with an option that opens it, on its
 * command line or by `NODE_OPTIONS`.
 */
export function refuseOpenProcess(execArgv: readonly string[], env: NodeJS.ProcessEnv): void {
  const words = [...execArgv, ...(env.NODE_OPTIONS ?? '').replaceAll('"', '').split(/\s+/)];
  // Node takes both spellings.
  const found = words.find((word) => opening.test(word.replaceAll('_', '-')));
  if (found === undefined && debuggerUrl() === undefined) return;
  const option = found?.replace(/=.*/, '') ?? '--inspect';
  throw new OpenProcessError(
    `Node's option ${option} would show secrets and texts to others: take it out of NODE_OPTIONS, or of the command line`,
  );
}
