// Partial files and folders, `<target>.<mark>.part`: those of this process are removed when it ends, those of dead processes by the next writer.
import { rmSync } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isOwn, isOwnFolder } from './own.js';
import { isGone, markPattern, newMark } from './process-mark.js';

/** What follows a target's name: a partial file may have had a partial file itself. */
const partEnd = new RegExp(`^(?:\\.${markPattern}\\.part)*\\.${markPattern}\\.part$`);

const unfinished = new Set<string>();

/** A temporary name beside `target`, registered until `partDone`. */
export function newPart(target: string): string {
  if (unfinished.size === 0) process.once('exit', removeUnfinished);
  const path = `${target}.${newMark()}.part`;
  unfinished.add(path);
  return path;
}

/** Reports that a partial file has been renamed or removed. */
export function partDone(path: string): void {
  unfinished.delete(path);
  if (unfinished.size === 0) process.off('exit', removeUnfinished);
}

/** Removes what this process is writing; called at its end, unless a signal ends it at once. */
export function removeUnfinished(): void {
  for (const path of unfinished) {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // the next writer tries again
    }
  }
}

/** Removes what dead processes have left of `target`. */
export async function removeAbandoned(target: string): Promise<void> {
  const [folder, begin] = [dirname(target), basename(target)];
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const found = name.startsWith(begin) ? partEnd.exec(name.slice(begin.length)) : null;
    if (!found) continue;
    const path = join(folder, name);
    const [host = '', pid = ''] = found.slice(-2);
    const info = await lstat(path).catch(() => undefined);
    if (!info || unfinished.has(path) || !(isOwn(info) || isOwnFolder(info))) continue;
    if (!isGone(host, Number(pid), info.mtimeMs)) continue;
    await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}
