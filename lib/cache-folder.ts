import { isAbsolute, join, resolve } from 'node:path';
import { homeFolder, variable } from './environment.js';

/**
 * Where this program keeps what can be got again: `BITNET_CACHE`, else the folder `bitnet` in
 * `XDG_CACHE_HOME` if that is set, else in what the operating system uses; undefined where none of
 * them says a place and there is no home folder.
 */
export function cacheFolder(): string | undefined {
  const own = variable('BITNET_CACHE');
  if (own !== undefined) return resolve(own);
  const folder = userCaches();
  return folder && join(folder, 'bitnet');
}

/** The folder in which every program has its cache. */
function userCaches(): string | undefined {
  const xdg = variable('XDG_CACHE_HOME');
  if (xdg !== undefined && isAbsolute(xdg)) return xdg;
  const local = process.platform === 'win32' ? variable('LOCALAPPDATA') : undefined;
  if (local !== undefined) return local;
  const home = homeFolder();
  if (home === undefined) return undefined;
  if (process.platform === 'darwin') return join(home, 'Library', 'Caches');
  return process.platform === 'win32' ? join(home, 'AppData', 'Local') : join(home, '.cache');
}
