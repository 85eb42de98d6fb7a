import type { CallerConfig } from '../config/config.js';

/** What a caller of the configuration means, in one sentence. */
export function callerText(caller: CallerConfig): string {
  const { name, kind, path, deadlineMs, onSlow, lateDeadlineMs, repeatsMs } = caller;
  const seconds = (ms: number) => `${ms / 1000} s`;
  const slow =
    onSlow === '202'
      ? `then 202, and the message is given up after ${seconds(Math.max(lateDeadlineMs, deadlineMs))}`
      : 'then 503 or 504';
  const parts = [
    `POST ${path} is answered within ${seconds(deadlineMs)}, ${slow}`,
    ...(caller.class === 'alert' ? ['an alert: it waits behind all logins'] : []),
    ...(repeatsMs > 0 ? [`a repeat within ${seconds(repeatsMs)} is not sent again`] : []),
    ...(caller.modems ? [`sent by ${caller.modems.join(', ')} only`] : []),
    ...(caller.countries ? [`to ${caller.countries.join(', ')} only`] : []),
    ...(caller.mayRead ? ['GET /sms/{id} tells what became of it'] : []),
  ];
  return `caller "${name}" (${kind}): ${parts.join('; ')}`;
}

/**
 * The paths that a proxy has to let through, as a regular expression for nginx and for Caddy. It
 * ends in `\z`: `$` would also match before a line feed at the end (pcrepattern(3)).
 */
export function pathsText(callers: readonly CallerConfig[]): string {
  const paths = [...new Set(callers.map(({ path }) => path))];
  const read = callers.some(({ mayRead }) => mayRead) ? ['/sms/[0-9a-f-]{36}'] : [];
  return `^(?:${[...paths.map((path) => path.replace(/\./g, '\\.')), ...read].join('|')})\\z`;
}
