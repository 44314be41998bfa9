import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const all = ['test/**/*.test.ts'];
const long = ['test/**/{hostile,neuron-skipping}.test.ts'];

/** Folders of tests without the addon, which share processes: most run for less time than one takes to start. */
export const plainFolders = [
  ...['bench/energy', 'bench/html', 'bench/trial', 'convert/tokenizer', 'fixtures'],
  ...['gguf', 'jinja', 'json', 'machine', 'safetensors', 'tokenizer'],
];
const plain = plainFolders.map((folder) => `test/${folder}/**/*.test.ts`);

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: 'alone', include: all, exclude: [...long, ...plain] } },
      { extends: true, test: { name: 'plain', include: plain, exclude: long, isolate: false } },
      { extends: true, test: { name: 'long', include: long } },
    ],
    // For a test that hangs, not for a machine that is busy.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // A test file loads the addon in a process of its own: a crash is pinned to its file.
    pool: 'forks',
    maxWorkers: 2,
    // What tests measure is not for the user's models.
    env: { XDG_CACHE_HOME: join(import.meta.dirname, 'build', 'test-cache') },
  },
});
