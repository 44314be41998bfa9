import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BitnetError } from '../errors.js';
import { quote } from '../gguf/malformed.js';
import { readIndex } from './index-file.js';
import { maxTensors } from './limits.js';
import { malformed } from './malformed.js';
import { readSafetensors } from './reader.js';
import type { SafetensorsTensor, TensorDirectory } from './types.js';

const wholeName = 'model.safetensors';
const indexName = 'model.safetensors.index.json';

/**
 * The tensors of a checkpoint, over all its shards.
 *
 * @param path of a safetensors file, of an index (`….json`), or of a folder with `model.safetensors` or
 * `model.safetensors.index.json`
 * @throws ERR_BITNET_FILE when a file is missing or cannot be read, ERR_BITNET_SAFETENSORS when one is
 * not sound or the shards do not fit the index
 */
export async function openCheckpoint(path: string): Promise<TensorDirectory> {
  const isFolder = await stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  const file = isFolder ? await fileIn(path) : path;
  if (/\.json$/i.test(file)) return joinShards(file);
  return (await readSafetensors(file)).tensors;
}

/** Where both are there, the whole file comes first, as in transformers. */
async function fileIn(folder: string): Promise<string> {
  for (const name of [wholeName, indexName]) {
    const path = join(folder, name);
    const there = await access(path).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
    );
    if (there) return path;
  }
  throw new BitnetError(
    'ERR_BITNET_FILE',
    `Expected "${wholeName}" or "${indexName}" in "${folder}", but there is neither; download one, or save the model as safetensors first.`,
    { path: folder },
  );
}

async function joinShards(indexPath: string): Promise<TensorDirectory> {
  const { shards, shardOf } = await readIndex(indexPath);
  const all = new Map<string, SafetensorsTensor>();
  for (const path of shards) {
    const { tensors } = await readSafetensors(path);
    for (const [name, tensor] of tensors) {
      const first = all.get(name);
      if (first !== undefined) refuseTwice(tensor, first);
      all.set(name, tensor);
    }
    if (all.size > maxTensors) {
      const found = `${all.size} up to this shard`;
      throw malformed(path, 'the tensor count', `at most ${maxTensors}`, found);
    }
  }
  for (const [name, shard] of shardOf) {
    const path = all.get(name)?.file.path;
    if (path === shard) continue;
    const found = path === undefined ? 'it in no shard' : `it in "${path}"`;
    const field = `weight_map ${quote(name)}`;
    throw malformed(indexPath, field, `a tensor in "${shard}"`, found, mixed);
  }
  return all;
}

function refuseTwice({ name, file }: SafetensorsTensor, first: SafetensorsTensor): never {
  const found = `it in "${first.file.path}" too`;
  throw malformed(file.path, `tensor ${quote(name)}`, 'in one shard only', found, mixed);
}

const mixed = 'the files are of different checkpoints, download all of them again';
