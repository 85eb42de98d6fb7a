/** CLOCK_MONOTONIC in milliseconds: the one clock that caller, daemon and virtual network share. */
export function monotonicMs(): number {
  return toMs(process.hrtime.bigint());
}

/**
 * Nanoseconds to milliseconds; a double keeps a nanosecond of them apart for the first hundred days
 * of a machine.
 */
export function toMs(ns: bigint): number {
  return Number(ns) / 1e6;
}
