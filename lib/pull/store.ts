import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../cache-folder.js';
import { argumentError, nearest } from '../checks/options.js';
import { BitnetError } from '../errors.js';
import { largestOf } from '../extremes.js';
import { catalogModel, catalogStoreName } from './catalog.js';
import { partialFiles } from './claims.js';
import { diskError } from './disk.js';
import { isOfType, shardsOf } from './names.js';

/** A model that was pulled, or part of one. */
export interface PulledModel {
  /** `owner/repo/file.gguf`, or host and path of the address; of a split model its first shard. */
  readonly name: string;
  /** What `loadModel` takes. */
  readonly path: string;
  /** All its files. */
  readonly files: readonly string[];
  /** Bytes on the disk, together. */
  readonly bytes: number;
  /** When its last file was completed or, if none is complete, last written. */
  readonly pulled: Date;
  /** False when files are missing; pulling the same again resumes. */
  readonly complete: boolean;
}

/** A pull never makes folders deeper than this. */
const maxDepth = 20;

/** Names that an error lists. */
const mostNames = 10;

/** The folder of pulled models; undefined if there is none, see `cacheFolder`. */
export function storeFolder(): string | undefined {
  const folder = cacheFolder();
  return folder && join(folder, 'models');
}

/** @throws ERR_BITNET_FILE when there is no place for models */
export function storePath(name: string): string {
  const folder = storeFolder();
  if (folder !== undefined) return join(folder, ...name.split('/'));
  throw new BitnetError(
    'ERR_BITNET_FILE',
    'Expected a folder to keep models in, but there is no home folder; set BITNET_CACHE to a folder that can be written, or name a file with -o (option output).',
  );
}

/** The models that were pulled, by name. */
export async function listModels(): Promise<PulledModel[]> {
  const files = new Map<string, StoredFile>();
  const store = storeFolder();
  if (store !== undefined) await collect(store, '', maxDepth, files);
  const models = [...files.keys()]
    .map((name) => shardsOf(name)[0]!)
    .filter((name, i, names) => names.indexOf(name) === i)
    .map((name) => pulledModel(name, files));
  return models.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The model that a name means: a name in the catalog, its whole name or the end of it, with or without
 * `.gguf`, or the repository, with a type after a colon, if it holds no other model.
 *
 * @throws ERR_BITNET_FILE when there is none, or several, or it is not complete
 */
export async function findModel(name: string): Promise<PulledModel> {
  const model = await only(name);
  if (model.complete) return model;
  throw new BitnetError(
    'ERR_BITNET_FILE',
    `Expected a complete model, but "${model.name}" was only partly pulled; pull it again to resume.`,
    { path: model.path },
  );
}

/**
 * Removes a pulled model, complete or not, and returns what it was.
 * @throws ERR_BITNET_FILE when there is none of that name, or several
 */
export async function removeModel(name: string): Promise<PulledModel> {
  const model = await only(name);
  for (const path of shardsOf(model.path)) {
    const rest = await partialFiles(dirname(path), path);
    // What another process is writing is not ours to remove.
    const free = rest.filter(({ state }) => state !== 'busy').map((file) => file.path);
    for (const file of [path, ...free]) {
      await rm(file, { force: true }).catch((error) => {
        throw diskError(file, error);
      });
    }
  }
  for (let folder = dirname(model.path); folder !== storeFolder(); folder = dirname(folder)) {
    if (
      !(await rmdir(folder).then(
        () => true,
        () => false,
      ))
    )
      break; // not empty
  }
  return model;
}

/** The models that `name` may mean; a whole name means only itself. */
export function matching(name: string, models: readonly PulledModel[]): PulledModel[] {
  const known = catalogModel(name);
  const whole = known ? catalogStoreName(known) : name;
  const exact = models.filter((model) => model.name === whole);
  if (exact.length > 0) return exact;
  const [repo = '', type = ''] = name.split(':');
  return models.filter(
    (model) =>
      model.name === `${name}.gguf` ||
      model.name.endsWith(`/${name}`) ||
      model.name.endsWith(`/${name}.gguf`) ||
      (repo.includes('/') && model.name.startsWith(`${repo}/`) && isOfType(model.name, type)),
  );
}

/** Whether `name` is one of a model, pulled or in the catalog. */
export function isModelName(name: string, models: readonly PulledModel[]): boolean {
  return name !== '' && (catalogModel(name) !== undefined || matching(name, models).length > 0);
}

/** The name that a misspelled one most likely means. */
export function nearestName(name: string, models: readonly PulledModel[]): string | undefined {
  const short = new Map<string, string>();
  for (const model of models) {
    const file = model.name.split('/').at(-1)!;
    for (const form of [model.name, file, file.replace(/\.gguf$/i, '')])
      short.set(form, model.name);
  }
  const near = nearest(name, [...short.keys()]);
  return near === undefined ? undefined : short.get(near);
}

/** @throws ERR_BITNET_FILE */
export function ambiguous(name: string, models: readonly PulledModel[]): BitnetError {
  return new BitnetError(
    'ERR_BITNET_FILE',
    `Expected the name of one pulled model, but ${JSON.stringify(name)} means ${listed(models)}; give more of its name.`,
  );
}

async function only(name: string): Promise<PulledModel> {
  if (typeof name !== 'string' || name === '') {
    throw argumentError('the name of a pulled model', 'name', name);
  }
  const models = await listModels();
  const found = matching(name, models);
  if (found.length === 1) return found[0]!;
  if (found.length > 1) throw ambiguous(name, found);
  const near = nearestName(name, models);
  const help = catalogModel(name)
    ? `bitnet pull ${name} gets it.`
    : near
      ? `did you mean ${JSON.stringify(near)}?`
      : models.length > 0
        ? `there are ${listed(models)}.`
        : 'none was pulled yet.';
  throw new BitnetError(
    'ERR_BITNET_FILE',
    `Expected the name of a pulled model, but there is no ${JSON.stringify(name)}; ${help}`,
  );
}

function listed(models: readonly PulledModel[]): string {
  const names = models.slice(0, mostNames).map((model) => JSON.stringify(model.name));
  const more = models.length - names.length;
  return more > 0 ? `${names.join(', ')} and ${more} more` : names.join(', ');
}

interface StoredFile {
  readonly bytes: number;
  readonly time: Date;
  readonly complete: boolean;
}

/** Files of a folder and those in it, by name; of partial files the longest. */
async function collect(
  folder: string,
  prefix: string,
  depth: number,
  files: Map<string, StoredFile>,
): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const name = `${prefix}${entry.name}`;
    const path = join(folder, entry.name);
    if (entry.isDirectory() && depth > 0) await collect(path, `${name}/`, depth - 1, files);
    if (!entry.isFile() || !/\.gguf$/i.test(name)) continue;
    const info = await stat(path).catch(() => undefined);
    if (info) files.set(name, { bytes: info.size, time: info.mtime, complete: true });
  }
  for (const { target, path, bytes } of await partialFiles(folder)) {
    const name = `${prefix}${target.slice(folder.length + 1)}`;
    const info = files.has(name) ? undefined : await stat(path).catch(() => undefined);
    if (info) files.set(name, { bytes, time: info.mtime, complete: false });
  }
}

function pulledModel(name: string, stored: ReadonlyMap<string, StoredFile>): PulledModel {
  const names = shardsOf(name);
  const files = names.map((part) => stored.get(part)).filter((file) => file !== undefined);
  const complete = files.length === names.length && files.every((file) => file.complete);
  return {
    name,
    path: storePath(name),
    files: names.filter((part) => stored.get(part)?.complete).map(storePath),
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    pulled: new Date(largestOf(files.map(({ time }) => time.getTime()))),
    complete,
  };
}
