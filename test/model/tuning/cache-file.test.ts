import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { addToCache, cachePath, readCache } from '../../../lib/model/tuning/cache-file.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const temp = tempFolder();
const name = 'numbers.json';
const one = new Map([['one', 1]]);
beforeEach(() => {
  vi.stubEnv('BITNET_CACHE', temp('cache'));
  rmSync(temp('cache'), { recursive: true, force: true });
  mkdirSync(dirname(cachePath(name)), { recursive: true });
});
afterEach(() => {
  vi.unstubAllEnvs();
});

test('what is added is there, the newest last', async () => {
  await addToCache(name, new Map([...one, ['two', 2]]));
  await addToCache(name, one);
  expect([...(await readCache(name))]).toEqual([
    ['two', 2],
    ['one', 1],
  ]);
});

test.skipIf(process.platform === 'win32')('a pipe is neither waited for nor replaced', async () => {
  execFileSync('mkfifo', [cachePath(name)]);
  expect(await readCache(name)).toEqual(new Map());
  await addToCache(name, one);
  expect(lstatSync(cachePath(name)).isFIFO()).toBe(true);
});

test.skipIf(process.platform === 'win32')('a link is not followed', async () => {
  for (const target of [temp('victim'), '/dev/zero']) {
    rmSync(cachePath(name), { force: true });
    symlinkSync(target, cachePath(name));
    writeFileSync(temp('victim'), '{"two": 2}');
    expect(await readCache(name)).toEqual(new Map());
    await addToCache(name, one);
    expect(readFileSync(temp('victim'), 'utf8')).toBe('{"two": 2}');
  }
});

test('a file larger than any cache is not read', async () => {
  writeFileSync(cachePath(name), '');
  truncateSync(cachePath(name), 2 ** 33);
  expect(await readCache(name)).toEqual(new Map());
});

test('nothing is kept where there is no folder for it', async () => {
  rmSync(temp('cache'), { recursive: true });
  writeFileSync(temp('cache'), 'a file');
  await addToCache(name, one);
  expect(readFileSync(temp('cache'), 'utf8')).toBe('a file');
});
