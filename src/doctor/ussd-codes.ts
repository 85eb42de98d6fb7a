/**
 * Which USSD codes are sent: none that changes what becomes of calls, or a password, unless the
 * configuration says so.
 */

import type { UssdService } from '../config/schema.js';

/** Characters of a request (3GPP TS 23.038 6.1.2.3 allows 182). */
const maxRequestLength = 182;

/** What is wrong with a USSD request as such; undefined when it is one. */
export function whyNoUssd(code: string): string | undefined {
  if (/^[0-9*#]+$/.test(code) && code.length <= maxRequestLength) return undefined;
  return `a USSD code has digits, * and #, as *100#, ${maxRequestLength} at most`;
}

/**
 * Service codes of 3GPP TS 22.030 annex B, and of 6.5.4 and 6.6.2 for passwords and PINs. 88 is
 * Follow Me (TS 22.094), which forwards calls by a way of its own.
 */
const services: readonly (readonly [service: UssdService, codes: RegExp, does: string])[] = [
  ['call_forwarding', /^(?:21|61|62|67|002|004|88)$/, 'changes call forwarding'],
  ['call_barring', /^(?:33|330|331|332|333|35|351|353)$/, 'changes call barring'],
  ['password', /^03$/, 'changes the password of call barring'],
  ['pin', /^(?:04|042|05|052)$/, 'changes or unblocks a PIN'],
];

/** 6.5.2: `*` activates, `**` registers, `#` deactivates, `##` erases; `*#` only asks. */
const procedure = /^(?:\*\*|##|\*|#)(\d{2,3})(?=[*#]|$)/;

/**
 * Why a request may not be sent; undefined when it may. `allowed` is `control.ussd_allow`: who may
 * reach the control socket is not always who may send the SIM's calls elsewhere, lock it, or spend
 * a PIN try.
 */
export function whyNotUssd(code: string, allowed: readonly UssdService[]): string | undefined {
  const objection = whyNoUssd(code);
  if (objection !== undefined) return objection;
  const number = procedure.exec(code)?.[1];
  const found = services.find(([, codes]) => number !== undefined && codes.test(number));
  if (found === undefined || allowed.includes(found[0])) return undefined;
  return `this code ${found[2]}: it is sent only when ussd_allow under [control] in the configuration names "${found[0]}"`;
}
