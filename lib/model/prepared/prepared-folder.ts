// The folder of packed weights: what is there, and room for more.
import { constants } from 'node:fs';
import { mkdir, readdir, rm, statfs, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { bytes as text } from '../../byte-size.js';
import { cacheFolder } from '../../cache-folder.js';
import { isOwn, openNamed } from '../../files/own.js';
import { preparedHeaderBytes } from '../../native-types.js';

/** Packed weights that a load has kept. */
export interface PreparedEntry {
  readonly path: string;
  /** The file they were made of; '' where its name is too long. */
  readonly model: string;
  readonly bytes: number;
  /** When they were made or used last. */
  readonly used: Date;
}

/** Bytes that all of them may take together, unless asked otherwise; the oldest make room. */
export const preparedBudget = 16 * 2 ** 30;

const magic = 'bitnet packed weights\n';
const namePattern = /-[\da-f]{16}\.packed$/;

/** Where they are kept; undefined where there is no cache folder. */
export function preparedFolder(): string | undefined {
  const folder = cacheFolder();
  return folder && join(folder, 'prepared');
}

/** The path of the weights with a key. */
export function preparedPath(folder: string, model: string, key: string): string {
  const name = basename(model)
    .replaceAll(/[^\w.-]/g, '_')
    .slice(0, 80);
  return join(folder, `${name}-${key.slice(0, 16)}.packed`);
}

/** What is in a folder, the newest first. */
export async function preparedIn(folder: string): Promise<PreparedEntry[]> {
  const names = await preparedNames(folder);
  const entries = await Promise.all(
    names.map((name) => entryAt(join(folder, name)).catch(() => undefined)),
  );
  return entries
    .flatMap((entry) => entry ?? [])
    .sort((a, b) => b.used.getTime() - a.used.getTime());
}

/** The names of files in a folder that may be packed weights: of most folders none, since they do not exist. */
export async function preparedNames(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => namePattern.test(name));
}

/** Whether a file is there that this program may have made. */
export async function isPreparedAt(path: string): Promise<boolean> {
  return entryAt(path).then(
    () => true,
    () => false,
  );
}

/** The bytes before the addon's part. */
export function preparedHeader(model: string): Uint8Array {
  const header = Buffer.alloc(preparedHeaderBytes);
  const about = (name: string) => `${magic}${JSON.stringify({ model: name })}\n`;
  const fits = Buffer.byteLength(about(model)) < preparedHeaderBytes;
  header.write(about(fits ? model : ''));
  return header;
}

/** Remembers that weights were used now. */
export async function touchPrepared(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => {}); // it may be gone
}

/**
 * Makes room for `needed` bytes at `path`: other weights of the same model leave, then the oldest.
 *
 * @returns why there is none, completing "because …"; undefined where there is
 */
export async function makePreparedRoom(
  folder: string,
  model: string,
  needed: number,
  budget: number,
): Promise<string | undefined> {
  if (needed > budget) return `they take ${text(needed)}, and all of them may take ${text(budget)}`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const entries = await preparedIn(folder);
  const others = entries.filter((entry) => entry.model !== model || model === '');
  const leaving = entries.filter((entry) => !others.includes(entry));
  const total = () => others.reduce((sum, { bytes }) => sum + bytes, 0);
  while (total() + needed > budget) leaving.push(others.pop()!);
  for (const { path } of leaving) await removePrepared(path);
  const { bavail, bsize, blocks } = await statfs(folder);
  const free = bavail * bsize;
  const kept = Math.max(2 ** 30, 0.05 * blocks * bsize);
  if (needed + kept <= free) return undefined;
  return `they take ${text(needed)} and ${text(kept)} stay free, but the disk of "${folder}" has only ${text(free)} left`;
}

export async function removePrepared(path: string): Promise<void> {
  await rm(path, { force: true });
}

async function entryAt(path: string): Promise<PreparedEntry> {
  const handle = await openNamed(path, constants.O_RDONLY, isOwn);
  try {
    const header = Buffer.alloc(preparedHeaderBytes);
    await handle.read(header, 0, header.length, 0);
    const { size, mtime } = await handle.stat();
    return { path, model: modelIn(header), bytes: size, used: mtime };
  } finally {
    await handle.close();
  }
}

/** What a header says, which may be anything. */
function modelIn(header: Buffer): string {
  const about = header.toString('utf8', 0, header.indexOf(0));
  if (!about.startsWith(magic)) return '';
  try {
    const { model } = JSON.parse(about.slice(magic.length));
    return typeof model === 'string' ? model : '';
  } catch {
    return '';
  }
}
