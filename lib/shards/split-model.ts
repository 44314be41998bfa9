import {
  argumentError,
  booleanOption,
  functionOption,
  givenOptions,
  signalOption,
} from '../checks/options.js';
import { BitnetError } from '../errors.js';
import type { GgufTyped } from '../gguf/encode-header.js';
import { metadataEntries } from '../gguf/entries.js';
import { maxSplitShards } from '../gguf/limits.js';
import { readGguf } from '../gguf/reader.js';
import { checkOutput, checkPath, throwIfAborted, watched } from '../gguf/rewrite.js';
import { countKey, numberKey, shardEnding, tensorsKey } from '../gguf/split.js';
import { TensorFiles } from '../gguf/tensor-files.js';
import type { GgufTensor } from '../gguf/types.js';
import type { WriteOptions } from '../gguf/write-options.js';
import { writeGguf } from '../gguf/writer.js';

export interface SplitOptions extends WriteOptions {
  /** Most tensors of a shard. @default 128, unless maxBytes is given */
  readonly maxTensors?: number | undefined;
  /** Most bytes of tensors in a shard; one that is larger gets a shard of its own. @default no limit */
  readonly maxBytes?: number | undefined;
}

export interface SplitResult {
  /** The shards, in order. */
  readonly paths: readonly string[];
  /** Tensors of all shards. */
  readonly tensors: number;
}

const optionNames: (keyof SplitOptions)[] = [
  ...(['maxTensors', 'maxBytes', 'overwrite', 'signal', 'onProgress'] as const),
];

/**
 * Writes a model as several files, `<prefix>-00001-of-00003.gguf` and so on, as llama-gguf-split does. The first, which makes a
 * model of them, gets its name last. All are written and read back before one does, so that an error leaves what was there.
 *
 * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_FILE, ERR_BITNET_GGUF, ERR_BITNET_ABORTED
 */
export async function splitModel(
  input: string,
  prefix: string,
  given?: SplitOptions,
): Promise<SplitResult> {
  const options = givenOptions(given, optionNames);
  const overwrite = booleanOption('overwrite', options.overwrite, false);
  const signal = signalOption(options.signal);
  const onProgress = functionOption('onProgress', options.onProgress);
  const maxBytes = countOption('maxBytes', options.maxBytes) ?? Number.POSITIVE_INFINITY;
  const most = Number.isFinite(maxBytes) ? Number.POSITIVE_INFINITY : 128;
  const maxTensors = countOption('maxTensors', options.maxTensors) ?? most;
  checkPath('prefix', prefix);
  const file = await readGguf(input);
  const groups = grouped(file.tensors, maxTensors, maxBytes);
  if (groups.length > maxSplitShards) throw tooMany(groups.length);
  const paths = groups.map((_, no) => prefix + shardEnding(no, groups.length));
  for (const path of paths) await checkOutput(file, path, overwrite);
  const files = await TensorFiles.open(file);
  try {
    const { tensors, verify } = watched(
      file.tensors.map((tensor) => {
        const { name, dims, typeId: type } = tensor;
        return { name, dims, type, data: files.copy(tensor) };
      }),
      { signal, onProgress },
    );
    const write = async (no: number, begin: number): Promise<void> => {
      if (no === groups.length) return throwIfAborted(signal);
      const end = begin + groups[no]!.length;
      const place = placeEntries(no, groups.length, tensors.length);
      const metadata = no === 0 ? metadataEntries(file, place) : place;
      const contents = { metadata, tensors: tensors.slice(begin, end) };
      const before = () => write(no + 1, end);
      await writeGguf(paths[no]!, contents, { overwrite, verify, before });
    };
    await write(0, 0);
    return { paths, tensors: tensors.length };
  } finally {
    await files.close();
  }
}

/** Tensors in order, as many in each shard as it may have. */
function grouped(
  tensors: readonly GgufTensor[],
  maxTensors: number,
  maxBytes: number,
): GgufTensor[][] {
  const groups: GgufTensor[][] = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    let group = groups.at(-1)!;
    const full = group.length >= maxTensors || bytes + tensor.bytes > maxBytes;
    if (full && group.length > 0) {
      group = [];
      groups.push(group);
      bytes = 0;
    }
    group.push(tensor);
    bytes += tensor.bytes;
  }
  return groups;
}

function placeEntries(no: number, count: number, tensors: number): [string, GgufTyped][] {
  return [
    [numberKey, { type: 'u16', value: no }],
    [countKey, { type: 'u16', value: count }],
    [tensorsKey, { type: 'i32', value: tensors }],
  ];
}

function countOption(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
  throw argumentError('an integer of at least 1', `option ${name}`, value);
}

function tooMany(count: number): BitnetError {
  const message = `Expected at most ${maxSplitShards} shards, but these limits make ${count}; allow larger ones (maxBytes, maxTensors).`;
  return new BitnetError('ERR_BITNET_ARGUMENT', message);
}
