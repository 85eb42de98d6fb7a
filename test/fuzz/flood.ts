import { seededRandom } from '../../src/simulator/random.js';
import { parseAnswers } from './answers.js';
import { type Claim, claimOf, faultsOf } from './judge.js';
import { type PlannedSession, planSession, planValid } from './plan.js';
import { play, type Told } from './session.js';
import type { Target } from './target.js';

/** Requests of one connection at most. */
const longestSession = 5;

/**
 * All callers: what they send, one session after another on each of so many connections at a time,
 * and what they were told.
 */
export class Flood {
  readonly faults: string[] = [];
  readonly claims: Claim[] = [];
  readonly #target: Target;
  readonly #seed: number;
  readonly #callers: number;
  readonly #statuses = new Map<string, number>();
  readonly #ends = new Map<string, number>();
  readonly #kinds = new Map<string, number>();
  /** Sessions whose caller says nothing more: the daemon must throw them out by itself. */
  readonly #staying = new Set<Promise<void>>();
  readonly #mostStaying: number;
  #next = 0;

  /** `callers` and `mostStaying`: how many at a time. */
  constructor(target: Target, seed: number, callers: number, mostStaying: number) {
    this.#mostStaying = mostStaying;
    this.#target = target;
    this.#seed = seed;
    this.#callers = callers;
  }

  /**
   * A few valid requests, one by one: the daemon learns how long its modem takes, or it would
   * rightly admit only few at a time.
   */
  async teach(): Promise<void> {
    for (let lesson = 0; lesson < 5; lesson++) {
      await this.#play(planValid(this.#seed, this.#next, this.#target.credentials));
      this.#next += 1;
    }
  }

  /**
   * Sends so many requests more; resolves when every caller but those that stay has what it is due.
   */
  async send(count: number): Promise<void> {
    const last = this.#next + count;
    const caller = async (): Promise<void> => {
      while (this.#next < last) await this.#session(last - this.#next);
    };
    await Promise.all(Array.from({ length: this.#callers }, caller));
  }

  /** Resolves when the callers that stay have been thrown out. */
  async lastOnes(): Promise<void> {
    await Promise.all(this.#staying);
  }

  report(): string[] {
    return [
      `kinds: ${shown(this.#kinds)}`,
      `answers: ${shown(this.#statuses)}`,
      `connections: ${shown(this.#ends)}`,
    ];
  }

  async #session(left: number): Promise<void> {
    const number = this.#next;
    // Half of them are alone on their connection.
    const wanted = Math.max(
      1,
      seededRandom(this.#seed ^ number).below(2 * longestSession) - longestSession + 1,
    );
    const count = Math.min(left, wanted);
    this.#next += count;
    const planned = planSession(this.#seed, number, this.#target.credentials, count);
    const isTooMany = planned.ending === 'stays' && this.#staying.size >= this.#mostStaying;
    const session: PlannedSession = isTooMany ? { ...planned, ending: 'resets' } : planned;
    const noted = this.#play(session);
    if (session.ending !== 'stays') return noted;
    this.#staying.add(noted);
    void noted.then(() => this.#staying.delete(noted));
  }

  async #play(session: PlannedSession): Promise<void> {
    const { port } = this.#target;
    this.#note(await play(port, session, (received) => parseAnswers(received).answers.length));
  }

  #note(told: Told): void {
    this.faults.push(...faultsOf(told));
    this.claims.push(claimOf(told));
    for (const { kind } of told.session.requests) increment(this.#kinds, kind);
    for (const { status } of parseAnswers(told.received).answers)
      increment(this.#statuses, String(status));
    if (told.received.length === 0) increment(this.#statuses, `none, ${told.end}`);
    increment(this.#ends, told.end);
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function shown(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([key, count]) => `${key} ${count}`)
    .join(', ');
}
