import { constants, type Stats } from 'node:fs';
import { access, lstat, open, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BitnetError } from '../errors.js';
import { systemFault } from './system-fault.js';

const sticky = 0o1000;

/** A kind of file, recognized by its first bytes. */
export interface FileKind {
  /** With an article: 'a session file'. */
  readonly name: string;
  /** Number of bytes that `matches` sees, or all of a shorter file. */
  readonly headBytes: number;
  readonly matches: (head: Buffer) => boolean;
}

export interface TargetOptions {
  /** Files that are replaced without asking. @default none */
  readonly kind?: FileKind | undefined;
  /** Whether any regular file may be replaced. @default false */
  readonly overwrite?: boolean | undefined;
  /** Whether a symbolic link of this user is followed; not where the program itself has named the file. @default true */
  readonly links?: boolean | undefined;
  /** A remedy other than another name, for the message. @default 'allow it to be replaced (option overwrite)' */
  readonly remedy?: string;
}

/** The place to write a file. */
export interface Target extends Place {
  /** Checks again just before the file takes its place. @throws as `writableTarget` */
  readonly checkAgain: () => Promise<void>;
}

interface Place {
  /** The path as given or, for a symbolic link, its target. */
  readonly path: string;
  /** What exists there now, if anything. */
  readonly there: Stats | undefined;
}

/**
 * Where writing to `path`, which the user named, may go: a new name, or a regular file that may be replaced. A
 * symbolic link is followed if it is this user's (or root's) and leads to a regular file of theirs. Nothing is written, and nothing
 * waited for, so it can be called long before.
 *
 * @throws ERR_BITNET_ARGUMENT for `-`; ERR_BITNET_FILE for anything else that must stay, with `replaceable` where
 *   `overwrite` would allow it
 */
export async function writableTarget(path: string, options: TargetOptions): Promise<Target> {
  if (path === '-') {
    const message =
      'Expected the name of a file to write, but received "-", which stands for standard output; write ./- if a file of that name is meant.';
    throw new BitnetError('ERR_BITNET_ARGUMENT', message, { path });
  }
  const target = await followed(path, options);
  await access(dirname(target.path), constants.W_OK).catch((cause) => {
    throw unwritable(path, cause);
  });
  const checkAgain = async () => {
    const now = await followed(path, options);
    if (now.path !== target.path) throw refused(path, 'a link that has changed');
  };
  return { ...target, checkAgain };
}

async function followed(path: string, options: TargetOptions): Promise<Place> {
  const named = await infoOf(path);
  if (!named?.isSymbolicLink()) return replaceable(path, path, named, options);
  if (options.links === false) throw refused(path, 'a link');
  const end = await realpath(path).catch(() => undefined);
  const there = end === undefined ? undefined : await stat(end).catch(() => undefined);
  if (end === undefined || there === undefined) throw refused(path, 'a link that leads nowhere');
  if (!there.isFile()) throw refused(path, special(there));
  // In a folder that others can write to, a link may be a trap; root needs none.
  const mine = process.getuid?.() ?? there.uid;
  if (there.uid !== mine || ![mine, 0].includes(named.uid)) {
    throw refused(path, 'a link of another user, or to a file of another user');
  }
  return replaceable(path, end, there, options);
}

async function replaceable(
  named: string,
  path: string,
  there: Stats | undefined,
  { kind, overwrite, remedy = 'allow it to be replaced (option overwrite)' }: TargetOptions,
): Promise<Place> {
  if (there && !there.isFile()) throw refused(named, special(there));
  if (there && !(await mayBeRenamedOver(path, there))) throw refused(named, "another user's file");
  if (!there || overwrite || (kind && (await isOfKind(path, kind)))) return { path, there };
  const ways = `choose another name, or ${remedy}`;
  throw new BitnetError(
    'ERR_BITNET_FILE',
    kind
      ? `Expected a new name or ${kind.name} at "${named}", but there is another kind of file; ${ways}.`
      : `Expected no file at "${named}", but there is one; ${ways}.`,
    { path: named, replaceable: true },
  );
}

/** In a sticky folder such as /tmp, the owners of a file and of the folder may replace it. */
async function mayBeRenamedOver(path: string, there: Stats): Promise<boolean> {
  const user = process.geteuid?.() ?? 0;
  if (user === 0 || there.uid === user) return true;
  const folder = await stat(dirname(path));
  return (folder.mode & sticky) === 0 || folder.uid === user;
}

/** An empty file is of every kind, since nothing is lost. */
async function isOfKind(path: string, { headBytes, matches }: FileKind): Promise<boolean> {
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(
    (cause) => {
      throw unwritable(path, cause);
    },
  );
  try {
    const head = Buffer.alloc(headBytes);
    const { bytesRead } = await handle.read(head, 0, headBytes, 0);
    return bytesRead === 0 || matches(head.subarray(0, bytesRead));
  } catch (cause) {
    throw unwritable(path, cause as Error);
  } finally {
    await handle.close();
  }
}

function infoOf(path: string): Promise<Stats | undefined> {
  return lstat(path).catch((cause) => {
    if (cause.code === 'ENOENT') return undefined;
    throw unwritable(path, cause);
  });
}

function special(info: Stats): string {
  if (info.isDirectory()) return 'a folder';
  if (info.isFIFO()) return 'a pipe';
  return info.isSocket() ? 'a socket' : 'a device';
}

function refused(path: string, found: string): BitnetError {
  return new BitnetError(
    'ERR_BITNET_FILE',
    `Expected a regular file or a new name to write to, but "${path}" is ${found}; choose another name.`,
    { path },
  );
}

/** The error for a file that the system will not let us write. */
export function unwritable(path: string, cause: Error): BitnetError {
  const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  const found = missing
    ? 'its folder does not exist; make the folder first'
    : `the system answered "${systemFault(cause)}"; check the folder and the free space`;
  const message = `Expected to write the file "${path}", but ${found}.`;
  return new BitnetError('ERR_BITNET_FILE', message, { path, cause });
}
