/** Times and spans in words. */

/** `42 s`, `7 min`, `3 h 5 min`, `12 d 4 h`. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A wall-clock time: `2026-11-30 03:15 UTC`. */
export const utcText = (wallMs: number): string =>
  `${new Date(wallMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** The same as ISO 8601 has it; undefined where there is none. */
export const isoTime = (wallMs: number | undefined): string | undefined =>
  wallMs === undefined ? undefined : new Date(wallMs).toISOString();
