import { defineConfig } from 'vitest/config';
import { reporters } from './reporters.js';

/**
 * What needs Debian packages or another user: `npm run test:system`, which `.ci/run` installs them
 * for.
 */
export default defineConfig({
  test: {
    include: ['test/system/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    ...reporters('system', 'npm run test:system: some six minutes'),
  },
});
