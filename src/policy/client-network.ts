import { isIPv4, isIPv6 } from 'node:net';

/**
 * What a limit per client counts by: an IPv4 address, or the /64 network of an IPv6 address, since
 * one subscriber has at least that much (RFC 6177 2) and could use another address for each
 * request. An IPv4-mapped address (RFC 4291 2.5.5.2) is its IPv4 address. `undefined` for what is
 * no address: it comes from the caller, who may know none.
 */
export function clientNetwork(address: string): string | undefined {
  const bare = address.trim();
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return undefined;
  const groups = groupsOf(bare.replace(/%.*$/, ''));
  const [high, low] = groups.slice(6);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return [high! >> 8, high! & 255, low! >> 8, low! & 255].join('.');
  }
  const network = groups.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(':')}::/64`;
}

/** The eight groups of a valid IPv6 address (RFC 4291 2.2). */
function groupsOf(address: string): number[] {
  const [head = [], tail] = address.split('::').map(parseGroups);
  if (tail === undefined) return [...head];
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
}

function parseGroups(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a, b, c, d] = group.split('.').map(Number);
    return [a! * 256 + b!, c! * 256 + d!];
  });
}
