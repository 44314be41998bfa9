import { access } from 'node:fs/promises';
import { BitnetError } from '../errors.js';
import { maxSplitShards, maxTensors } from './limits.js';
import { malformed, quote } from './malformed.js';
import type { GgufFile, GgufShard, GgufTensor, GgufValue } from './types.js';

/** The place of a file in a split model. */
interface Place {
  /** From 0. */
  readonly no: number;
  readonly count: number;
}

/** Reads one file; ids that programs use for different types are told apart by `metadata`, if given. */
export type ReadShard = (
  path: string,
  metadata?: ReadonlyMap<string, GgufValue>,
) => Promise<GgufFile>;

export const numberKey = 'split.no';
export const countKey = 'split.count';
export const tensorsKey = 'split.tensors.count';

/**
 * Given one file of a model that was split (`name-00001-of-00003.gguf`, …), all of it: the
 * metadata of the first file, and the tensors of all in order. A file that is not split is returned
 * as it is.
 *
 * @throws ERR_BITNET_FILE when a shard is missing or cannot be read, ERR_BITNET_GGUF when the shards
 * do not belong together
 */
export async function joinShards(file: GgufFile, read: ReadShard): Promise<GgufFile> {
  const place = placeOf(file);
  if (place === undefined) return file;
  const paths = shardPaths(file.path, place);
  await requireShards(paths, place);
  const first = place.no === 0 ? file : await readShard(paths, { ...place, no: 0 }, read);
  const shards = [shardOf(first)];
  const tensors: GgufTensor[] = first.tensors.map((tensor) => ({ ...tensor, shard: 0 }));
  const names = new Set(tensors.map(({ name }) => name));
  for (let no = 1; no < place.count; no++) {
    const shard = await readShard(paths, { ...place, no }, read, first.metadata);
    refuseForeign(first, shard, names);
    shards.push(shardOf(shard));
    for (const tensor of shard.tensors) {
      names.add(tensor.name);
      tensors.push({ ...tensor, shard: no });
    }
    if (tensors.length > maxTensors) {
      const found = `${tensors.length} up to this shard`;
      throw malformed(shard.path, 'the tensor count', `at most ${maxTensors}`, found);
    }
  }
  checkTensorCount(first, tensors.length);
  const size = shards.reduce((sum, shard) => sum + shard.size, 0);
  return { ...first, size, tensors, shards };
}

function shardOf({ path, size, tensors, stamp }: GgufFile): GgufShard {
  return { path, size, tensors: tensors.length, ...(stamp && { stamp }) };
}

/** What a file says about its place; nothing when it is whole. */
function placeOf(file: GgufFile): Place | undefined {
  const count = integer(file, countKey, 0, maxSplitShards) ?? 1;
  if (count <= 1) return undefined;
  const no = integer(file, numberKey, 0, count - 1);
  if (no === undefined) {
    throw malformed(file.path, `metadata "${numberKey}"`, 'the number of the shard', 'no such key');
  }
  return { no, count };
}

function integer(file: GgufFile, key: string, min: number, max: number): number | undefined {
  const value = file.metadata.get(key);
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  const found = typeof value === 'object' ? 'an array' : quote(String(value));
  throw malformed(file.path, `metadata "${key}"`, `an integer from ${min} to ${max}`, found);
}

/** The paths of all shards, by the one that is known. */
function shardPaths(path: string, { no, count }: Place): string[] {
  const ending = shardEnding(no, count);
  if (!path.endsWith(ending)) {
    const advice = 'give all shards of the model back the names they were made with';
    const expected = `one that ends in "${ending}", as shard ${no + 1} of ${count}`;
    throw malformed(path, 'the name', expected, 'another', advice);
  }
  const prefix = path.slice(0, -ending.length);
  return Array.from({ length: count }, (_, i) => prefix + shardEnding(i, count));
}

/** How the name of shard `no`, from 0, of `count` ends. */
export function shardEnding(no: number, count: number): string {
  const digits = (value: number) => String(value).padStart(5, '0');
  return `-${digits(no + 1)}-of-${digits(count)}.gguf`;
}

/** Says at once which files are missing, before the first of many is read. */
async function requireShards(paths: readonly string[], { no }: Place): Promise<void> {
  const missing: number[] = [];
  for (const [i, path] of paths.entries()) {
    const there = await access(path).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
    );
    if (!there) missing.push(i);
  }
  const first = missing[0];
  if (first === undefined) return;
  const more =
    missing.length > 1 ? `, and of ${missing.length - 1} more there are none either` : '';
  const message =
    `Expected shard ${first + 1} of ${paths.length} of the split model "${paths[no]}" at ` +
    `"${paths[first]}", but there is none${more}; put all its shards into one folder.`;
  throw new BitnetError('ERR_BITNET_FILE', message, { path: paths[first]! });
}

async function readShard(
  paths: readonly string[],
  place: Place,
  read: ReadShard,
  metadata?: ReadonlyMap<string, GgufValue>,
): Promise<GgufFile> {
  const shard = await read(paths[place.no]!, metadata);
  const found = placeOf(shard);
  if (found?.no !== place.no || found.count !== place.count) {
    const says = found ? `shard ${found.no + 1} of ${found.count}` : 'a whole model';
    const advice = 'the file was renamed or belongs to another model, get this shard again';
    const expected = `shard ${place.no + 1} of ${place.count}`;
    throw malformed(shard.path, 'the split metadata', expected, says, advice);
  }
  return shard;
}

/** Refuses a shard that cannot be of the same model as the first. */
function refuseForeign(first: GgufFile, shard: GgufFile, names: ReadonlySet<string>): void {
  const advice = 'this shard belongs to another model, get it again';
  for (const [key, value] of shard.metadata) {
    const expected = first.metadata.get(key);
    if (key === numberKey || typeof value === 'object') continue;
    if (expected === undefined || expected === value) continue;
    const wanted = `${quote(String(expected))} as in "${first.path}"`;
    throw malformed(shard.path, `metadata ${quote(key)}`, wanted, quote(String(value)), advice);
  }
  const twice = shard.tensors.find(({ name }) => names.has(name));
  if (twice === undefined) return;
  const field = `tensor ${quote(twice.name)}`;
  throw malformed(shard.path, field, 'in no earlier shard', 'it in one of them too', advice);
}

function checkTensorCount(first: GgufFile, tensors: number): void {
  const stated = integer(first, tensorsKey, 0, maxTensors);
  if (stated === undefined || stated === tensors) return;
  const field = `metadata "${tensorsKey}"`;
  const advice = 'a shard belongs to another model, get all shards again';
  throw malformed(first.path, field, `${tensors}, the tensors of all shards`, `${stated}`, advice);
}
