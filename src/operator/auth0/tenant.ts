/** Where a tenant is asked, and how its failing to answer is told to a person. */

import { hostOf, isLoopback } from '../../config/listen.js';
import { OperatorError } from '../../errors.js';

/** A tenant's address. */
export interface Tenant {
  /** Host name, with a port only on loopback. */
  domain: string;
  /** Scheme and host, as `https://example.eu.auth0.com`. */
  origin: string;
}

/**
 * Reads a domain as people have it: `example.eu.auth0.com`, or with `https://` and a closing slash.
 * Plain http is taken for loopback only, where a stand-in of Auth0 may run. Throws {@link
 * OperatorError}.
 */
export function parseTenant(text: string): Tenant {
  const full = /^[a-z]+:\/\//i.test(text) ? text : `https://${text}`;
  const url = URL.canParse(full) ? new URL(full) : null;
  const isPlain = url?.protocol === 'http:' && isLoopback(hostOf(url));
  const isBare =
    url?.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  if (url === null || !isBare || !(url.protocol === 'https:' || isPlain))
    throw new OperatorError(
      'the domain must be that of the tenant, as example.eu.auth0.com (dashboard: Settings › General › Domain)',
    );
  return { domain: url.host, origin: url.origin };
}

/**
 * What Auth0's Management API means by a refusal, with the way out. `said` are its words; `token`
 * is one that a person gave, undefined for one that an application asked for.
 */
export function explainRefusal(
  status: number,
  said: string,
  errorCode: string | undefined,
  domain: string,
  token: string | undefined,
): string {
  if (errorCode === 'insufficient_scope') {
    const [, scopes = 'the one it names'] = /expected any of: ?(.+?)\.?$/i.exec(said) ?? [];
    const where = token === undefined ? 'the application' : 'the token';
    return `${where} lacks a scope: grant ${scopes.split(/,\s*/).join(' or ')} (403)`;
  }
  if (status === 401) {
    const own = token === undefined ? undefined : tenantOfToken(token);
    if (own !== undefined && own !== domain)
      return `the token is not accepted (401: ${said}): it is one for ${own}, so give --domain ${own}`;
    return `the token is not accepted (401: ${said}). A token lives a day, and is good for its own tenant and the audience https://…/api/v2/ only${customDomainHint(domain)}`;
  }
  if (status >= 500)
    return `Auth0 has a fault of its own (${status}: ${said}): see status.auth0.com and try again`;
  return `refused with ${status}: ${said}`;
}

/** Why Auth0 gives an application no token, with the way out. */
export function explainNoToken(status: number, domain: string): string {
  if (status >= 500) return 'Auth0 has a fault of its own: see status.auth0.com and try again';
  const belonging = 'see whether client id, client secret and domain belong together';
  if (status !== 403) return `${belonging}${customDomainHint(domain)}`;
  const grant =
    "authorise the application for the API 'Auth0 Management API' (dashboard: Applications › APIs › Auth0 Management API › Machine to Machine Applications), with the scopes that docs/auth0.md lists";
  return `${grant}${customDomainHint(domain)}`;
}

/**
 * The Management API's audience is the tenant's own domain, also where a custom one leads to it.
 */
function customDomainHint(domain: string): string {
  if (domain.endsWith('.auth0.com')) return '';
  return `. Is ${domain} a custom domain? The Management API goes by the tenant's own, as example.eu.auth0.com (dashboard: Settings › General › Domain)`;
}

/**
 * The tenant whose Management API a token is for, by its `aud`, unchecked; undefined for what is no
 * such JWT.
 */
function tenantOfToken(token: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(
      Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'),
    );
    const { aud } = Object(claims) as { aud?: unknown };
    const texts = [aud].flat().filter((one) => typeof one === 'string');
    return texts.map((one) => /^https:\/\/([a-z0-9.-]+)\/api\/v2\/$/.exec(one)?.[1]).find(Boolean);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    return undefined;
  }
}

/** The error codes of Node and OpenSSL for a certificate that does not hold. */
const tlsCodes = /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(?:GET|VERIFY)_)/;

/**
 * Why `fetch` could not reach `domain`: name, certificate, proxy, connection or time, with the way
 * out. Undefined for what is no failure of the network, which is a bug.
 */
export function explainNetworkError(
  thrown: unknown,
  domain: string,
  env: NodeJS.ProcessEnv,
): string | undefined {
  if (thrown instanceof DOMException && thrown.name === 'TimeoutError')
    return `${domain} did not answer in time: try again, and look at the network if it stays so`;
  // How fetch wraps every failure of the network (WHATWG Fetch 5.1); a mistake of ours is a
  // TypeError without a cause.
  if (!(thrown instanceof TypeError && thrown.cause instanceof Error)) return undefined;
  const code = causeCode(thrown.cause) ?? thrown.cause.message;
  return `${whatFailed(code, domain)}${proxyHint(env)}`;
}

/**
 * The code of an error of the system, of OpenSSL or of `fetch`; of the first one when several
 * addresses were tried.
 */
function causeCode(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  if ('code' in cause && typeof cause.code === 'string') return cause.code;
  return cause instanceof AggregateError ? causeCode(cause.errors[0]) : undefined;
}

function whatFailed(code: string, domain: string): string {
  if (code === 'ENOTFOUND' || code === 'ENODATA')
    return `the name ${domain} is unknown to DNS: see whether it is spelled as in the dashboard`;
  if (code === 'EAI_AGAIN')
    return `DNS does not answer, so ${domain} cannot be found: look at the network`;
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return `the certificate of ${domain} does not hold at this time (${code}): see with \`date\` whether this machine's clock is right`;
  if (tlsCodes.test(code))
    return `TLS with ${domain} failed (${code}): is a proxy in between? NODE_EXTRA_CA_CERTS names a file with its CA`;
  if (code === 'ECONNREFUSED') return `${domain} refuses the connection`;
  if (code === 'ENETUNREACH' || code === 'EHOSTUNREACH')
    return `there is no way to ${domain} (${code})`;
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT')
    return `no connection to ${domain} came about in time: does a firewall drop it?`;
  return `the connection to ${domain} failed (${code})`;
}

/** Node's fetch does not look at the proxy variables unless told to. */
function proxyHint(env: NodeJS.ProcessEnv): string {
  const isProxied = (env.HTTPS_PROXY ?? env.https_proxy ?? '') !== '';
  if (!isProxied || env.NODE_USE_ENV_PROXY === '1') return '';
  return '. HTTPS_PROXY is set, but Node heeds it only with NODE_USE_ENV_PROXY=1 (Node 22.21, 24 or later)';
}
