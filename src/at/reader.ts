import type { TransformCallback } from 'node:stream';
import { ReadlineParser } from '@serialport/parser-readline';
import { isPduLine } from './lines.js';

/** The line a reader yields for the prompt of 3GPP TS 27.005 3.5.1. */
export const PROMPT = '>';

/** Longest line kept, in octets; the longest real one is a `+CMGL` PDU of some 350. */
const maxLineOctets = 4096;

/** What a line, or a UART that nobody drives, can carry at the ends of a text: never part of it. */
const isNoise = (code: number): boolean => code <= 0x20 || code === 0x7f || code === 0xff;
/** Such noise, and a prompt. */
const promptAtStart = /^[\x00-\x20\x7f\xff]*>/;

/** A result code that no LF ends: a number, or a word where S4 (V.250 6.2.2) was changed. */
const bareResult = /(?:^|[\r\0]) *(?:\d|OK|ERROR)[ \0]*\r[\r\0 ]*$/;

/** What ends an echo that shares its LF with what follows: of a command, and of a payload. */
const echoEnd = /[\r\x1a]/;

/** What may stand before a response behind a prompt: more prompts, the echo of a PDU, or both. */
const behindPrompt = /^(?:> *)*(?:(?:[\dA-F]{2})+(?=\+CM|ERROR$|OK$))?/i;

/**
 * Bytes → lines, bounded. A line ends with LF; CR (also doubled), blanks and noise around it fall
 * off. The prompt has no newline, so while, and only while, {@link promptAwaited} is set, a `>` at
 * the beginning of a line is yielded at once as {@link PROMPT}; this fits `\r\n> `, `\r\n>` and
 * `\r\n>\r\n`, in one piece or several. What follows on that line, as an unsolicited result, is a
 * line of its own.
 */
export class LineReader extends ReadlineParser {
  /**
   * Set while a modem may answer as `ATV0` makes it: a result code then ends with CR, and no LF
   * follows (V.250 6.2.6).
   */
  bareResultAwaited = false;
  /** Lines dropped because they were longer than 4096 octets (noise, wrong baud rate). */
  droppedLines = 0;
  #promptAwaited = false;
  #discarding = false;
  /**
   * Nothing but the payload's echo has come since the prompt: a modem that prompts twice, and
   * begins no line with CR LF (`ATV0`), says its response behind what is left of the prompt.
   */
  #isBehindPrompt = false;

  constructor() {
    super({ delimiter: '\n', encoding: 'latin1' });
  }

  get promptAwaited(): boolean {
    return this.#promptAwaited;
  }

  /**
   * Set it right before a command that is answered by a prompt; it clears itself when the prompt
   * was seen. One that stands there already, and came late, is an earlier command's.
   */
  set promptAwaited(isAwaited: boolean) {
    this.#promptAwaited = isAwaited;
    const isLeft = isAwaited && promptAtStart.test(this.buffer.toString('latin1'));
    if (isLeft) this.buffer = Buffer.alloc(0);
  }

  override _transform(chunk: Buffer, encoding: BufferEncoding, done: TransformCallback): void {
    super._transform(this.#afterDiscarded(chunk), encoding, () => undefined);
    if (this.promptAwaited && this.buffer.includes(PROMPT)) this.#takePrompt();
    if (this.bareResultAwaited && bareResult.test(this.buffer.toString('latin1')))
      this.#takeBuffer();
    if (this.buffer.length > maxLineOctets) {
      this.buffer = Buffer.alloc(0);
      this.#discarding = true;
      this.droppedLines += 1;
    }
    done();
  }

  override push(line: Buffer | string | null): boolean {
    if (line === null) return super.push(null);
    if (line.length > maxLineOctets) {
      this.droppedLines += 1;
      return true;
    }
    for (const part of line.toString('latin1').split(echoEnd)) this.#takeLine(cleanLine(part));
    return true;
  }

  #takeLine(text: string): void {
    if (text.startsWith(PROMPT)) this.#pushPrompt();
    // What is left of a prompt already taken.
    if (text === PROMPT) return;
    const line = this.#isBehindPrompt ? text.replace(behindPrompt, '') : text;
    if (line === '') return;
    this.#isBehindPrompt &&= isPduLine(line);
    super.push(line, 'latin1');
  }

  #pushPrompt(): void {
    if (!this.promptAwaited) return;
    this.promptAwaited = false;
    this.#isBehindPrompt = true;
    super.push(PROMPT, 'latin1');
  }

  /** What is left of `chunk` when the tail of a line that was too long is cut off. */
  #afterDiscarded(chunk: Buffer): Buffer {
    if (!this.#discarding) return chunk;
    const lineFeed = chunk.indexOf('\n');
    this.#discarding = lineFeed < 0;
    return lineFeed < 0 ? Buffer.alloc(0) : chunk.subarray(lineFeed + 1);
  }

  #takeBuffer(): void {
    const line = this.buffer;
    this.buffer = Buffer.alloc(0);
    this.push(line);
  }

  /** A prompt without a newline begins the buffer, or what stands there behind a CR. */
  #takePrompt(): void {
    const parts = this.buffer.toString('latin1').split('\r');
    const at = parts.findIndex((part) => promptAtStart.test(part));
    if (at < 0) return;
    const rest = parts.slice(at).join('\r').replace(promptAtStart, '');
    this.buffer = Buffer.from(rest, 'latin1');
    for (const echo of parts.slice(0, at)) this.#takeLine(cleanLine(echo));
    this.#pushPrompt();
  }
}

/**
 * Without what a line can carry at its ends: CR, the echo of ESC and Ctrl-Z, NUL and 0xFF of a UART
 * at power-on. In one pass, however long the noise is.
 */
function cleanLine(line: string): string {
  let start = 0;
  let end = line.length;
  while (start < end && isNoise(line.charCodeAt(start))) start += 1;
  while (end > start && isNoise(line.charCodeAt(end - 1))) end -= 1;
  return line.slice(start, end);
}
