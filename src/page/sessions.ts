import { createHash, randomBytes } from 'node:crypto';

/** Who may be signed in at a time; the one who was here longest ago gives way. */
const mostSessions = 64;
const hourMs = 3_600_000;
/** Milliseconds without a request after which a session is over. */
const idleMs = 12 * hourMs;
/** Milliseconds after which every session is over. */
const longestMs = 7 * 24 * hourMs;

interface Session {
  /** `performance.now()` milliseconds. */
  begunAt: number;
  seenAt: number;
}

/** Those who have signed in. They end with the process; their tokens are kept as hashes. */
export class Sessions {
  /** Who was here longest ago is first. */
  readonly #sessions = new Map<string, Session>();

  /** The token of a new one: 256 random bits as base64url. */
  begin(now = performance.now()): string {
    const token = randomBytes(32).toString('base64url');
    this.#sessions.set(hashOf(token), { begunAt: now, seenAt: now });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > mostSessions && oldest !== undefined) this.#sessions.delete(oldest);
    return token;
  }

  /** Whether it is one; it is then seen now. */
  has(token: string, now = performance.now()): boolean {
    const key = hashOf(token);
    const session = this.#sessions.get(key);
    if (session === undefined) return false;
    this.#sessions.delete(key);
    if (now - session.seenAt >= idleMs || now - session.begunAt >= longestMs) return false;
    this.#sessions.set(key, { ...session, seenAt: now });
    return true;
  }

  end(token: string): void {
    this.#sessions.delete(hashOf(token));
  }

  endAll(): void {
    this.#sessions.clear();
  }
}

/** Compared as hashes, no comparison tells how much of a token was right. */
const hashOf = (token: string): string => createHash('sha256').update(token).digest('base64');
