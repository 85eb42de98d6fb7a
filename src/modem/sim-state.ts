import type { FinalError } from '../at/lines.js';

/** `AT+CPIN?` (27.007 8.3). `unknown`: the modem does not tell, so the registration has to. */
export type SimState = 'ready' | 'pin' | 'puk' | 'absent' | 'busy' | 'other' | 'unknown';

/** What the line `+CPIN: …` says. */
export function readSimState(line: string | undefined): SimState {
  const state = /^\+CPIN: *"?([A-Z0-9 -]+)/i
    .exec(line ?? '')?.[1]
    ?.trim()
    .toUpperCase();
  // PIN2 guards what is none of an SMS: fixed dialling numbers and call charges.
  if (state === 'READY' || state === 'SIM PIN2' || state === 'SIM PUK2') return 'ready';
  if (state === 'SIM PIN') return 'pin';
  if (state === 'SIM PUK') return 'puk';
  if (state === 'NOT INSERTED' || state === 'SIM REMOVED') return 'absent';
  if (state === 'NOT READY') return 'busy';
  // PH-SIM PIN, PH-NET PIN and their kin: the equipment's own locks.
  return state?.startsWith('PH-') === true ? 'other' : 'unknown';
}

/**
 * What an error to `AT+CPIN?` says (27.007 9.2.1); the SIM7600 says it in words whatever `+CMEE`
 * is.
 */
export function simStateOfError({ kind, code, text }: FinalError): SimState {
  if (kind === 'CME' && (code === 10 || /not inserted/i.test(text))) return 'absent';
  if (kind === 'CME' && (code === 14 || code === 515 || /busy/i.test(text))) return 'busy';
  return 'unknown';
}
