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
