import type { IncomingMessage } from 'node:http';
import { SendError } from '../errors.js';
import { AmbiguousJson, parseJson } from './json.js';

/** The caller hung up before its request was whole: nobody is there to be answered. */
export class CallerLeft extends Error {
  override readonly name = 'CallerLeft';
}

/**
 * A body as JSON (RFC 8259) in UTF-8, whatever its content type says: Auth0's own samples name
 * none. Names that stand twice in an object and deep nesting are refused (see {@link parseJson}).
 * @throws SendError `body_invalid`
 */
export function parseBody(octets: Uint8Array): unknown {
  if (octets.length === 0) throw new SendError('body_invalid', { detail: 'the body is empty' });
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(octets));
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
  const encoding = req.headers['content-encoding'] ?? 'identity';
  if (encoding.trim().toLowerCase() !== 'identity') {
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
    const settle = (act: () => void) => {
      req.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      act();
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      if (length > maxOctets) settle(() => reject(tooLarge()));
    };
    const onEnd = () => settle(() => resolve(Buffer.concat(chunks)));
    const onGone = () =>
      settle(() => reject(new CallerLeft('the caller left while it sent its request')));
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
