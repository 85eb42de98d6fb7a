/** What a status report says became of a message (3GPP TS 23.040 9.2.3.15). */

/**
 * - `delivered`: the handset has it.
 * - `unconfirmed`: passed on by the service centre, which cannot say whether it arrived.
 * - `replaced`: a newer message took its place at the service centre.
 * - `pending`: not yet; the service centre keeps trying and more reports may come.
 * - `expired`: its validity period ran out.
 * - `failed`: the service centre gave up.
 * - `unknown`: a value without a meaning of its own.
 */
export type DeliveryState =
  | 'delivered'
  | 'unconfirmed'
  | 'replaced'
  | 'pending'
  | 'expired'
  | 'failed'
  | 'unknown';

/**
 * The meaning of TP-ST (0–255). Values that are specific to a service centre take the meaning of
 * their group, except in the group "transaction completed", which does not tell delivered from
 * replaced.
 */
export function deliveryState(status: number): DeliveryState {
  if (status === 0x00) return 'delivered';
  if (status === 0x01) return 'unconfirmed';
  if (status === 0x02) return 'replaced';
  if (status === 0x46) return 'expired';
  if (status >= 0x20 && status <= 0x3f) return 'pending';
  if (status >= 0x40 && status <= 0x7f) return 'failed';
  return 'unknown';
}

/** Whether no other report is to be expected. */
const finalStates: readonly DeliveryState[] = ['delivered', 'replaced', 'expired', 'failed'];

/** What a message of several segments can be, too: of some of them nothing is known yet. */
export type MessageDelivery = DeliveryState | 'partly';

/** Whether the service centre has said its last word. */
export const isFinalDelivery = (state: MessageDelivery): boolean =>
  finalStates.some((final) => final === state);

/** Reports overtake each other: of two states of one segment the one further on counts. */
const advance: Readonly<Record<DeliveryState, number>> = {
  unknown: 0,
  pending: 1,
  unconfirmed: 2,
  replaced: 3,
  expired: 3,
  failed: 3,
  delivered: 4,
};

/**
 * The one of two TP-ST of one segment that counts, in whichever order they came: a handset that has
 * it has it, whatever else is said.
 */
export function furtherStatus(one: number | undefined, other: number): number {
  if (one === undefined) return other;
  return advance[deliveryState(other)] > advance[deliveryState(one)] ? other : one;
}

/**
 * What became of a message of so many segments, by the TP-ST of each; undefined: no report yet. One
 * segment that never arrives makes the text unreadable. Undefined while there is no report at all.
 */
export function messageDelivery(
  statuses: readonly (number | undefined)[],
): { state: MessageDelivery; status: number } | undefined {
  const known = statuses.flatMap((status) => (status === undefined ? [] : [status]));
  const worst = (...states: DeliveryState[]) =>
    known.find((status) => states.includes(deliveryState(status)));
  const lost = worst('failed', 'expired', 'replaced');
  if (lost !== undefined) return { state: deliveryState(lost), status: lost };
  const open = worst('pending');
  if (open !== undefined) return { state: 'pending', status: open };
  const [first] = known;
  if (first === undefined) return undefined;
  if (known.length < statuses.length) return { state: 'partly', status: first };
  const vague = worst('unknown') ?? worst('unconfirmed') ?? first;
  return { state: deliveryState(vague), status: vague };
}
