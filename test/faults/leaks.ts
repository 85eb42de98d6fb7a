import { toldNumber } from '../../src/simulator/vendors.js';
import { allMessages, type PlannedPhase } from './plan.js';
import { markerPrefix } from './texts.js';

/** Digits of every recipient of a run, and so the window that is looked for. */
const recipientDigits = 12;

/** Looks for what must never stand in a log (I6): texts, whole numbers, tokens, the secret. */
export class LeakSearch {
  readonly #secrets: readonly string[];
  readonly #numbers: ReadonlySet<string>;

  /** `secrets`: the shared secret and the tokens; of a token its signature alone is too much. */
  constructor(phase: PlannedPhase, secrets: readonly string[]) {
    this.#secrets = [
      markerPrefix,
      hexOf(Buffer.from(markerPrefix, 'utf8')),
      hexOf(Buffer.from(markerPrefix, 'utf16le').swap16()),
      ...secrets.flatMap((secret) => [secret, ...secret.split('.').slice(-1)]),
    ].map((text) => text.toLowerCase());
    const numbers = [
      toldNumber,
      ...allMessages(phase).map(({ recipient }) => recipient),
      ...phase.texts.map(({ from }) => from),
    ].map((number) => number.slice(1));
    this.#numbers = new Set(numbers.flatMap((digits) => [digits, semiOctets(digits)]));
  }

  /** What leaks in a line; undefined when nothing does. */
  find(line: string): string | undefined {
    const lower = line.toLowerCase();
    if (this.#secrets.some((secret) => lower.includes(secret)))
      return 'a text, a token or the secret';
    for (const [digits] of line.matchAll(/\d{12,}/g)) {
      for (let from = 0; from + recipientDigits <= digits.length; from += 1) {
        if (this.#numbers.has(digits.slice(from, from + recipientDigits))) return 'a whole number';
      }
    }
    return undefined;
  }
}

function hexOf(octets: Buffer): string {
  return octets.toString('hex');
}

/** As a number stands in a PDU (3GPP TS 23.040 9.1.2.3). */
function semiOctets(digits: string): string {
  return digits.replace(/(.)(.)/g, '$2$1');
}
