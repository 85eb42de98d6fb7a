import { sendErrorCodes } from '../../src/errors.js';
import { problems } from '../../src/http/problem.js';

/** An answer as it stood on the wire. */
export interface Answer {
  status: number;
  type: string;
  body: string;
}

export interface Parsed {
  /** Final ones; an interim 100 is none. */
  answers: Answer[];
  /** Octets behind the last whole answer. */
  rest: number;
  /** What is not HTTP in it, if anything. */
  fault: string | undefined;
}

const statusLine = /^HTTP\/1\.1 (\d{3}) [ -~]*$/;
const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([ -~]*)$/;

/**
 * Takes the answers of a connection apart (RFC 9112), as strictly as one may; every answer of the
 * daemon has a length.
 */
export function parseAnswers(received: Buffer): Parsed {
  const answers: Answer[] = [];
  let at = 0;
  for (;;) {
    const end = received.indexOf('\r\n\r\n', at);
    if (end < 0) return { answers, rest: received.length - at, fault: undefined };
    const [first = '', ...lines] = received.toString('latin1', at, end).split('\r\n');
    const status = Number(statusLine.exec(first)?.[1]);
    const fields = new Map<string, string>();
    for (const line of lines) {
      const [, name, value] = fieldLine.exec(line) ?? [];
      if (name === undefined || fields.has(name.toLowerCase()))
        return { answers, rest: 0, fault: `header line ${JSON.stringify(line)}` };
      fields.set(name.toLowerCase(), value!);
    }
    const length = status === 100 ? 0 : Number(fields.get('content-length') ?? Number.NaN);
    if (!Number.isInteger(status + length))
      return { answers, rest: 0, fault: `head ${JSON.stringify(first)}` };
    const bodyAt = end + 4;
    if (received.length < bodyAt + length)
      return { answers, rest: received.length - at, fault: undefined };
    const body = received.toString('utf8', bodyAt, bodyAt + length);
    if (status !== 100) answers.push({ status, type: fields.get('content-type') ?? '', body });
    at = bodyAt + length;
  }
}

/** What is wrong with an answer by itself; undefined if nothing is. */
export function faultOf({ status, type, body }: Answer): string | undefined {
  if (status === 200 && type.startsWith('text/plain'))
    return /^(?:alive|ready)\n$/.test(body) ? undefined : body;
  if (isOfAdapter({ status, type, body })) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return `a body that is no JSON: ${body}`;
  }
  if (typeof json !== 'object' || json === null) return `a body that is no object: ${body}`;
  if (status === 200)
    return 'references' in json && 'id' in json ? undefined : `a 200 that says nothing: ${body}`;
  const code = sendErrorCodes.find((known) => 'code' in json && json.code === known);
  const isProblem =
    type === 'application/problem+json' && code !== undefined && problems[code].status === status;
  if (!isProblem || !('submitted' in json)) return `no problem body (RFC 9457): ${type} ${body}`;
  return code === 'internal' ? `an error within the daemon: ${body}` : undefined;
}

/** What a failure is called by Authgear (docs/specs/sms_gateway.md). */
const authgearWords =
  /^\{"code":"(?:ok|invalid_phone_number|rate_limited|authentication_failed|delivery_rejected|timeout|unsupported_request)"/;

/** An answer in one of the forms that other callers want. */
function isOfAdapter({ status, type, body }: Answer): boolean {
  const code = /\(([a-z_]+)\)$/.exec(body)?.[1];
  if (type.startsWith('text/plain'))
    return sendErrorCodes.some((known) => known === code && problems[known].status === status);
  if (!type.startsWith('application/json')) return false;
  if (authgearWords.test(body)) return body.startsWith('{"code":"ok"') === (status === 200);
  if (status === 200) return body === '{}' || /^\{"id":"[^"]+","status":"sent"\}$/.test(body);
  return (
    body.startsWith(`{"error":{"http_code":${status},`) ||
    /^\{"id":"[^"]+","status":"failed","code":"/.test(body)
  );
}

/** Whether it says that a message was sent. */
export function claimsSent({ status, type }: Answer): boolean {
  return status === 200 && type.startsWith('application/json');
}
