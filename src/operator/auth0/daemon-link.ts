/** The running daemon, as the set-up needs it: asked through the control socket. */

import * as v from 'valibot';
import { askDaemon, askOnce, parseAnswer } from '../../control/client.js';

/** Which key the daemon holds, and when a token signed with it was last accepted. */
export interface KeySighting {
  /** As `keyId` of key-id.ts names it. */
  keyId: string;
  /** ISO 8601; undefined when none was since the daemon has the key. */
  seenAt: string | undefined;
}

/** The keys that the daemon accepts. */
export interface AcceptedKeys {
  current: KeySighting;
  previous: KeySighting | undefined;
}

/** What became of a message to the number that is watched. */
export interface Arrival {
  id: string;
  /** HTTP status that the daemon answered with. */
  status: number;
  code: string | undefined;
}

/**
 * Watches what arrives for one number (E.164) from `sinceMs` (Unix milliseconds) on, and yields
 * each message once it has been answered. Leaving the loop ends it, and so does `signal`, which
 * rejects.
 */
export type ArrivalWatch = (
  recipient: string,
  sinceMs: number,
  signal: AbortSignal,
) => AsyncIterable<Arrival>;

/** All methods reject with `NoDaemon`, or `OperatorError` for everything else. */
export interface DaemonLink {
  /** Has it read its secrets anew. */
  reload(): Promise<void>;
  acceptedKeys(): Promise<AcceptedKeys>;
  watch: ArrivalWatch;
}

const keysSchema = v.object({
  current_key_id: v.string(),
  current_seen_at: v.optional(v.string()),
  previous_key_id: v.optional(v.string()),
  previous_seen_at: v.optional(v.string()),
});
/** A line of `log`; one without a row says that there are older ones. */
const logSchema = v.object({
  row: v.optional(
    v.object({
      id: v.string(),
      caller: v.string(),
      status: v.optional(v.number()),
      code: v.optional(v.string()),
    }),
  ),
});

/** The daemon behind a control socket, as to this caller. Nothing is asked yet. */
export function daemonAt(socket: string, caller: string): DaemonLink {
  return {
    async reload() {
      for await (const _line of askDaemon(socket, { command: 'reload' }));
    },
    async acceptedKeys() {
      const keys = await askOnce(socket, { command: 'auth', caller }, keysSchema);
      const { previous_key_id: previous } = keys;
      return {
        current: { keyId: keys.current_key_id, seenAt: keys.current_seen_at },
        previous:
          previous === undefined ? undefined : { keyId: previous, seenAt: keys.previous_seen_at },
      };
    },
    async *watch(recipient, sinceMs, signal) {
      const request = { command: 'log', to: recipient, since_ms: sinceMs, follow: true };
      for await (const line of askDaemon(socket, request, signal)) {
        const { row } = parseAnswer(logSchema, line);
        // A row without a status has begun and not ended; it comes again.
        if (row?.status !== undefined && row.caller === caller)
          yield { id: row.id, status: row.status, code: row.code };
      }
    },
  };
}
