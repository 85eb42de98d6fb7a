import { isIPv4, isIPv6 } from 'node:net';
import type { LimitName } from '../config/policy.js';
import type { Hold, HoldKind } from './holds.js';
import type { Numbering } from './numbering.js';
import type { RecipientRefusal } from './recipient-rules.js';
import type { Fill, LimitKeys } from './windows.js';

/** Who wants to write to whom. */
export interface PolicyRequest {
  /** E.164 with `+`. */
  recipient: string;
  /** The configured name of who asks. */
  caller: string;
  /** Alerts have a share of the limits only, so that logins always have the rest. */
  isAlert?: boolean;
  /**
   * The address of the person who logs in, as the caller tells it; what is no address counts as
   * none.
   */
  clientIp?: string;
}

/** What a request is judged and counted by; found out once for each message. */
export interface Subject {
  /** As it would be dialled, and as it is counted. */
  readonly recipient: { readonly number: string; readonly countedAs: string };
  readonly caller: string | undefined;
  readonly isAlert: boolean;
  readonly numbering: Numbering;
  /**
   * ISO 3166-1 alpha-2, else `+` and a calling code: what the message is counted by per country.
   */
  readonly country: string;
  /** Of the one spelling that its subscriber is counted by. */
  readonly recipientHmac: string;
  /** Of all but the last four digits. */
  readonly blockHmac: string;
  readonly ipHmac: string | undefined;
  /** By which windows it is counted. */
  readonly keys: LimitKeys;
}

/**
 * A message that was let in. Each holder calls exactly one of `keep` and `giveBack`, once its
 * outcome is known; what comes after a `keep` does nothing.
 */
export interface Reservation {
  /**
   * The newer message that takes the place of this one has the same place within the limits: at
   * most one of them is sent.
   */
  share(): Reservation;
  /** The message may have been submitted, or the network refused it: it counts. */
  keep(): void;
  /** Nothing was started: it never counted. */
  giveBack(): void;
  /**
   * Its send stalled a modem: recipient and block cool down. May be called with either of the
   * others, once.
   */
  stalled(): void;
}

/** A message of the last 24 hours as the journal knows it. */
export interface PolicyRow {
  /** Wall milliseconds. */
  at: number;
  caller: string;
  recipientHmac: string;
  blockHmac: string;
  country?: string | undefined;
  ipHmac?: string | undefined;
  /** Its recipient was unlocked since: `per_recipient` does not count it. */
  isForgiven?: boolean | undefined;
}

/** What stands in the way of a message. */
export interface Refusal {
  code: RecipientRefusal['code'] | 'rate_limited';
  /**
   * The key of `[policy]`, `length`, the kind of hold, or `memory`: too many messages to remember.
   */
  reason: RecipientRefusal['reason'] | LimitName | HoldKind | 'memory';
  /** For people; holds no number. */
  detail: string;
  /** Milliseconds from now; `undefined`: for good. */
  retryAfterMs: number | undefined;
}

/** What would become of a request, and why. */
export interface Explanation {
  numbering: Numbering;
  /** `undefined`: the message would be let in. */
  refusal: Refusal | undefined;
  /** Every window that the request would be counted in. */
  fills: readonly (Omit<Fill, 'freeAt'> & {
    /** 0: there is room. */
    freeInMs: number;
    /** Of a limit that many share: 80 % is used. */
    isNearlyFull: boolean;
  })[];
  /** Limits without a window, or without what they count by. */
  notLookedAt: readonly LimitName[];
  /**
   * Where other boxes count towards the same limits: whether what they counted is left out.
   * Undefined: there are none.
   */
  ownBoxOnly: boolean | undefined;
  holds: readonly (Pick<Hold, 'kind' | 'strikes'> & { freeInMs: number })[];
}

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
