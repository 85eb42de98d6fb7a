/**
 * Texts from the air that may span several lines. A carrier's menu, the name of a network, an SMS
 * in text mode: whoever wrote them chose the words, so a line `OK`, `+CMGS: 12` or `RDY` within one
 * is nobody's answer and no news of the modem. Their lines are gathered until the text ends, within
 * bounds, for a text that never ends must not swallow what the modem says in earnest.
 */

/** A text that has begun and not ended yet. */
export interface OpenText {
  /**
   * Its lines so far, the first being its head, with LF between them. Blank lines are lost on the
   * way.
   */
  readonly text: string;
  readonly lines: number;
  /**
   * `quote`: it ends at its closing quote. `silence`: an SMS in text mode, which says nowhere where
   * it ends.
   */
  readonly endsAt: 'quote' | 'silence';
}

/**
 * A USSD string has 182 characters (23.038 6.1.2.3), an SMS 160 (23.040): no real text is longer,
 * whatever its character set.
 */
const maxOctets = 1024;
const maxLines = 192;

/**
 * Milliseconds from its head until a text counts as over. At 9600 bit/s the longest takes one
 * second.
 */
export const openTextMs: Readonly<Record<OpenText['endsAt'], number>> = {
  quote: 2_000,
  silence: 1_000,
};

/** How information responses and URCs begin (27.007 4.1, and the vendors' own marks). */
const named = /^[+^#*$%!&][A-Za-z][A-Za-z0-9_]*:/;

/**
 * In PDU mode `<length>` ends the head of an SMS, and `<stat>` is a number; in text mode a text
 * stands there (27.005 3.4.1, 3.1).
 */
const textModeHead = /^\+(?:CMT:|CBM: *(?:\d+ *, *){3}|CMGR: *"|CMGL: *\d+ *, *")/;
const pduHead = /^\+(?:CMT|CDS|CBM): *(?:"[^"]*"|[^",]*)? *,? *\d{1,3} *$/;

/**
 * Whether a PDU follows on a line of its own (27.005 3.4.1); ZTE's `+CDS: ,25` is such a head too.
 */
export const isPduHead = (line: string): boolean => pduHead.test(line);

/**
 * Whether `line` is the head of an SMS in text mode: proof that the modem is not in PDU mode any
 * more.
 */
export const isTextModeHead = (line: string): boolean =>
  !isPduHead(line) && textModeHead.test(line);

/** The text that begins with `line` and goes on in the next one; undefined when it begins none. */
export function beginText(line: string): OpenText | undefined {
  if (isTextModeHead(line)) return { text: line, lines: 1, endsAt: 'silence' };
  const isOpen = named.test(line) && isQuoteOpen(line);
  return isOpen ? { text: line, lines: 1, endsAt: 'quote' } : undefined;
}

export function withLine(open: OpenText, line: string): OpenText {
  return { ...open, text: `${open.text}\n${line}`, lines: open.lines + 1 };
}

/** Whether its closing quote has come. */
export const isEnded = ({ endsAt, text }: OpenText): boolean =>
  endsAt === 'quote' && !isQuoteOpen(text);

/** Whether the text has ended, or come to the bound of what one may hold. */
export const isOver = (open: OpenText): boolean =>
  isEnded(open) || open.lines >= maxLines || open.text.length >= maxOctets;

/**
 * Whether a quote in `text` still waits for its end. Quotes within are written as they are (27.007
 * has no escape), so counting alone does not tell: one that begins a value opens, one that nothing
 * but further values follow closes.
 */
function isQuoteOpen(text: string): boolean {
  const at = text.lastIndexOf('"');
  if (at < 0) return false;
  const before = text.slice(0, at);
  const behind = text.slice(at + 1);
  const isCountEven = (text.split('"').length - 1) % 2 === 0;
  if (isCountEven && /^ *$/.test(behind)) return false;
  const opens = !isCountEven && /[:,(] *$/.test(before);
  if (opens) return true;
  // Behind the text of a USSD stands its data coding scheme and nothing else (27.007 7.15).
  const isUssd = /^\+CUSD:/i.test(text);
  if (isUssd) return !/^ *, *\d{0,3} *$/.test(behind);
  return !/^ *(?:[,)][^"\n]*)?$/.test(behind);
}
