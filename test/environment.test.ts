import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { cacheFolder } from '../lib/cache-folder.js';
import { homeFolder, variable } from '../lib/environment.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('an empty variable counts as unset', () => {
  vi.stubEnv('BITNET_SOMETHING', '');
  expect(variable('BITNET_SOMETHING')).toBeUndefined();
  vi.stubEnv('BITNET_SOMETHING', ' 0');
  expect(variable('BITNET_SOMETHING')).toBe(' 0');
});

test.skipIf(process.platform === 'win32')('without HOME the home folder is the account’s', () => {
  const home = homedir();
  vi.stubEnv('HOME', '/somewhere');
  expect(homeFolder()).toBe('/somewhere');
  vi.stubEnv('HOME', '');
  expect(homeFolder()).toBe(home);
});

test.skipIf(process.platform !== 'linux')('variables that are empty name no cache folder', () => {
  vi.stubEnv('HOME', '/somewhere');
  vi.stubEnv('XDG_CACHE_HOME', '/caches');
  vi.stubEnv('BITNET_CACHE', '');
  expect(cacheFolder()).toBe('/caches/bitnet');
  for (const none of ['', 'not/absolute']) {
    vi.stubEnv('XDG_CACHE_HOME', none);
    expect(cacheFolder()).toBe(join('/somewhere', '.cache', 'bitnet'));
  }
});
