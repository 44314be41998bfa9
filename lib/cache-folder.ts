import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/**
 * Where this program keeps what can be got again: `BITNET_CACHE`, else the folder `bitnet` in
 * `XDG_CACHE_HOME` if that is set, else in what the operating system uses.
 */
export function cacheFolder(): string {
  const { BITNET_CACHE: own, XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = process.env;
  if (own) return resolve(own);
  const folder =
    (xdg && isAbsolute(xdg) && xdg) ||
    (process.platform === 'darwin' && join(homedir(), 'Library', 'Caches')) ||
    (process.platform === 'win32' && (local || join(homedir(), 'AppData', 'Local'))) ||
    join(homedir(), '.cache');
  return join(folder, 'bitnet');
}
