import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';

/** Identifies the state of a file, to notice changes. */
export interface FileStamp {
  readonly path: string;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ino: bigint;
}

/** @internal The stamp from the system's information about a file. */
export function stampOf(path: string, { size, mtimeNs, ino }: BigIntStats): FileStamp {
  return { path, size: Number(size), mtimeNs, ino };
}

/** The stamp of a missing file, which no file has. */
export function noStamp(path: string): FileStamp {
  return { path, size: -1, mtimeNs: 0n, ino: 0n };
}

/** The stamp a file has now. */
export async function currentStamp(path: string): Promise<FileStamp> {
  return stat(path, { bigint: true }).then(
    (stats) => stampOf(path, stats),
    () => noStamp(path),
  );
}

/** Whether a file has not changed in between; false where it was not there. */
export function sameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.size >= 0 && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ino === b.ino;
}
