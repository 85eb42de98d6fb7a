/**
 * How the CLI asks a running daemon: over a Unix socket, one request as a line of JSON,
 * `{"command": "…", …}`, answered by lines of JSON, the last of which is `{"done": true}` or
 * `{"error": "…"}`. Who asks keeps its side open until then: its end means that it no longer wants
 * the answer.
 */

import { OperatorError } from '../errors.js';

/** A request as it came: an object with a command, and whatever that one needs. */
export type ControlRequest = Readonly<Record<string, unknown>> & { readonly command: string };

/** Octets of a request, newline not counted. */
export const maxRequestOctets = 64 * 1024;
/** Octets of a line of the answer. */
export const maxAnswerOctets = 1024 * 1024;

/** Cuts bytes into lines of UTF-8; keeps at most one unfinished line. */
export class LineCutter {
  readonly #maxOctets: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(maxOctets: number) {
    this.#maxOctets = maxOctets;
  }

  /**
   * The lines that `chunk` completes, without their ends. Throws {@link OperatorError} at a line
   * that is too long.
   */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      this.#check(end);
      lines.push(rest.toString('utf8', 0, end));
      rest = rest.subarray(end + 1);
    }
    this.#check(rest.length);
    this.#rest = rest;
    return lines;
  }

  #check(octets: number): void {
    if (octets > this.#maxOctets)
      throw new OperatorError(
        `a line of a control connection has more than ${this.#maxOctets} octets`,
      );
  }
}

/** A line as an object; throws {@link OperatorError} when it is none. */
export function parseObject(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new OperatorError('a line of a control connection is not JSON', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new OperatorError('a line of a control connection is not a JSON object');
  return value as Record<string, unknown>;
}
