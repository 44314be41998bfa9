// JSON files in the user's cache folder: what was measured, by key. One that cannot be read or written is none.
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../../cache-folder.js';
import { readNamedText } from '../../files/own.js';
import { replaceText } from '../../files/replace-file.js';

/** Entries that a file keeps; the oldest are forgotten. */
const mostEntries = 500;

/** Bytes of a file; far more than so many entries take. */
const mostBytes = 2 ** 24;

/** Everything in a file of the cache folder. */
export async function readCache(name: string): Promise<Map<string, unknown>> {
  try {
    const entries: unknown = JSON.parse(await readNamedText(cachePath(name), mostBytes));
    return new Map(isObject(entries) ? Object.entries(entries) : []);
  } catch {
    return new Map();
  }
}

/** Adds to a file of the cache folder. */
export async function addToCache(name: string, added: ReadonlyMap<string, unknown>): Promise<void> {
  try {
    const path = cachePath(name); // fails where there is no cache folder
    const entries = await readCache(name);
    for (const [key, value] of added) {
      entries.delete(key); // so that it becomes the newest
      entries.set(key, value);
    }
    const newest = [...entries].slice(-mostEntries);
    await mkdir(dirname(path), { recursive: true });
    const text = `${JSON.stringify(Object.fromEntries(newest), null, 1)}\n`;
    await replaceText(path, { overwrite: true, links: false }, text); // readers see the old file or the new one
  } catch {
    // It is measured again the next time.
  }
}

/** @throws where there is no cache folder */
export function cachePath(name: string): string {
  const folder = cacheFolder();
  if (folder === undefined) throw new Error('There is no cache folder.');
  return join(folder, name);
}

/** Whether a value out of a cache has properties. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
