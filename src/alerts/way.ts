/** One way by which the operator is told, as the courier knows it. */

import type { AlertNotice } from './notice.js';

export interface AlertWay {
  /** For logs and pages: the configured name. */
  readonly name: string;
  readonly kind: 'webhook' | 'mail' | 'sms';
  /** As configured: a reload leaves a way alone that is configured as it was. */
  readonly settings: object;
  /** It is not troubled with what is mild. */
  readonly onlySevere: boolean;
  /**
   * Tells it. Bounded in time by itself, and given up when `signal` is aborted. Resolves when it
   * was told, or may have been: it is not told twice. Rejects with `NotTaken`.
   */
  deliver(notice: AlertNotice, signal: AbortSignal): Promise<void>;
}
