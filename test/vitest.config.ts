import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { reporters } from './reporters.js';
import { slow } from './slow.js';

/** `npm test`: the units first, then what is slow. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'units',
          include: ['test/**/*.test.ts'],
          exclude: ['test/system/**', ...slow],
          testTimeout: 20_000,
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
          // They wait more than they compute.
          maxWorkers: 2 * availableParallelism(),
          sequence: { groupOrder: 1 },
        },
      },
    ],
    ...reporters(
      'unit',
      'npm test: some 75 s of units, then some 100 s of the slow ones, on two cores',
    ),
  },
});
