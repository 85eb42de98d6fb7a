import type { IncomingMessage } from 'node:http';
import { SendError } from '../errors.js';

/** The caller hung up before its request was whole: nobody is there to be answered. */
export class CallerLeft extends Error {
  override readonly name = 'CallerLeft';
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * A body as JSON (RFC 8259) in UTF-8, whatever its content type says: Auth0's own samples name
 * none. Names that stand twice in an object and deep nesting are refused (see {@link parseJson}).
 * @throws SendError `body_invalid`
 */
export function parseBody(octets: Uint8Array): unknown {
  if (octets.length === 0) throw new SendError('body_invalid', { detail: 'the body is empty' });
  try {
    return parseJson(utf8.decode(octets));
  } catch (error) {
    // Not kept as the cause: the parser's message quotes the body, and with it the one-time code.
    throw new SendError('body_invalid', { detail: whatIsWrong(error) });
  }
}

function whatIsWrong(error: unknown): string {
  if (error instanceof AmbiguousJson)
    return `the body is not JSON that everyone reads alike: ${error.message}`;
  return error instanceof SyntaxError ? 'the body is not JSON' : 'the body is not UTF-8';
}

/**
 * Reads a body of at most `maxOctets` octets. Rejects with a `SendError` of code `body_too_large`
 * (and reads no further) or `body_invalid` (it is compressed), or with {@link CallerLeft}.
 */
export async function readOctets(req: IncomingMessage, maxOctets: number): Promise<Buffer> {
  const encoding = req.headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (encoding !== '' && encoding !== 'identity') {
    throw new SendError('body_invalid', {
      detail: 'the body must not be compressed (Content-Encoding)',
    });
  }
  const tooLarge = () =>
    new SendError('body_too_large', { detail: `the body may have ${maxOctets} octets` });
  if (Number(req.headers['content-length'] ?? 0) > maxOctets) throw tooLarge();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    // Of a body that was read, the listeners go with the request.
    let isSettled = false;
    const fail = (error: Error) => {
      if (isSettled) return;
      isSettled = true;
      req.off('data', onData);
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      if (length > maxOctets) fail(tooLarge());
    };
    const onEnd = () => {
      isSettled = true;
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    };
    const onGone = () => {
      if (!isSettled) fail(new CallerLeft('the caller left while it sent its request'));
    };
    req.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
    if (req.destroyed) onGone();
  });
}

/**
 * Lets the rest of a refused body pass, at most `maxOctets` of it, and resolves. Who closes while
 * octets come in resets the connection, and then the caller may lose the answer that says why (RFC
 * 9112 9.6).
 */
export function discardRest(req: IncomingMessage, maxOctets: number): Promise<void> {
  return new Promise((resolve) => {
    let length = 0;
    const done = () => {
      req.off('data', onData).off('end', done).off('error', done).off('close', done);
      resolve();
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxOctets) done();
    };
    req.on('data', onData).on('end', done).on('error', done).on('close', done);
    if (req.destroyed || req.complete) done();
    else req.resume();
  });
}

/**
 * Nesting of what callers send is 3 or 4 at most; more is an attempt at whoever recurses over it.
 */
const maxDepth = 32;

/**
 * The text is JSON by its grammar, and still not to be taken: two readers could understand it
 * differently, or one break at it.
 */
export class AmbiguousJson extends Error {
  override readonly name = 'AmbiguousJson';
}

/**
 * Parses JSON (RFC 8259) that everyone reads alike: no name twice in one object (RFC 7493 2.3:
 * which one counts is each parser's own choice, so a proxy that checks recipients could see another
 * one than we do), and at most 32 levels deep. Throws {@link AmbiguousJson}, whose message quotes
 * nothing, or the `SyntaxError` of `JSON.parse`, whose message quotes the text.
 */
export function parseJson(text: string): unknown {
  // V8's parser does not recurse, and after it the text is known to be well-formed, which the scan
  // relies on.
  const value: unknown = JSON.parse(text);
  // One element for each level: the names that an object has so far, none for a list.
  const levels: (Set<string> | undefined)[] = [];
  let [stringAt, stringEnd] = [0, 0];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') {
      stringAt = at;
      stringEnd = endOfString(text, at);
      at = stringEnd - 1;
    } else if (character === '{' || character === '[') {
      levels.push(character === '{' ? new Set() : undefined);
      if (levels.length > maxDepth) throw new AmbiguousJson(`more than ${maxDepth} levels deep`);
    } else if (character === '}' || character === ']') levels.pop();
    else if (character === ':') noteName(levels.at(-1), text.slice(stringAt, stringEnd));
  }
  return value;
}

/** Where the string that begins at `start` is over: behind its closing quote. */
function endOfString(text: string, start: number): number {
  let quote = text.indexOf('"', start + 1);
  while (isEscaped(text, quote)) quote = text.indexOf('"', quote + 1);
  return quote + 1;
}

/** An odd number of backslashes stands before it. */
function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === '\\') first -= 1;
  return (at - first) % 2 === 1;
}

/** Names are the same when they are so without their escapes: `"bod\u0079"` is `"body"`. */
function noteName(names: Set<string> | undefined, literal: string): void {
  const name = literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
  if (names?.has(name)) throw new AmbiguousJson('a name stands twice in one object');
  names?.add(name);
}
