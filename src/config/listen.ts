import { isIPv4, isIPv6 } from 'node:net';

/** Where a listener is bound. */
export interface ListenAddress {
  /** An IP address (IPv6 without brackets) or a host name. */
  host: string;
  /** 0–65535; 0 lets the system choose one. */
  port: number;
}

/** A Unix socket that a listener is bound to. */
export interface ListenSocket {
  /** Absolute. */
  path: string;
}

/** The path in `unix:PATH`; `undefined` for an address of another kind. */
export function socketPathIn(address: string): string | undefined {
  return /^unix:(.*)$/s.exec(address)?.[1];
}

/** `host:port` or `[IPv6]:port` taken apart; `undefined` if it is neither. */
export function parseListen(address: string): ListenAddress | undefined {
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<name>[^:\s]+)):(?<port>\d{1,5})$/.exec(address);
  const { v6, name, port } = match?.groups ?? {};
  const host = v6 ?? name ?? '';
  const isHost = v6 === undefined ? isIPv4(host) || isHostName(host) : isIPv6(host);
  return isHost && Number(port) <= 65_535 ? { host, port: Number(port) } : undefined;
}

/** RFC 1123 2.1; a name of digits and dots only is a mistyped address. */
function isHostName(name: string): boolean {
  const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
  return new RegExp(`^${label}(?:\\.${label})*$`).test(name) && /[A-Za-z]/.test(name);
}

/**
 * Whether only this machine can reach a listener bound to `host` (127.0.0.0/8, `::1`, `localhost`).
 */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** The host of a URL, an IPv6 address without its brackets. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

/** `host:port`, or `[IPv6]:port`. */
export const hostAndPort = ({ host, port }: ListenAddress): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;
