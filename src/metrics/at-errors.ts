import { AtCancelled, AtCommandError, AtLinkLost, AtNoResult, AtTimeout } from '../at/errors.js';

/** The labels of an attempt to submit a segment that failed. */
export interface AtErrorLabels {
  /** `cms`, `cme` and `error`: the modem's own final result code; the others: how it gave none. */
  kind: 'cms' | 'cme' | 'error' | 'timeout' | 'no_result' | 'link_lost' | 'settings_lost';
  /** Of `cms` and `cme`: the number as the tables have it, else `other`. Of all others: empty. */
  code: string;
}

/**
 * The highest code with a label of its own: 27.005 3.2.5 (`+CMS ERROR`) and 27.007 9.2 (`+CME
 * ERROR`) give meanings up to 511; 512 and above are each manufacturer's. What the modem says is
 * untrusted, and each label is a series kept for ever.
 */
const highestCode = 511;

/**
 * What `cause`, that made an attempt fail, counts as; undefined when it is none of the modem's
 * doing (the caller withdrew), or nothing that the AT dialogue raised.
 */
export function atErrorLabels(cause: unknown): AtErrorLabels | undefined {
  if (cause instanceof AtCommandError) {
    const { kind } = cause.final;
    if (kind === 'ERROR') return { kind: 'error', code: '' };
    return { kind: kind === 'CMS' ? 'cms' : 'cme', code: boundedCode(cause.final.code) };
  }
  if (cause instanceof AtTimeout) return { kind: 'timeout', code: '' };
  if (cause instanceof AtNoResult) return { kind: 'no_result', code: '' };
  if (cause instanceof AtLinkLost) return { kind: 'link_lost', code: '' };
  if (cause instanceof AtCancelled && cause.because === 'reset')
    return { kind: 'settings_lost', code: '' };
  return undefined;
}

function boundedCode(code: number | undefined): string {
  return code !== undefined && Number.isInteger(code) && code >= 0 && code <= highestCode
    ? String(code)
    : 'other';
}
