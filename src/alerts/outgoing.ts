/** Calls to other machines: bounded in time, not redirected, and told of without their address. */

import { readFile } from 'node:fs/promises';
import { within } from '../clock/within.js';
import { foreignWords } from '../words/foreign.js';
import { WayError } from './way.js';

export interface OutgoingCall {
  url: string;
  method: 'GET' | 'POST';
  headers?: Record<string, string>;
  /** JSON. */
  body?: string;
  /** What must not be told, should the receiver repeat it. */
  secrets?: readonly string[];
  signal: AbortSignal;
}

/** Milliseconds for the whole call. */
const callMs = 10_000;
/** Octets of a refusal that are read, and characters that are told. */
const longestRefusal = 1_024;
const longestTold = 120;

/** Resolves when it was answered 2xx. Rejects with {@link WayError}. */
export function call(asked: OutgoingCall): Promise<void> {
  return within(callMs, asked.signal, (signal) => answered(asked, signal));
}

async function answered(
  { url, method, headers = {}, body, secrets = [] }: OutgoingCall,
  signal: AbortSignal,
): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers: { 'user-agent': 'simgate', ...headers },
      ...(body !== undefined && { body }),
      // A redirect would take the secrets along to wherever it leads.
      redirect: 'manual',
      signal,
    });
  } catch (error) {
    throw new WayError(reasonOf(error));
  }
  if (response.ok) return response.body?.cancel();
  const said = await beginningOf(response);
  const isRepeated = secrets.some((secret) => secret !== '' && said.includes(secret));
  const words = isRepeated ? '' : foreignWords(said, longestTold);
  const what =
    response.status >= 300 && response.status < 400
      ? 'it redirects, which is not followed: write the address that it leads to'
      : words;
  throw new WayError(`it answers ${response.status}${what === '' ? '' : ` (${what})`}`, {
    retryAfterMs: retryAfterMs(response.headers.get('retry-after')),
  });
}

async function beginningOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return '';
  try {
    const { value } = await reader.read();
    return Buffer.from(value?.subarray(0, longestRefusal) ?? []).toString('utf8');
  } catch {
    // It hung up under its answer, of which the status is known all the same.
    return '';
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** RFC 9110 10.2.3, as seconds only. */
function retryAfterMs(value: string | null): number | undefined {
  return value !== null && /^\d{1,6}$/.test(value) ? Number(value) * 1000 : undefined;
}

const ownCertificate =
  'its certificate is signed by nobody who is known: NODE_EXTRA_CA_CERTS in the environment names one of your own';

/** By what Node and its `fetch` say; names no address. */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'it hung up',
  UND_ERR_SOCKET: 'it hung up',
  EPIPE: 'it hung up',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be asked for now',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no network',
  EPERM: 'this machine does not let simgate call it',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: ownCertificate,
  SELF_SIGNED_CERT_IN_CHAIN: ownCertificate,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ownCertificate,
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};
/** Those that the firewall of the unit makes: what it forbids it drops. */
const firewalled = ['EAI_AGAIN', 'EPERM', 'ENETUNREACH', 'late', 'ETIMEDOUT', 'ETIMEOUT'];

/** What kept a call from being answered, in words. */
export function reasonOf(error: unknown, isService = 'INVOCATION_ID' in process.env): string {
  const code = codeOf(error);
  const what = code === 'late' ? `it did not answer within ${callMs / 1000} s` : reasons[code];
  const words = what ?? `it cannot be reached (${code})`;
  if (!isService || !firewalled.includes(code)) return words;
  return `${words}: under its unit simgate may call this machine only, until IPAddressAllow= lets it (docs/alerts.md)`;
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'late';
  const { cause } = error;
  const own = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (own === undefined && cause !== undefined) return codeOf(cause);
  if (own === 'UND_ERR_CONNECT_TIMEOUT' || own === 'UND_ERR_HEADERS_TIMEOUT') return 'late';
  return own ?? error.name;
}

/** A secret of one line, read anew at each call: who changes it need not restart anything. */
export async function secretIn(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new WayError(`the file with its secret cannot be read (${code})`);
  }
}
