// Files that the program itself names: in a folder that others can write to, one may be a trap.
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';

const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants; // 0 on Windows

/** Whether a file is a regular one of this user, under one name only. @param info from `lstat` or an open file */
export function isOwn(info: Stats): boolean {
  return info.isFile() && info.nlink === 1 && info.uid === (process.getuid?.() ?? info.uid);
}

/** Whether a folder is of this user. @param info from `lstat` */
export function isOwnFolder(info: Stats): boolean {
  return info.isDirectory() && info.uid === (process.getuid?.() ?? info.uid);
}

/**
 * Opens an existing file that the program itself named, never through a link and never waiting for another
 * process, as opening a FIFO would.
 *
 * @param flags such as `O_RDWR`
 * @param accept what it must be, checked before and after it is opened
 * @throws ENOENT and the like, and EPERM when it is not accepted
 */
export async function openNamed(
  path: string,
  flags: number,
  accept: (info: Stats) => boolean,
): Promise<FileHandle> {
  const before = await lstat(path);
  if (!accept(before)) throw refused(path);
  const handle = await open(path, flags | O_NOFOLLOW | O_NONBLOCK);
  const info = await handle.stat();
  if (accept(info) && info.ino === before.ino && info.dev === before.dev) return handle;
  await handle.close();
  throw refused(path);
}

/** A text file that the program itself named, of at most `mostBytes`. @throws as `openNamed` */
export async function readNamedText(path: string, mostBytes: number): Promise<string> {
  const fits = (info: Stats) => info.isFile() && info.size <= mostBytes;
  const handle = await openNamed(path, constants.O_RDONLY, fits);
  try {
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/**
 * Appends to a private file that the program itself named, or creates it.
 * @param mode permissions of a new file
 * @throws as `openNamed`
 */
export async function appendNamed(path: string, text: string, mode: number): Promise<void> {
  const handle = await open(path, 'ax', mode).catch((error) => {
    if (error.code !== 'EEXIST') throw error;
    return openNamed(path, constants.O_WRONLY | constants.O_APPEND, isOwn);
  });
  try {
    await handle.write(text);
  } finally {
    await handle.close();
  }
}

/** A text file that the user named, perhaps through a link: a regular file of at most `mostBytes`, so that reading never waits. */
export async function readRegularText(path: string, mostBytes: number): Promise<string> {
  const handle = await open(path, constants.O_RDONLY | O_NONBLOCK);
  try {
    const info = await handle.stat();
    if (!info.isFile() || info.size > mostBytes) throw refused(path);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

function refused(path: string): NodeJS.ErrnoException {
  const error = new Error(`EPERM: "${path}" is not what this program would have written there`);
  return Object.assign(error, { code: 'EPERM', path });
}
