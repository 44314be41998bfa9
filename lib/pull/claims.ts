// Which process works on which partial file, written into the file's name, because renaming is the
// one thing that every file system does for exactly one of several processes.
//
//   model.gguf.0123456789abcdef.part                     unclaimed, to be resumed
//   model.gguf.0123456789abcdef.89abcdef-4711-1f.part    of process 4711 on the host 89abcdef
//                ^ what the bytes are of, see `fingerprint`
import { lstat, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isOwn } from '../files/own.js';
import { isGone, markPattern, newMark } from '../files/process-mark.js';

/** Milliseconds between signs of life, which are the file's time. */
export const heartbeat = 5000;

/** Milliseconds without one, or from now on, after which a process is not waited for. */
const silence = 12 * heartbeat;

/** In place of a fingerprint: bytes that a later request cannot continue. */
export const unknownBytes = '0'.repeat(16);

export interface PartialFile {
  readonly path: string;
  /** The file it will become. */
  readonly target: string;
  readonly fingerprint: string;
  readonly bytes: number;
  /** Free: unclaimed, or its process is gone. Lost: its process exists but has gone silent, or its time is in the future. */
  readonly state: 'free' | 'busy' | 'lost';
  readonly pid?: number;
}

/** A name for a partial file that says it is this process's. */
export function claimedPath(target: string, fingerprint: string): string {
  return `${target}.${fingerprint}.${newMark()}.part`;
}

export function freePath(target: string, fingerprint: string): string {
  return `${target}.${fingerprint}.part`;
}

/**
 * The partial files of a target, or of all files in a folder, the longest first. Only this user's own: what others have
 * put there may be a trap, and is left alone.
 */
export async function partialFiles(folder: string, target?: string): Promise<PartialFile[]> {
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(names.map((name) => partialFile(folder, name)));
  return found
    .filter((file) => file !== undefined)
    .filter((file) => target === undefined || basename(file.target) === basename(target))
    .sort((a, b) => b.bytes - a.bytes);
}

const partialName = new RegExp(`^(.+)\\.([\\da-f]{16})(?:\\.${markPattern})?\\.part$`);

async function partialFile(folder: string, name: string): Promise<PartialFile | undefined> {
  const match = partialName.exec(name);
  if (!match) return undefined;
  const path = join(folder, name);
  const info = await lstat(path).catch(() => undefined);
  if (!info || !isOwn(info)) return undefined; // or renamed since
  const [, target = '', fingerprint = '', host, pid] = match;
  const quiet = Math.abs(Date.now() - info.mtimeMs) > silence;
  const gone = host === undefined || isGone(host, Number(pid), info.mtimeMs);
  return {
    ...{ path, target: join(dirname(path), target), fingerprint, bytes: info.size },
    state: gone ? 'free' : quiet ? 'lost' : 'busy',
    ...(pid !== undefined && { pid: Number(pid) }),
  };
}
