/**
 * Calls to other machines: bounded in time, not redirected, and told of without their address.
 * Knows nothing of: what is told, to whom, and when it is tried again.
 * Way: `call` → `fetch`, within its time → 2xx, else {@link NotTaken}, which says why.
 */

import { readFile } from 'node:fs/promises';
import { within } from '../clock/within.js';
import { foreignWords } from '../words/foreign.js';
import { whyFailed } from '../words/system-fault.js';

export interface OutgoingCall {
  url: string;
  method: 'GET' | 'POST';
  headers?: Record<string, string>;
  /** JSON. */
  body?: string;
  /**
   * What the receiver says of a refusal is told, unless it repeats one of these; undefined: none of
   * its words are.
   */
  secrets?: readonly string[];
  signal: AbortSignal;
}

/** The receiver has not taken it. The message is for people: no secret, address or number. */
export class NotTaken extends Error {
  override readonly name = 'NotTaken';
  /** It is away, or overloaded: what follows would fare no better. */
  readonly isAway: boolean;
  /** Milliseconds for which it wants to be left alone. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: { isAway?: boolean; retryAfterMs?: number | undefined } = {},
  ) {
    super(message);
    this.isAway = options.isAway ?? true;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Milliseconds for the whole call. */
const callMs = 10_000;
/** Octets of a refusal that are read, and characters that are told. */
const longestRefusal = 1_024;
const longestTold = 120;
/** The longest wait that a receiver may ask for, in milliseconds. */
const longestAskedMs = 3_600_000;

/** Resolves when it was answered 2xx. Rejects with {@link NotTaken}. */
export function call(asked: OutgoingCall): Promise<void> {
  return within(callMs, asked.signal, (signal) => answered(asked, signal));
}

async function answered(
  { url, method, headers = {}, body, secrets }: OutgoingCall,
  signal: AbortSignal,
): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers: { 'user-agent': 'simgate', ...headers },
      ...(body !== undefined && { body }),
      // A redirect would take secrets and texts along to wherever it leads.
      redirect: 'manual',
      signal,
    });
  } catch (error) {
    throw new NotTaken(reasonOf(error));
  }
  const { ok, status } = response;
  // It hung up under its answer, of which the status is known all the same.
  if (ok || secrets === undefined) await response.body?.cancel().catch(() => undefined);
  if (ok) return;
  const said = secrets === undefined ? '' : await beginningOf(response);
  const isRepeated = secrets?.some((secret) => secret !== '' && said.includes(secret)) === true;
  const isRedirect = status >= 300 && status < 400;
  const what = isRedirect ? redirected : isRepeated ? '' : foreignWords(said, longestTold);
  throw new NotTaken(`it answers ${status}${what === '' ? '' : ` (${what})`}`, {
    isAway: status >= 500 || status === 429 || status === 408,
    retryAfterMs: retryAfterMs(response.headers.get('retry-after')),
  });
}

const redirected = 'it redirects, which is not followed: write the address that it leads to';

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
  if (value === null || !/^\d{1,6}$/.test(value)) return undefined;
  return Math.min(Number(value) * 1000, longestAskedMs);
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
  if (error instanceof Error && error.name === 'AbortError') return 'simgate was stopped';
  const code = codeOf(error);
  const what = code === 'late' ? `it did not answer within ${callMs / 1000} s` : reasons[code];
  const words = what ?? `it cannot be reached (${code})`;
  if (!isService || !firewalled.includes(code)) return words;
  return `${words}: under its unit simgate may call this machine only, until IPAddressAllow= lets it (docs/systemd.md)`;
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'TimeoutError') return 'late';
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
    throw new NotTaken(`the file with its secret cannot be read: ${whyFailed(error)}`);
  }
}

/** The same where it is an address that is called. */
export async function addressIn(file: string): Promise<string> {
  const address = await secretIn(file);
  if (URL.canParse(address) && /^https?:/.test(address)) return address;
  throw new NotTaken('the file with its address holds none that begins with https:// or http://');
}
