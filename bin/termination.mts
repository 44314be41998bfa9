import process from 'node:process';
import { removeUnfinished } from '../lib/files/part-files.js';

const lastWorks = new Set<() => Promise<void>>();

/** Has `work` done before SIGTERM or SIGHUP ends the process, such as saving a chat; returns what takes that back. */
export function beforeTermination(work: () => Promise<void>): () => void {
  lastWorks.add(work);
  return () => lastWorks.delete(work);
}

/**
 * Lets SIGTERM and SIGHUP end the process only when what must not be lost is done and files on their way are removed; the
 * second signal waits for nothing but the latter.
 */
export function watchTermination(): void {
  let ending = false;
  const end = async (signal: NodeJS.Signals) => {
    const works = ending ? [] : [...lastWorks];
    ending = true;
    await Promise.allSettled(works.map((work) => work()));
    removeUnfinished();
    process.removeAllListeners(signal);
    process.kill(process.pid, signal); // so that who has started us sees what ended us
  };
  process.on('SIGTERM', end);
  process.on('SIGHUP', end);
}
