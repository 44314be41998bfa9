import { mkdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ownSignal } from '../abort.js';
import { argumentError } from '../checks/options.js';
import { BitnetError } from '../errors.js';
import { filesSha256 } from '../file-hash.js';
import { type Target, writableTarget } from '../files/target.js';
import { diskError } from './disk.js';
import { type Download, download } from './download.js';
import { networkError } from './failures.js';
import { Http } from './http.js';
import { ggufFiles, type HubRepository, hubEndpoint, hubFiles, hubToken } from './hub.js';
import { isOfType, isPlain, shardsOf, splitOf } from './names.js';
import { convertedName, pullCheckpoint } from './pull-checkpoint.js';
import {
  checkedOptions,
  type PullOptions,
  type PullResult,
  type Settings,
} from './pull-options.js';
import { type FileSource, hubFile, parseSource, type RepoSource } from './source.js';
import { storePath } from './store.js';

export type { PullOptions, PullProgress, PullResult } from './pull-options.js';

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
    const names = 'urls' in parsed ? [] : await hubFiles(http, parsed.from, signal);
    if (!('urls' in parsed) && settings.convert && ggufFiles(names).length === 0) {
      return await converted(http, parsed.from, names, { ...settings, signal });
    }
    const files = 'urls' in parsed ? parsed : onlyFile(http, parsed, names);
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

/** A repository without GGUF files: its checkpoint becomes one, in the store or where `output` says. */
async function converted(
  http: Http,
  from: HubRepository,
  names: readonly string[],
  settings: Settings,
): Promise<PullResult> {
  const name = convertedName(http, from);
  if (settings.output === undefined) {
    const path = storePath(name);
    const present = await existing(path, settings);
    if (present) return { name, path, bytes: present.bytes, received: 0, files: [present] };
    const made = await pullCheckpoint(http, from, names, path, { ...settings, retryDelay });
    return { name, ...made };
  }
  const source = hubFile(http.endpoint, from, basename(name));
  const [place] = await outputPlaces(settings.output, source, settings.force);
  return pullCheckpoint(http, from, names, place!.path, { ...settings, retryDelay });
}

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
    const all = await hubFiles(http, from, options.signal).catch(() => undefined);
    if (!all) throw error;
    const names = ggufFiles(all);
    throw networkError(
      `Expected ${from.repo} to have the file ${JSON.stringify(basename(path))}, but there is none; ${choice(names)}.`,
      { status, cause: error },
    );
  }
}

/** The only GGUF file of a repository, or the only one of the requested type. */
function onlyFile(http: Http, { from, type }: RepoSource, all: readonly string[]): FileSource {
  const names = ggufFiles(all);
  const found = type === undefined ? names : names.filter((name) => isOfType(name, type));
  if (found.length === 1) return hubFile(http.endpoint, from, found[0]!);
  const kind = type === undefined ? 'GGUF file' : `file of type ${type}`;
  const amount =
    found.length === 0 ? `no ${kind}` : `${found.length} ${kind.replace('file', 'files')}`;
  const hint =
    names.length === 0 && all.some((name) => name.endsWith('.safetensors'))
      ? ', or convert its checkpoint (--convert, option convert)'
      : '';
  throw networkError(
    `Expected one ${kind} in ${from.repo}, but it has ${amount}; ${choice(found.length > 0 ? found : names)}${hint}.`,
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
