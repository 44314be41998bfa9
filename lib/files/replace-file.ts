import { constants } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { openNamed } from './own.js';
import { newPart, partDone, removeAbandoned } from './part-files.js';
import { syncFolder } from './sync-folder.js';
import { type TargetOptions, unwritable, writableTarget } from './target.js';

/**
 * Writes a file that appears under its name when it is complete and safe on the disk. Until then, and after an error, one
 * that existed stays unchanged; `writableTarget` says what may be replaced. Permissions are kept. The content is
 * written goes to another name in the same folder, which is removed after an error and at the end of the process, or
 * by the next writer if that was not possible.
 *
 * @param write creates the file `part`, which must not exist
 * @throws ERR_BITNET_FILE, ERR_BITNET_ARGUMENT, and whatever `write` throws
 */
export async function replaceFile(
  path: string,
  options: TargetOptions,
  write: (part: string) => Promise<void>,
): Promise<void> {
  const target = await writableTarget(path, options);
  await removeAbandoned(target.path);
  const part = newPart(target.path);
  try {
    await write(part);
    await settle(part, target.there?.mode);
    await target.checkAgain();
    await rename(part, target.path);
    await syncFolder(dirname(target.path));
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    throw explained(error, part, path);
  } finally {
    partDone(part);
  }
}

/**
 * Writes a text with `replaceFile`.
 * @param mode permissions of a new file
 */
export async function replaceText(
  path: string,
  options: TargetOptions & { readonly mode?: number },
  text: string,
): Promise<void> {
  await replaceFile(path, options, (part) =>
    writeFile(part, text, { flag: 'wx', mode: options.mode }),
  );
}

/** Flushes a partial file to disk, with the permissions of what it will replace. */
async function settle(part: string, mode: number | undefined): Promise<void> {
  const handle = await openNamed(part, constants.O_RDWR, (info) => info.isFile());
  try {
    if (mode !== undefined) await handle.chmod(mode & 0o777).catch(() => {}); // FAT has none
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Reports what the system says about the temporary file under the name that was asked for. */
function explained(error: unknown, part: string, path: string): unknown {
  if (!(error instanceof Error)) return error;
  error.message = error.message.replaceAll(part, path);
  const { syscall } = error as NodeJS.ErrnoException;
  return syscall === undefined ? error : unwritable(path, error);
}
