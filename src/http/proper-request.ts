import type { IncomingMessage } from 'node:http';
import type { SendErrorCode } from '../errors.js';

/** Header fields of a request; proxies and callers together send some 20. */
const maxFields = 100;

/**
 * Fields of which a request has one at most (RFC 9110 5.3). Node keeps the first of two, others the
 * last: whoever looked at the request before us may have judged the other one. A second
 * Content-Length is refused by Node's parser.
 */
const singular = new Set(['host', 'authorization', 'idempotency-key']);

/**
 * What Node's parser lets through and we do not, as the code to refuse it with: a request that
 * another reader, such as the proxy before us, could understand differently (RFC 9112 11.2), or
 * that is no HTTP/1.0 or 1.1.
 */
export function improperRequest(req: IncomingMessage): SendErrorCode | undefined {
  if (req.rawHeaders.length > 2 * maxFields) return 'headers_too_large';
  return isProper(req) ? undefined : 'request_malformed';
}

function isProper(req: IncomingMessage): boolean {
  const { httpVersion, headers, url = '' } = req;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return false;
  // RFC 9112 3.2
  if (httpVersion === '1.1' && headers.host === undefined) return false;
  // RFC 9112 6.1: HTTP/1.0 has no transfer codings, and we have no other than this one.
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && (httpVersion === '1.0' || coding.toLowerCase() !== 'chunked'))
    return false;
  // A target that is no URL makes Koa's router throw; it is the caller's fault, not ours.
  if (url !== '*' && !URL.canParse(url, 'http://localhost')) return false;
  return !hasTwoOfOne(req.rawHeaders);
}

/** `rawHeaders`: names and values in turn. */
function hasTwoOfOne(rawHeaders: readonly string[]): boolean {
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (!singular.has(name)) continue;
    if (seen.has(name)) return true;
    seen.add(name);
  }
  return false;
}
