import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/**
 * Tells for the log who sent a request: the IP address that the nearest machine we trust has seen,
 * `unknown` if it is gone already.
 */
export type ClientAddressOf = (req: IncomingMessage) => string;

/**
 * `trustedProxies` are IP addresses and CIDR ranges (RFC 4632, RFC 4291 2.3) of the proxies in
 * front of us. Only when the connection comes from one of them is its `X-Forwarded-For` looked at,
 * from the right: each proxy appends the address that it was called from, so the first one that is
 * no proxy of ours is the caller, and all to the left of it may be invented. Nothing is decided by
 * the result: it stands in the log line of a refusal, whole, for fail2ban and its kin to act on.
 * Throws a `RangeError` for what is no range.
 */
export function clientAddress(trustedProxies: readonly string[]): ClientAddressOf {
  const isTrusted = within(trustedProxies);
  return (req) => {
    const peer = plainAddress(req.socket.remoteAddress ?? '');
    if (peer === undefined) return 'unknown';
    if (!isTrusted(peer)) return peer;
    let nearest = peer;
    const hops = fieldLines(req, 'x-forwarded-for').split(',');
    while (isTrusted(nearest)) {
      const hop = plainAddress(hops.pop() ?? '');
      // The end of the list, or a proxy that names its callers otherwise: the last one we know is
      // then the best we know.
      if (hop === undefined) break;
      nearest = hop;
    }
    return nearest;
  };
}

/** Whether a connection comes from one of the ranges. Throws a `RangeError` for what is none. */
export function comesFrom(ranges: readonly string[]): (req: IncomingMessage) => boolean {
  const isWithin = within(ranges);
  return ({ socket }) => {
    const peer = plainAddress(socket.remoteAddress ?? '');
    return peer !== undefined && isWithin(peer);
  };
}

function within(ranges: readonly string[]): (address: string) => boolean {
  const list = toBlockList(ranges);
  return (address) =>
    ranges.length > 0 && list.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
}

function fieldLines(req: IncomingMessage, name: string): string {
  return req.headersDistinct[name]?.join(',') ?? '';
}

function toBlockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits, ...rest] = range.split('/');
    const version = isIP(address);
    const widest = version === 4 ? 32 : 128;
    const isPrefix = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= widest);
    if (version === 0 || !isPrefix || rest.length > 0) {
      throw new RangeError(
        `"${range}" is neither an IP address nor a range of them, as 192.0.2.0/24`,
      );
    }
    list.addSubnet(address, Number(bits ?? widest), version === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

/**
 * An address without the port and brackets that some proxies add; an IPv4 address in IPv6 clothes
 * (RFC 4291 2.5.5.2) as what it is.
 */
function plainAddress(text: string): string | undefined {
  const bare = text
    .trim()
    .replace(/^\[(.*)\](?::\d+)?$/, '$1')
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1')
    .replace(/^::ffff:(?=\d+\.)/i, '');
  return isIP(bare) === 0 ? undefined : bare;
}
