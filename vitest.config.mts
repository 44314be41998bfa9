import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Each test file loads the addon in a process of its own: a crash is pinned to its file.
    pool: 'forks',
    maxWorkers: 2,
  },
});
