import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { BitnetError } from '../errors.js';
import { allocate } from './allocate.js';
import { systemFault } from './system-fault.js';

/** Bytes that are read at once: the system reads no more than 2 GiB. */
const pieceBytes = 2 ** 26;

/**
 * The bytes of a regular file, in memory of their own; undefined when there is no such file. Never waits for a pipe.
 *
 * @param most the size from which on it is refused
 * @param tooLarge makes the error for a larger one
 * @throws ERR_BITNET_FILE when it is no regular file or cannot be read, ERR_BITNET_MEMORY
 */
export async function readWhole(
  path: string,
  most: number,
  tooLarge: (size: number) => BitnetError,
): Promise<Buffer | undefined> {
  // O_NONBLOCK does not exist on Windows.
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
  const handle = await open(path, flags).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined;
    throw unreadable(path, cause);
  });
  if (handle === undefined) return undefined;
  try {
    const info = await handle.stat();
    if (!info.isFile()) {
      const found = info.isDirectory() ? 'a folder' : 'a pipe, socket or device';
      throw fault(
        path,
        `Expected a regular file at "${path}", but it is ${found}; remove it, or put the file there.`,
      );
    }
    if (info.size > most) throw tooLarge(info.size);
    const bytes = allocate(path, info.size);
    await fill(path, handle, bytes);
    return bytes;
  } finally {
    await handle.close();
  }
}

async function fill(path: string, handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const size = Math.min(bytes.length - done, pieceBytes);
    const { bytesRead } = await handle.read(bytes, done, size, done).catch((cause) => {
      throw unreadable(path, cause);
    });
    if (bytesRead === 0) {
      throw fault(
        path,
        `Expected "${path}" to stay as it is while it is read, but it has changed; begin again when nothing writes to it.`,
      );
    }
    done += bytesRead;
  }
}

function unreadable(path: string, cause: NodeJS.ErrnoException): BitnetError {
  const denied = cause.code === 'EACCES' || cause.code === 'EPERM';
  const why = denied
    ? 'permission is denied; check its permissions'
    : `the system answered "${systemFault(cause)}"`;
  return fault(path, `Expected a readable file at "${path}", but ${why}.`, cause);
}

function fault(path: string, message: string, cause?: Error): BitnetError {
  return new BitnetError('ERR_BITNET_FILE', message, { path, cause });
}
