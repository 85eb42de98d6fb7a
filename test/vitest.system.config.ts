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
    // Beside each other and the fault run everything takes longer, and a poll's second is short.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 10_000 } },
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    ...reporters('system', 'npm run test:system: some ten minutes, on two cores'),
  },
});
