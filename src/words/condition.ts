/**
 * Something that the operator should be told of. Who finds it keeps it in a list for as long as it
 * holds; who tells (a page, an alert) reads the lists, and knows one again by `kind` and `about`.
 */
export interface Condition {
  /** Of a closed set, in snake_case: what is told of. */
  kind: ConditionKind;
  /** Which, where several may hold at once: a modem's name, a country; else empty. */
  about: string;
  /** For people: masked, and without a text of anybody's. */
  sentence: string;
  /** What to do about it. */
  remedy: string;
  /** Wall-clock milliseconds. */
  sinceMs: number;
}

export type ConditionKind =
  /** More messages than usual do not arrive, in one country or block of numbers. */
  | 'undelivered'
  /** What comes in finds no room on the disk, and is left on the SIM. */
  | 'inbound_full'
  | 'inbound_left'
  /** The receiver of what comes in does not take it. */
  | 'inbound_receiver'
  /** A message of the carrier that the operator wants to know of. */
  | 'carrier_message';
