import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BitnetError } from './errors.js';

/** Folder of the installed package: where package.json, models/ and prebuilds/ are. */
export const packageRoot = findPackageRoot(__dirname);

/** The version in its package.json. */
export function packageVersion(): string {
  const text = readFileSync(join(packageRoot, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/**
 * The nearest folder at or above `start` that holds this package: compiled files lie in dist/lib,
 * sources in lib. A bundler puts the code among somebody else's, where there is none.
 *
 * @throws ERR_BITNET_ADDON
 */
export function findPackageRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (packageName(folder) === 'bitnet') return folder;
    if (folder === dirname(folder)) break;
  }
  throw new BitnetError(
    'ERR_BITNET_ADDON',
    `Expected bitnet's own files beside its code, but found none in or above "${start}": a bundler has moved the code; mark bitnet as external (esbuild: --external:bitnet; see docs/bundlers.md) and install it where the program runs.`,
  );
}

function packageName(folder: string): unknown {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name;
  } catch {
    return undefined; // none, or one that is no business of ours
  }
}
