import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Folder of the installed package: where package.json, models/ and prebuilds/ are. */
export const packageRoot = findRoot(__dirname);

/** Compiled files lie in dist/lib, sources in lib: the root is the nearest folder with a package.json. */
function findRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findRoot(dirname(folder));
}
