import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { BitnetError } from '../errors.js';
import { systemFault } from '../files/system-fault.js';
import { type FileStamp, stampOf } from './file-stamp.js';

export interface OpenFile {
  readonly handle: FileHandle;
  readonly size: number;
  /** As it was when it was opened. */
  readonly stamp: FileStamp;
}

type Ending = '.gguf' | '.safetensors';

/**
 * Opens a regular file for reading. Never waits: a FIFO without a writer would hang an ordinary
 * open forever, O_NONBLOCK opens it at once and it is then refused like any other special file.
 *
 * @param ending of the files it could be, for advice
 * @throws ERR_BITNET_FILE when there is no such file, it is not readable or not a regular file
 */
export async function openFile(path: string, ending: Ending = '.gguf'): Promise<OpenFile> {
  if (typeof path !== 'string' || path === '') {
    const found = typeof path === 'string' ? 'an empty string' : `a value of type ${typeof path}`;
    throw new BitnetError(
      'ERR_BITNET_ARGUMENT',
      `Expected the path of a model file as a non-empty string, but received ${found}.`,
    );
  }
  // O_NONBLOCK does not exist on Windows.
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(
    (cause) => {
      throw unreadable(path, cause, ending);
    },
  );
  try {
    const stat = await handle.stat({ bigint: true });
    if (!stat.isFile()) {
      const [found, advice] = stat.isDirectory()
        ? ['a directory', `give the path of a ${ending} file in it`]
        : ['a pipe, socket or device', 'copy it to a regular file first'];
      throw fileError(
        path,
        `Expected "${path}" to be a model file, but it is ${found}; ${advice}.`,
      );
    }
    const stamp = stampOf(path, stat);
    return { handle, size: stamp.size, stamp };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The error for a file that the system will not open or read. */
export function unreadable(
  path: string,
  cause: NodeJS.ErrnoException,
  ending: Ending = '.gguf',
): BitnetError {
  const { code } = cause;
  // Other programs know models by names, and so does "bitnet run".
  const isName = ending === '.gguf' && !/[/\\]|\.gguf$/i.test(path);
  const advice = isName
    ? 'give the path of a .gguf file, or get a model by its name first (bitnet pull, pullModel)'
    : 'check the path';
  const missing = `Expected a model file at "${path}", but there is none; ${advice}.`;
  const forbidden = `Expected a readable model file at "${path}", but permission is denied; check its permissions.`;
  const other = `Expected to read the model file "${path}", but the system answered "${systemFault(cause)}".`;
  if (code === 'ENOENT' || code === 'ENOTDIR') return fileError(path, missing, cause);
  if (code === 'EACCES' || code === 'EPERM') return fileError(path, forbidden, cause);
  return fileError(path, other, cause);
}

function fileError(path: string, message: string, cause?: unknown): BitnetError {
  return new BitnetError('ERR_BITNET_FILE', message, { path, cause });
}
