/**
 * Loaded into the daemon with `node --expose-gc --import`, before anything of it: answers each
 * SIGUSR2 with one line of JSON on descriptor 3, as `InsideView` of `vitals.ts` reads it. Plain
 * JavaScript, so that the daemon runs without a loader of ours.
 */
import { EventEmitter } from 'node:events';
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { getHeapCodeStatistics, queryObjects } from 'node:v8';

const timer = setTimeout(() => {}, 0);
clearTimeout(timer);
const Timeout = timer.constructor;

const ofSerialport = createRequire(createRequire(import.meta.url).resolve('serialport'));
const { Poller } = ofSerialport('@serialport/bindings-cpp/dist/poller.js');

async function look() {
  // What the first collection finds dead may be let go only on the next turn of the loop
  // (finalisers, handles that close).
  for (let times = 0; times < 2; times += 1) {
    globalThis.gc();
    await nextTurn();
  }
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const { code_and_metadata_size, bytecode_and_metadata_size } = getHeapCodeStatistics();
  const resources = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const view = {
    heap_octets: heapUsed,
    code_octets: code_and_metadata_size + bytecode_and_metadata_size,
    array_buffer_octets: arrayBuffers,
    resources,
    reachable: {
      timers: queryObjects(Timeout),
      pollers: queryObjects(Poller),
      emitters: queryObjects(EventEmitter),
      promises: queryObjects(Promise),
      functions: queryObjects(Function),
    },
  };
  writeSync(3, `${JSON.stringify(view)}\n`);
}

// A look that fails ends the daemon as any unhandled rejection does, and so the run.
process.on('SIGUSR2', () => void look());
