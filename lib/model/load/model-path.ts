import { fileURLToPath } from 'node:url';
import { argumentError } from '../../checks/options.js';
import { BitnetError } from '../../errors.js';

/** Options that may come without a path before them, and with it among them. */
interface WithPath {
  readonly path?: string | URL | undefined;
}

/** What `(path, options)` and `({ path, ...options })` mean: the path, undefined when it is left out. */
export function pathAndOptions<T extends WithPath>(
  path: unknown,
  options: T | null | undefined,
): { readonly path: string | undefined; readonly options: T | undefined } {
  if (path === undefined || path === null) {
    return { path: checkedModelPath(options?.path), options: options ?? undefined };
  }
  if ((options === undefined || options === null) && isOptions(path)) {
    return { path: checkedModelPath((path as T).path), options: path as T };
  }
  const checked = checkedModelPath(path);
  if (options?.path === undefined || options.path === null) {
    return { path: checked, options: options ?? undefined };
  }
  throw argumentError('no path beside the first argument', 'option path', options.path);
}

/**
 * A path as a caller gives it, also as a `file:` URL (`new URL('…', import.meta.url)`).
 *
 * @param what completes "Expected …"
 * @throws ERR_BITNET_ARGUMENT
 */
export function pathOf(path: unknown, what: string): string {
  if (typeof path === 'string' && path !== '' && !/^(file|https?):\/\//i.test(path)) return path;
  const url = typeof path === 'string' && path !== '' ? path : (path as URL | null)?.href;
  if (typeof url !== 'string') throw argumentError(what, 'path', path);
  if (/^https?:/i.test(url)) {
    throw new BitnetError(
      'ERR_BITNET_ARGUMENT',
      `Expected ${what} for path, but received the address ${JSON.stringify(url.slice(0, 200))}; get it with pullModel (bitnet pull) first.`,
      { option: 'path' },
    );
  }
  try {
    return fileURLToPath(url);
  } catch {
    throw argumentError(`${what}, or a file: URL of one,`, 'path', url);
  }
}

function checkedModelPath(path: unknown): string | undefined {
  if (path === undefined || path === null) return undefined;
  return pathOf(path, 'the path of a GGUF file');
}

/** Neither a URL nor what else is made by a class of JavaScript, such as a promise. */
function isOptions(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object Object]';
}
