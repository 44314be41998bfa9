import { abortError } from '../abort.js';
import { BitnetError } from '../errors.js';
import { allocate } from '../files/allocate.js';
import { type FileStamp, sameStamp, stampOf } from '../gguf/file-stamp.js';
import { type OpenFile, openFile, unreadable } from '../gguf/open.js';

/** Bytes that are read at once; between two of these the signal is looked at. */
const pieceBytes = 4 * 2 ** 20;

/**
 * Reads `length` bytes at a place in an open file into memory of their own.
 *
 * @throws ERR_BITNET_ABORTED, ERR_BITNET_MEMORY, and ERR_BITNET_FILE when the system cannot read or
 * the file is no longer what it was when it was opened
 */
export async function readBytes(
  { handle, stamp }: OpenFile,
  position: number,
  length: number,
  signal?: AbortSignal,
): Promise<Buffer> {
  const { path } = stamp;
  const bytes = allocate(path, length);
  try {
    for (let done = 0; done < length; ) {
      if (signal?.aborted) throw abortError(`Reading "${path}" was aborted.`, signal.reason);
      const size = Math.min(length - done, pieceBytes);
      const { bytesRead } = await handle.read(bytes, done, size, position + done);
      if (bytesRead === 0) throw changed(path);
      done += bytesRead;
    }
    const now = stampOf(path, await handle.stat({ bigint: true }));
    if (!sameStamp(stamp, now)) throw changed(path);
  } catch (error) {
    throw error instanceof BitnetError
      ? error
      : unreadable(path, error as NodeJS.ErrnoException, '.safetensors');
  }
  return bytes;
}

/**
 * Opens a file that was read before.
 *
 * @throws ERR_BITNET_FILE when it is gone or has changed since then
 */
export async function reopen(stamp: FileStamp): Promise<OpenFile> {
  const file = await openFile(stamp.path, '.safetensors');
  if (sameStamp(stamp, file.stamp)) return file;
  await file.handle.close();
  throw changed(stamp.path);
}

function changed(path: string): BitnetError {
  const message = `Expected "${path}" to stay as it is while it is read, but it has changed; begin again when nothing writes to it.`;
  return new BitnetError('ERR_BITNET_FILE', message, { path });
}
