import { defineConfig } from 'vitest/config';
import { LongestFirst } from './longest-first.js';
import { reporters } from './reporters.js';

/**
 * What needs Debian packages or another user: `npm run test:system`, which `.ci/run` installs them
 * for.
 */
export default defineConfig({
  test: {
    include: ['test/system/**/*.test.ts'],
    globalSetup: 'test/system/made-once.ts',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // One at a time: beside each other and the fault run, some met their limits.
    maxWorkers: 1,
    sequence: { sequencer: LongestFirst },
    ...reporters('system', 'npm run test:system: some fifteen minutes, on two cores'),
  },
});
