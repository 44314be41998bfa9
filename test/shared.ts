import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe } from 'vitest';

/** Folder of reference material beside the project; not part of it and not always there. */
const shared = resolve(__dirname, '../../shared');

/** Absolute path of a file in `../shared`. */
export function sharedPath(relative: string): string {
  return join(shared, relative);
}

/** Whether `../shared` is there. */
export const hasShared = existsSync(shared);

/**
 * `describe` for tests that need a file of `../shared`: skipped, with the reason in the title,
 * only when the whole folder is absent. If the folder exists but the file does not, the tests run and fail.
 */
export function describeShared(title: string, body: () => void): void {
  if (hasShared) describe(title, body);
  else describe.skip(`${title} (skipped: ${shared} is not there)`, body);
}
