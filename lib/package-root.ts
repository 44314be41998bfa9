import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Folder of the installed package: where package.json, models/ and prebuilds/ are. */
export const packageRoot = findRoot(__dirname);

/** The version in its package.json. */
export function packageVersion(): string {
  const text = readFileSync(join(packageRoot, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Compiled files lie in dist/lib, sources in lib: the root is the nearest folder with a package.json. */
function findRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findRoot(dirname(folder));
}
