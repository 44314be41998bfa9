import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // For a test that hangs, not for a machine that is busy.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Each test file loads the addon in a process of its own: a crash is pinned to its file.
    pool: 'forks',
    maxWorkers: 2,
    // What tests measure is not for the user's models.
    env: { XDG_CACHE_HOME: join(import.meta.dirname, 'build', 'test-cache') },
  },
});
