// Marks a partial file with its process, in its name, so that other processes can tell whether that is still running.
import { createHash, randomBytes } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A mark in a regular expression; its groups are the host and the process. */
export const markPattern = '([\\da-f]{8})-(\\d+)-[\\da-f]+';

/** Milliseconds by which the clock of a file system may be behind ours. */
const clockDifference = 5000;

/** Process ids are valid on one machine and, in containers, in one namespace. */
const host = createHash('sha256')
  .update(hostname() + processNamespace())
  .digest('hex')
  .slice(0, 8);

/** A mark of this process that no other file has. */
export function newMark(): string {
  return `${host}-${process.pid}-${randomBytes(6).toString('hex')}`;
}

/**
 * Whether the process of a mark is known to be gone.
 * @param mtimeMs when its file was last written to: in a container, processes have the same id again and again
 */
export function isGone(markHost: string, pid: number, mtimeMs: number): boolean {
  if (markHost !== host) return false;
  if (pid !== process.pid) return !isAlive(pid);
  return mtimeMs < Date.now() - 1000 * process.uptime() - clockDifference;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return ''; // another system than Linux
  }
}
