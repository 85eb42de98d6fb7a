import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** V8 of Node 20: later ones have a compiler more (Maglev), and other budgets. */
const isEarly = Number.parseInt(process.versions.v8, 10) < 12;

/**
 * To be called as the daemon starts. A flag that this V8 does not know would change nothing, but V8
 * complains of it in words of its own on stderr.
 */
export function setV8(): void {
  // What is new and dead is swept by the thread that made it. Of half spaces of 2 MB little is left
  // to share out, and V8's helpers have to be woken for it and waited for: on two busy cores each
  // sweep took 14 ms, and the process a tenth more CPU.
  setFlagsFromString('--no-parallel-scavenge');
  // Else V8 notes what it sees of a function from its eighth run or so on, and until then looks up
  // each property anew. Of 200 refusals in one instant each takes a tenth less of the CPU.
  if (isEarly) setFlagsFromString('--no-lazy-feedback-allocation');
  // How far the old generation may grow, over what lived, before it is collected: else 5,000
  // refusals left 20 MB behind, now 8, for no more CPU.
  setFlagsFromString('--heap-growing-percent=50');
}

/** Requests within {@link loadMs} that are a load, and not a few people who log in at once. */
const loadRequests = 250;
const loadMs = 60_000;

/**
 * To be called once the daemon has started. A gateway's code runs a few times a minute, and then
 * many times in one second.
 */
export function setV8ForRequests(): void {
  if (!isEarly) return;
  // What runs for the first time is compiled at once by the quick compiler (Sparkplug): of 200
  // refusals in one instant each takes a fifth less of the CPU. What the start ran, mostly once, is
  // left as it is: it would take 2 MB.
  setFlagsFromString('--always-sparkplug');
  underLoad(() => {
    // Bytecodes that a function runs before it is worth optimizing; left alone it is 67,584. A
    // refusal of the first thousands takes the half of the CPU. Not before: of 200 requests in one
    // instant the optimizing compiler takes more than it gives, and of the start 5 MB.
    setFlagsFromString('--interrupt-budget=4000');
  });
}

/** Calls `then` once, when so many requests have come. */
function underLoad(then: () => void): void {
  const channel = 'http.server.request.start';
  let [count, sinceMs] = [0, 0];
  const came = (): void => {
    const nowMs = performance.now();
    if (nowMs - sinceMs > loadMs) [count, sinceMs] = [0, nowMs];
    count += 1;
    if (count < loadRequests) return;
    unsubscribe(channel, came);
    then();
  };
  subscribe(channel, came);
}

/**
 * Collects what is dead, and has V8 give its memory back. After the start that is 3 MB and more:
 * left alone, V8 does so when as much again was made, in a gateway that idles after hours. Takes 10
 * ms of a desktop's core, and nothing happens meanwhile. Without effect in a V8 that does not let
 * itself be told.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('globalThis.gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect === 'function') collect();
}

/**
 * What the daemon is to be started with for the sake of its memory: the unit sets the same, and a
 * test compares the two. It runs without as well, in more.
 */
export const memorySettings = {
  /**
   * MB of each of V8's half spaces for what is new; left alone they grow to 16. With 1 the start
   * takes 2 MB less, but what dies with a message is kept for long after a burst.
   */
  NODE_OPTIONS: '--max-semi-space-size=2',
  /** Of glibc: else each thread that allocates keeps what it frees in an arena of its own. */
  MALLOC_ARENA_MAX: '1',
} as const;
