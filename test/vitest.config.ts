import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './longest-first.js';
import { reporters } from './reporters.js';
import { slow } from './slow.js';

/** `npm test`: the units first, then what is slow. */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'units',
          include: ['test/**/*.test.ts'],
          exclude: ['test/system/**', ...slow],
          testTimeout: 20_000,
          // Half of their time went into loading the same modules anew for each file. No module of
          // src keeps a state, and each file leaves timers and environment as it found them.
          isolate: false,
          hookTimeout: 20_000,
          // By default one core is left alone, which of two is half.
          maxWorkers: availableParallelism(),
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'slow',
          include: [...slow],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 10_000 } },
          // They wait more than they compute.
          maxWorkers: 2 * availableParallelism(),
          sequence: { groupOrder: 1 },
        },
      },
    ],
    ...reporters(
      'unit',
      'npm test: a minute and a half of units, then some seven of the slow ones, on two cores',
    ),
  },
});
