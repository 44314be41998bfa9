import { mkdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ownSignal } from '../abort.js';
import {
  argumentError,
  booleanOption,
  functionOption,
  givenOptions,
  signalOption,
} from '../checks/options.js';
import { BitnetError } from '../errors.js';
import { filesSha256 } from '../file-hash.js';
import { type Target, writableTarget } from '../files/target.js';
import { diskError } from './disk.js';
import { type Download, download } from './download.js';
import { networkError } from './failures.js';
import { Http } from './http.js';
import { hubEndpoint, hubFiles, hubToken } from './hub.js';
import { isOfType, isPlain, shardsOf, splitOf } from './names.js';
import { type FileSource, hubFile, parseSource, type RepoSource } from './source.js';
import { storePath } from './store.js';

export interface PullOptions {
  /** File to write, or folder to write into. @default under the model's name in the cache folder */
  readonly output?: string | undefined;
  /** SHA-256 the file must have, in hexadecimal. @default what the server says, if it says one */
  readonly sha256?: string | undefined;
  /** Whether to download again what exists. @default false */
  readonly force?: boolean | undefined;
  /** Retries after consecutive temporary failures, such as a lost connection. @default 4 */
  readonly retries?: number | undefined;
  /** Milliseconds of silence after which a connection counts as broken. @default 30000 */
  readonly stallTimeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called often while bytes arrive. */
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
  /** Called with a sentence before a retry, and when waiting for another process. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

export interface PullProgress {
  /** Name of the file. */
  readonly file: string;
  /** Of the files of the model, counted from 1. */
  readonly shard: number;
  readonly shards: number;
  /** Bytes received so far. */
  readonly bytes: number;
  /** Total bytes, if the server says so. */
  readonly total: number | undefined;
}

export interface PullResult {
  /** Its name for `findModel` and the command line; absent with `output`. */
  readonly name?: string;
  /** What `loadModel` takes; of a split model its first shard. */
  readonly path: string;
  /** Bytes of all its files. */
  readonly bytes: number;
  /** Bytes received over the network: 0 if everything existed. */
  readonly received: number;
  readonly files: readonly {
    readonly path: string;
    readonly bytes: number;
    /** In hexadecimal; absent for a file that existed and was not checked. */
    readonly sha256?: string;
  }[];
}

const optionNames: (keyof PullOptions)[] = [
  ...(['output', 'sha256', 'force', 'retries', 'stallTimeout', 'signal'] as const),
  ...(['onProgress', 'onNotice'] as const),
];

/** Names that an error lists. */
const mostNames = 10;

/** Milliseconds before the first retry. */
const retryDelay = 1000;

/**
 * Downloads a model from the Hugging Face Hub (a name in `modelCatalog`, `owner/repo`, `owner/repo:Q2_0`,
 * `owner/repo@revision`, `owner/repo/file.gguf`) or from an http or https address, of a split model all shards. A file appears under its name only when it is complete,
 * starts like a GGUF file, and has the checksum that the server or the caller gave. What a
 * failed pull received is resumed by the next one. Proxies are those of `HTTP_PROXY`, `HTTPS_PROXY`
 * and `NO_PROXY`; `HF_ENDPOINT` and `HF_TOKEN` have their usual meaning.
 *
 * @throws `ERR_BITNET_ARGUMENT`, `ERR_BITNET_NETWORK`, `ERR_BITNET_CHECKSUM`, `ERR_BITNET_GGUF`,
 *   `ERR_BITNET_FILE`, `ERR_BITNET_ABORTED`; those of a failed download have `resumable`
 */
export async function pullModel(source: string, options?: PullOptions): Promise<PullResult> {
  const settings = checkedOptions(options);
  const endpoint = hubEndpoint();
  const parsed = parseSource(source, endpoint);
  const { stallTimeout } = settings;
  const http = await Http.open({ endpoint, token: await hubToken(), stallTimeout });
  const { signal, release } = ownSignal(settings.signal);
  try {
    const files = 'urls' in parsed ? parsed : await onlyFile(http, parsed, signal);
    if (settings.sha256 !== undefined && files.urls.length > 1) {
      throw new BitnetError(
        'ERR_BITNET_ARGUMENT',
        `Expected no checksum for a model of ${files.urls.length} files, but received one; leave it out.`,
      );
    }
    return await pullFiles(http, files, { ...settings, signal });
  } finally {
    release();
    await http.close();
  }
}

type Settings = ReturnType<typeof checkedOptions>;

async function pullFiles(http: Http, source: FileSource, settings: Settings): Promise<PullResult> {
  const { output, onProgress } = settings;
  const names = output === undefined ? source.names() : undefined;
  const places: readonly Place[] = names
    ? names.map((name) => ({ path: storePath(name) }))
    : await outputPlaces(output!, source, settings.force);
  const files: PullResult['files'][number][] = [];
  let received = 0;
  for (const [i, { path, there }] of places.entries()) {
    const present = there ? undefined : await existing(path, settings);
    if (present) {
      files.push(present);
      continue;
    }
    const file = basename(path);
    const onBytes = (bytes: number, total: number | undefined) =>
      onProgress?.({ file, shard: i + 1, shards: places.length, bytes, total });
    const done =
      (await fetched(http, source, i, path, { ...settings, there, retryDelay, onBytes })) ??
      (await existing(path, { ...settings, force: false }));
    if (!done) continue; // another process finished it, and it was removed since
    const { bytes, sha256 } = done;
    if ('received' in done) received += done.received;
    files.push({ path, bytes, ...(sha256 !== undefined && { sha256 }) });
  }
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { ...(names && { name: names[0]! }), path: places[0]!.path, bytes, received, files };
}

/** A download; if the hub has no such file, the error lists those it has. */
async function fetched(
  http: Http,
  { urls, from }: FileSource,
  i: number,
  path: string,
  options: Parameters<typeof download>[3],
): Promise<Download | undefined> {
  try {
    return await download(http, urls[i]!, path, options);
  } catch (error) {
    const { status } = error as { status?: number };
    if (status !== 404 || from === undefined) throw error;
    const names = await hubFiles(http, from, options.signal).catch(() => undefined);
    if (!names) throw error;
    throw networkError(
      `Expected ${from.repo} to have the file ${JSON.stringify(basename(path))}, but there is none; ${choice(names)}.`,
      { status, cause: error },
    );
  }
}

/** The only GGUF file of a repository, or the only one of the requested type. */
async function onlyFile(
  http: Http,
  { from, type }: RepoSource,
  signal: AbortSignal | undefined,
): Promise<FileSource> {
  const names = await hubFiles(http, from, signal);
  const found = type === undefined ? names : names.filter((name) => isOfType(name, type));
  if (found.length === 1) return hubFile(http.endpoint, from, found[0]!);
  const kind = type === undefined ? 'GGUF file' : `file of type ${type}`;
  const amount =
    found.length === 0 ? `no ${kind}` : `${found.length} ${kind.replace('file', 'files')}`;
  throw networkError(
    `Expected one ${kind} in ${from.repo}, but it has ${amount}; ${choice(found.length > 0 ? found : names)}.`,
  );
}

function choice(names: readonly string[]): string {
  if (names.length === 0)
    return 'look for another repository, often one whose name ends with -gguf';
  const shown = names.slice(0, mostNames).map((name) => JSON.stringify(name.slice(0, 200)));
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : '';
  return `choose ${names.length > 1 ? 'one of ' : ''}${shown.join(', ')}${more}`;
}

/** A file that is in the store already, unless it is to be downloaded again. */
async function existing(
  path: string,
  { sha256, force, signal }: Settings,
): Promise<PullResult['files'][number] | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (info && !info.isFile()) {
    throw new BitnetError(
      'ERR_BITNET_FILE',
      `Expected a model file or nothing at "${path}", but there is a folder, pipe or device; remove it.`,
      { path },
    );
  }
  if (!info || force) return undefined;
  if (sha256 === undefined) return { path, bytes: info.size };
  const found = await filesSha256([path], signal);
  if (found === sha256) return { path, bytes: info.size, sha256 };
  throw new BitnetError(
    'ERR_BITNET_CHECKSUM',
    `Expected the SHA-256 ${sha256} of "${path}", but the file that was pulled before has ${found}; replace it with --force (option force).`,
    { expected: sha256, found },
  );
}

/** Where a file goes. */
interface Place {
  readonly path: string;
  /** What exists at a path that the user named. */
  readonly there?: Target;
}

/** @throws ERR_BITNET_FILE when something is there that may not be replaced */
async function outputPlaces(
  output: string,
  source: FileSource,
  overwrite: boolean,
): Promise<Place[]> {
  const places: Place[] = [];
  for (const path of await outputPaths(output, source)) {
    await mkdir(dirname(path), { recursive: true }).catch((error) => {
      throw diskError(path, error);
    });
    const remedy = 'allow it to be replaced (--force, option force)';
    const there = await writableTarget(path, { overwrite, remedy });
    places.push({ path: there.path, there });
  }
  return places;
}

async function outputPaths(output: string, { files }: FileSource): Promise<string[]> {
  if (output === '-') return [output]; // which is refused
  const isFolder =
    /[/\\]$/.test(output) || (await stat(output).catch(() => undefined))?.isDirectory();
  if (isFolder) {
    if (files.every(isPlain)) return files.map((file) => join(resolve(output), file));
    throw argumentError('a file name, which the address does not give,', 'option output', output);
  }
  const shards = shardsOf(resolve(output));
  const split = splitOf(output);
  if (shards.length === files.length && (files.length === 1 || split?.shard === 1)) return shards;
  const end = `-00001-of-${`${files.length}`.padStart(5, '0')}.gguf`;
  throw argumentError(
    files.length === 1
      ? 'a name that is not that of one shard of several'
      : `a folder, or a name that ends with ${end}, because the model has ${files.length} files,`,
    'option output',
    output,
  );
}

function checkedOptions(given: PullOptions | undefined) {
  const options = givenOptions(given, optionNames);
  const { output, sha256, retries = 4, stallTimeout = 30_000 } = options;
  const force = booleanOption('force', options.force, false);
  if (output !== undefined && (typeof output !== 'string' || output === '')) {
    throw argumentError('a path', 'option output', output);
  }
  if (sha256 !== undefined && !(typeof sha256 === 'string' && /^[\da-f]{64}$/i.test(sha256))) {
    throw argumentError('64 hexadecimal digits', 'option sha256', sha256);
  }
  if (!Number.isInteger(retries) || retries < 0) {
    throw argumentError('an integer of at least 0', 'option retries', retries);
  }
  if (!Number.isInteger(stallTimeout) || stallTimeout < 1 || stallTimeout >= 2 ** 31) {
    throw argumentError('a number of milliseconds', 'option stallTimeout', stallTimeout);
  }
  const onProgress = functionOption('onProgress', options.onProgress);
  const onNotice = functionOption('onNotice', options.onNotice) ?? (() => {});
  const signal = signalOption(options.signal);
  return {
    output,
    sha256: sha256?.toLowerCase(),
    force,
    retries,
    stallTimeout,
    signal,
    onProgress,
    onNotice,
  };
}
