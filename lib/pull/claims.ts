// Which process works on which partial file, written into the file's name, because renaming is the
// one thing that every file system does for exactly one of several processes.
//
//   model.gguf.0123456789abcdef.part                     nobody's, to be resumed
//   model.gguf.0123456789abcdef.89abcdef-4711-1.part     of process 4711 on the host 89abcdef
//                ^ what the bytes are of, see `fingerprint`
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** Milliseconds between signs of life, which are the file's time. */
export const heartbeat = 5000;

/** Milliseconds without one after which a process is not waited for. */
const silence = 12 * heartbeat;

/** In place of a fingerprint: bytes that a later request cannot continue. */
export const unknownBytes = '0'.repeat(16);

const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
let claims = 0;

export interface PartialFile {
  readonly path: string;
  /** The file it will become. */
  readonly target: string;
  readonly fingerprint: string;
  readonly bytes: number;
  /** Free: nobody's, or of a process that is gone. Lost: its process is there, but shows no life. */
  readonly state: 'free' | 'busy' | 'lost';
  readonly pid?: number;
}

/** A name for a partial file that says it is this process's. */
export function claimedPath(target: string, fingerprint: string): string {
  return `${target}.${fingerprint}.${host}-${process.pid}-${++claims}.part`;
}

export function freePath(target: string, fingerprint: string): string {
  return `${target}.${fingerprint}.part`;
}

/** The partial files of a target, or of all files in a folder, the longest first. */
export async function partialFiles(folder: string, target?: string): Promise<PartialFile[]> {
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(names.map((name) => partialFile(folder, name)));
  return found
    .filter((file) => file !== undefined)
    .filter((file) => target === undefined || basename(file.target) === basename(target))
    .sort((a, b) => b.bytes - a.bytes);
}

async function partialFile(folder: string, name: string): Promise<PartialFile | undefined> {
  const match = /^(.+)\.([\da-f]{16})(?:\.([\da-f]{8})-(\d+)-\d+)?\.part$/.exec(name);
  if (!match) return undefined;
  const path = join(folder, name);
  const info = await stat(path).catch(() => undefined);
  if (!info?.isFile()) return undefined; // renamed since
  const [, target = '', fingerprint = '', owner, pid] = match;
  const quiet = Date.now() - info.mtimeMs > silence;
  const gone = owner === undefined || (owner === host && !isAlive(Number(pid)));
  return {
    ...{ path, target: join(dirname(path), target), fingerprint, bytes: info.size },
    state: gone ? 'free' : quiet ? 'lost' : 'busy',
    ...(pid !== undefined && { pid: Number(pid) }),
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
