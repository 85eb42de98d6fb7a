/** The URL under which Auth0 reaches this gateway: whether it can work, and whether it does. */

import { BlockList, isIPv4, isIPv6 } from 'node:net';
import * as v from 'valibot';
import type { Auth0View } from '../../config/config.js';
import { hostOf } from '../../config/listen.js';
import { error, type Finding, ok, warning } from '../../doctor/finding.js';
import { mintToken } from '../../secret/token.js';
import { explainNetworkError } from './tenant.js';

/** Schema of Auth0's connections: `gateway_url`. */
const maxUrlLength = 255;
const probeTimeoutMs = 10_000;
/**
 * How long ago the token of a probe has expired, in seconds: more than any
 * `auth0.clock_tolerance_s`.
 */
const probeTokenAgeS = 7_200;
/** Life of that token, in seconds. */
const probeTokenS = 60;

const check = 'auth0_gateway_url';

/**
 * What is wrong with the URL by its looks; a single "ok" when nothing is.
 * @param path where the gateway takes this caller's messages
 */
export function judgeGatewayUrl(text: string, path = '/sms'): Finding[] {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['https:', 'http:'].includes(url.protocol))
    return [error(check, 'the gateway URL is no URL', 'give it as https://sms.example.com/sms')];
  const findings: Finding[] = [];
  if (text.length > maxUrlLength)
    findings.push(
      error(
        check,
        `the gateway URL has more than ${maxUrlLength} characters`,
        'Auth0 takes no longer one',
      ),
    );
  if (url.username !== '' || url.password !== '')
    findings.push(
      error(
        check,
        'the gateway URL holds a user name or password',
        'take it out: the token is what counts',
      ),
    );
  if (url.protocol === 'http:')
    findings.push(
      warning(
        check,
        'the gateway URL is not https: codes, numbers and tokens can be read on the way',
        'put a TLS proxy in front of simgate',
      ),
    );
  if (!url.pathname.endsWith(path))
    findings.push(
      warning(
        check,
        `the gateway URL does not end in ${path}, but in "${url.pathname}"`,
        `simgate takes messages at ${path} only, unless a proxy rewrites the path`,
      ),
    );
  if (isLocalOnly(text)) findings.push(localOnlyFinding(url));
  return findings.length > 0 ? findings : [ok(check, `${text} looks as it should`)];
}

function localOnlyFinding(url: URL): Finding {
  const what = `Auth0 cannot reach ${hostOf(url)}, which nobody on the internet can`;
  return warning(check, what, 'give the name under which the internet knows this gateway');
}

/** Addresses that no packet of the internet goes to (RFC 6890, and RFC 6666 for discard). */
const localAddresses = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  localAddresses.addSubnet(net, bits, 'ipv4');
for (const [net, bits] of [
  ['::', 127],
  ['100::', 64],
  ['2001:db8::', 32],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  localAddresses.addSubnet(net, bits, 'ipv6');

/**
 * Names that no public DNS has (RFC 6761, 6762, 8375, 9476, ICANN's `.internal`), and what routers
 * and offices use all the same.
 */
const localNames =
  /(?:^|\.)(?:localhost|local|lan|internal|intranet|private|corp|home|home\.arpa|localdomain|test|invalid|example|onion|alt)$/;

/**
 * Whether the URL's host is one that Auth0 cannot reach: an address or name of a local network, or
 * a name without a dot.
 */
export function isLocalOnly(text: string): boolean {
  const host = hostOf(new URL(text)).replace(/\.$/, '');
  if (isIPv4(host)) return localAddresses.check(host, 'ipv4');
  // An IPv4 address in IPv6 form (RFC 4291 2.5.5.2) is looked up as what it stands for.
  if (isIPv6(host)) return localAddresses.check(host, 'ipv6');
  return !host.includes('.') || localNames.test(host);
}

const problemSchema = v.object({ code: v.string() });

/** What the gateway made of a {@link probeGateway}. */
export interface Probe {
  finding: Finding;
  /** Whether it was simgate that answered, be it with a refusal of this very token. */
  isSimgate: boolean;
}

/**
 * Asks the gateway at its public URL, with a token that is right but has expired: 401
 * `token_expired`, and not `token_invalid`, proves name, TLS, proxy, secret, subject and audience.
 * Nothing can be sent with it, and it is not taken for a login by a rotation that waits for one.
 * From this machine's point of view, which may differ from Auth0's.
 */
export async function probeGateway(
  url: string,
  config: Auth0View,
  key: Uint8Array,
  environment: { fetch: typeof fetch; env: NodeJS.ProcessEnv },
): Promise<Probe> {
  const { subject, audience } = config.auth0;
  const nowS = Math.floor(Date.now() / 1000) - probeTokenAgeS;
  const token = await mintToken({ secret: key, subject, audience, expiresInS: probeTokenS, nowS });
  try {
    const response = await environment.fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{}',
      redirect: 'manual',
      signal: AbortSignal.timeout(probeTimeoutMs),
    });
    const code = codeOf(await response.text());
    const isRefusal = response.status === 401 && (code ?? '').startsWith('token_');
    const isSimgate = isRefusal || (response.status === 503 && code === 'clock_unset');
    return { finding: judgeAnswer(response.status, code), isSimgate };
  } catch (thrown) {
    const reason = explainNetworkError(thrown, new URL(url).host, environment.env);
    if (reason === undefined) throw thrown;
    const finding = warning(
      'auth0_gateway',
      `the gateway was not reached from here: ${reason}`,
      'if the internet reaches it and this machine does not (no way back through your own router), all is well',
    );
    return { finding, isSimgate: false };
  }
}

function codeOf(text: string): string | undefined {
  try {
    const parsed = v.safeParse(problemSchema, JSON.parse(text));
    return parsed.success ? parsed.output.code : undefined;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    return undefined;
  }
}

function judgeAnswer(status: number, code: string | undefined): Finding {
  const name = 'auth0_gateway';
  if (status === 401 && code === 'token_expired')
    return ok(name, 'simgate answers at the gateway URL and knows the secret (nothing was sent)');
  if (status === 401)
    return error(
      name,
      `the gateway refuses this configuration's own token (401 ${code ?? ''})`,
      'has the daemon been restarted or reloaded since the secret, subject or audience changed? Does the proxy pass the Authorization header on?',
    );
  if (status === 503 && code === 'clock_unset')
    return error(
      name,
      'simgate answers, but waits for the time (503 clock_unset)',
      'is NTP running?',
    );
  if (status === 502 || status === 503 || status === 504)
    return error(
      name,
      `the proxy answers, but not simgate behind it (${status})`,
      'is the daemon running? systemctl status simgate',
    );
  return error(
    name,
    `something answers at the gateway URL, but not as simgate does (${status} ${code ?? ''})`,
    'see where the proxy sends /sms',
  );
}
