/**
 * Loaded into the daemon with `node --expose-gc --import`, before anything of it: answers each SIGUSR2 with one line of JSON on
 * descriptor 3, as `InsideView` of `vitals.ts` reads it. Plain JavaScript, so that the daemon runs without a loader of ours.
 */
import { EventEmitter } from 'node:events';
import { writeSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { queryObjects } from 'node:v8';

const timer = setTimeout(() => {}, 0);
clearTimeout(timer);
const Timeout = timer.constructor;

async function look() {
  // What the first collection finds dead may be let go only on the next turn of the loop (finalisers, handles that close).
  for (let times = 0; times < 2; times += 1) {
    globalThis.gc();
    await nextTurn();
  }
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const resources = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const view = {
    heap_octets: heapUsed,
    array_buffer_octets: arrayBuffers,
    resources,
    reachable: {
      timers: queryObjects(Timeout),
      emitters: queryObjects(EventEmitter),
      promises: queryObjects(Promise),
      functions: queryObjects(Function),
    },
  };
  writeSync(3, `${JSON.stringify(view)}\n`);
}

// A look that fails ends the daemon as any unhandled rejection does, and so the run.
process.on('SIGUSR2', () => void look());
