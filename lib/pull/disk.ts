import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BitnetError } from '../errors.js';

/** What the system says when a file cannot be written, as a sentence; other errors as they are. */
export function diskError(path: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof BitnetError || typeof code !== 'string') return error;
  const denied =
    'permission is denied; make its folder writable, or choose another with -o or BITNET_CACHE';
  const reasons: Record<string, string> = {
    ENOSPC: 'the disk is full; free some space and pull again',
    EDQUOT: 'your quota is used up; free some space and pull again',
    EFBIG: 'the file system does not take files of this size; choose another with -o',
    EACCES: denied,
    EPERM: denied,
    EROFS: 'the file system is read-only; choose another with -o or BITNET_CACHE',
  };
  const reason = reasons[code] ?? `the system answered "${message}"; check the path`;
  const sentence = `Expected to write "${path}", but ${reason}.`;
  return new BitnetError('ERR_BITNET_FILE', sentence, { path, cause: error });
}

/** @throws ERR_BITNET_FILE when `bytes` more do not fit on the disk of `path` */
export async function checkSpace(path: string, bytes: number): Promise<void> {
  const system = await statfs(dirname(path)).catch(() => undefined);
  if (!system) return; // writing will tell
  const free = system.bavail * system.bsize;
  if (bytes <= free) return;
  const mebibytes = (count: number) => `${(count / 2 ** 20).toFixed(1)} MiB`;
  throw new BitnetError(
    'ERR_BITNET_FILE',
    `Expected ${mebibytes(bytes)} of free space for "${path}", but there are ${mebibytes(free)}; free some space and pull again.`,
    { path },
  );
}
