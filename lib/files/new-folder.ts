import { type FileHandle, lstat, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { BitnetError } from '../errors.js';
import { newPart, partDone, removeAbandoned } from './part-files.js';
import { syncFolder } from './sync-folder.js';
import { unwritable } from './target.js';

/** Writes one file of a new folder. */
export type WriteFile = (
  name: string,
  write: (handle: FileHandle) => Promise<void>,
) => Promise<void>;

/**
 * Makes a folder that appears under its name when all its files are complete and safe on the disk. Until then, and after an error,
 * nothing is there.
 *
 * @param path of nothing yet, or of an empty folder
 * @param write is given what writes its files
 * @throws ERR_BITNET_FILE, and whatever `write` throws
 */
export async function newFolder(
  path: string,
  write: (writeFile: WriteFile) => Promise<void>,
): Promise<void> {
  const target = resolve(path);
  await checkNewFolder(path);
  await removeAbandoned(target);
  const part = newPart(target);
  try {
    await mkdir(part);
    await write(async (name, fill) => {
      const handle = await open(join(part, name), 'wx');
      try {
        await fill(handle);
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
    await syncFolder(part);
    if (await checkNewFolder(path)) await rmdir(target);
    await rename(part, target);
    await syncFolder(dirname(target));
  } catch (error) {
    await rm(part, { recursive: true, force: true }).catch(() => {});
    throw explained(error, path);
  } finally {
    partDone(part);
  }
}

/**
 * Checks that a folder can be made, or there is an empty one.
 *
 * @returns whether there is one
 * @throws ERR_BITNET_FILE
 */
export async function checkNewFolder(path: string): Promise<boolean> {
  const there = await lstat(path).catch((cause) => {
    if (cause.code === 'ENOENT') return undefined;
    throw unwritable(path, cause);
  });
  if (there === undefined) return false;
  const names = there.isDirectory() ? await readdir(path) : undefined;
  if (names?.length === 0) return true;
  const found = names === undefined ? 'there is a file' : 'there is one with files in it';
  const message = `Expected a new name or an empty folder at "${path}", but ${found}; choose another name.`;
  throw new BitnetError('ERR_BITNET_FILE', message, { path });
}

function explained(error: unknown, path: string): unknown {
  const isSystem = error instanceof Error && (error as NodeJS.ErrnoException).syscall !== undefined;
  return isSystem ? unwritable(path, error) : error;
}
