import { access } from 'node:fs/promises';
import { BitnetError } from '../errors.js';
import { maxSplitParts, maxTensors } from './limits.js';
import { malformed, quote } from './malformed.js';
import type { GgufFile, GgufPart, GgufTensor, GgufValue } from './types.js';

/** The place of a file in a split model. */
interface Place {
  /** From 0. */
  readonly no: number;
  readonly count: number;
}

/** Reads one file; ids that programs use for different types are told apart by `metadata`, if given. */
export type ReadPart = (
  path: string,
  metadata?: ReadonlyMap<string, GgufValue>,
) => Promise<GgufFile>;

const numberKey = 'split.no';
const countKey = 'split.count';
const tensorsKey = 'split.tensors.count';

/**
 * Given one file of a model that was split (`name-00001-of-00003.gguf`, …), all of it: the
 * metadata of the first file, and the tensors of all in order. A file that is not split is returned
 * as it is.
 *
 * @throws ERR_BITNET_FILE when a part is missing or cannot be read, ERR_BITNET_GGUF when the parts
 * do not belong together
 */
export async function joinParts(file: GgufFile, read: ReadPart): Promise<GgufFile> {
  const place = placeOf(file);
  if (place === undefined) return file;
  const paths = partPaths(file.path, place);
  await requireParts(paths, place);
  const first = place.no === 0 ? file : await readPart(paths, { ...place, no: 0 }, read);
  const parts = [partOf(first)];
  const tensors: GgufTensor[] = first.tensors.map((tensor) => ({ ...tensor, part: 0 }));
  const names = new Set(tensors.map(({ name }) => name));
  for (let no = 1; no < place.count; no++) {
    const part = await readPart(paths, { ...place, no }, read, first.metadata);
    refuseForeign(first, part, names);
    parts.push(partOf(part));
    for (const tensor of part.tensors) {
      names.add(tensor.name);
      tensors.push({ ...tensor, part: no });
    }
    if (tensors.length > maxTensors) {
      const found = `${tensors.length} up to this part`;
      throw malformed(part.path, 'the tensor count', `at most ${maxTensors}`, found);
    }
  }
  checkTensorCount(first, tensors.length);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  return { ...first, size, tensors, parts };
}

function partOf({ path, size, tensors, stamp }: GgufFile): GgufPart {
  return { path, size, tensors: tensors.length, ...(stamp && { stamp }) };
}

/** What a file says about its place; nothing when it is whole. */
function placeOf(file: GgufFile): Place | undefined {
  const count = integer(file, countKey, 0, maxSplitParts) ?? 1;
  if (count <= 1) return undefined;
  const no = integer(file, numberKey, 0, count - 1);
  if (no === undefined) {
    throw malformed(file.path, `metadata "${numberKey}"`, 'the number of the part', 'no such key');
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

/** The paths of all parts, by the one that is known. */
function partPaths(path: string, { no, count }: Place): string[] {
  const ending = partEnding(no, count);
  if (!path.endsWith(ending)) {
    const advice = 'give all parts of the model back the names they were made with';
    const expected = `one that ends in "${ending}", as part ${no + 1} of ${count}`;
    throw malformed(path, 'the name', expected, 'another', advice);
  }
  const prefix = path.slice(0, -ending.length);
  return Array.from({ length: count }, (_, i) => prefix + partEnding(i, count));
}

function partEnding(no: number, count: number): string {
  const digits = (value: number) => String(value).padStart(5, '0');
  return `-${digits(no + 1)}-of-${digits(count)}.gguf`;
}

/** Says at once which files are missing, before the first of many is read. */
async function requireParts(paths: readonly string[], { no }: Place): Promise<void> {
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
    `Expected part ${first + 1} of ${paths.length} of the split model "${paths[no]}" at ` +
    `"${paths[first]}", but there is none${more}; put all its parts into one folder.`;
  throw new BitnetError('ERR_BITNET_FILE', message, { path: paths[first]! });
}

async function readPart(
  paths: readonly string[],
  place: Place,
  read: ReadPart,
  metadata?: ReadonlyMap<string, GgufValue>,
): Promise<GgufFile> {
  const part = await read(paths[place.no]!, metadata);
  const found = placeOf(part);
  if (found?.no !== place.no || found.count !== place.count) {
    const says = found ? `part ${found.no + 1} of ${found.count}` : 'a whole model';
    const advice = 'the file was renamed or belongs to another model, get this part again';
    const expected = `part ${place.no + 1} of ${place.count}`;
    throw malformed(part.path, 'the split metadata', expected, says, advice);
  }
  return part;
}

/** Refuses a part that cannot be of the same model as the first. */
function refuseForeign(first: GgufFile, part: GgufFile, names: ReadonlySet<string>): void {
  const advice = 'this part belongs to another model, get it again';
  for (const [key, value] of part.metadata) {
    const expected = first.metadata.get(key);
    if (key === numberKey || typeof value === 'object') continue;
    if (expected === undefined || expected === value) continue;
    const wanted = `${quote(String(expected))} as in "${first.path}"`;
    throw malformed(part.path, `metadata ${quote(key)}`, wanted, quote(String(value)), advice);
  }
  const twice = part.tensors.find(({ name }) => names.has(name));
  if (twice === undefined) return;
  const field = `tensor ${quote(twice.name)}`;
  throw malformed(part.path, field, 'in no earlier part', 'it in one of them too', advice);
}

function checkTensorCount(first: GgufFile, tensors: number): void {
  const stated = integer(first, tensorsKey, 0, maxTensors);
  if (stated === undefined || stated === tensors) return;
  const field = `metadata "${tensorsKey}"`;
  const advice = 'a part belongs to another model, get all parts again';
  throw malformed(first.path, field, `${tensors}, the tensors of all parts`, `${stated}`, advice);
}
