import { defineConfig } from 'vitest/config';
import { reporters } from './reporters.js';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/system/**'],
    testTimeout: 20_000,
    ...reporters('unit'),
  },
});
