/** By what the judgement tells one obstacle from another; docs/operations.md has these names. */

import * as finding from '../doctor/finding.js';
import type { NoticeKind } from '../modem/sms-modem.js';

/** What stands in the way. */
export type Check =
  | 'daemon'
  | 'clock'
  | 'modem'
  | 'sim'
  | 'registration'
  | 'sim_cap'
  | 'queue'
  | 'limit'
  | 'disk'
  | 'journal'
  | 'log'
  | 'alerts'
  | 'inbound'
  | 'storage'
  | 'engine'
  | 'shared'
  | NoticeKind;

/** Findings of the judgement; alerts know each by its check. */
export const error: (check: Check, what: string, remedy?: string) => finding.Finding =
  finding.error;
export const warning: typeof error = finding.warning;
