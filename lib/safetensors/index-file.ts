import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BitnetError } from '../errors.js';
import { systemFault } from '../files/system-fault.js';
import { quote } from '../gguf/malformed.js';
import { openFile, unreadable } from '../gguf/open.js';
import { safetensorsJson } from './json.js';
import { maxIndexBytes, maxShards } from './limits.js';
import { malformed } from './malformed.js';
import { readBytes } from './read-bytes.js';

/** What an index says. */
export interface CheckpointIndex {
  /** Paths of the shards, in the order in which the index names them first. */
  readonly shards: readonly string[];
  /** By tensor name, the path of its shard. */
  readonly shardOf: ReadonlyMap<string, string>;
}

/**
 * Reads the index of a checkpoint in shards, a JSON object whose `weight_map` has the file name of
 * each tensor. Its names are not trusted: they can lead to no file outside the index's folder.
 */
export async function readIndex(path: string): Promise<CheckpointIndex> {
  const json = safetensorsJson(path, 'the index', await readWhole(path));
  const names = new Map<string, string>();
  let mapped = false;
  for (const key of json.members()) {
    if (key !== 'weight_map') {
      await json.skip();
      continue;
    }
    mapped = true;
    for (const tensor of json.members()) {
      names.set(tensor, json.string());
      await json.pause();
    }
  }
  json.end();
  if (!mapped) throw json.fail('weight_map', 'an object', 'none');
  const paths = await shardPaths(path, new Set(names.values()));
  const shardOf = new Map([...names].map(([tensor, name]) => [tensor, paths.get(name)!]));
  return { shards: [...paths.values()], shardOf };
}

async function readWhole(path: string): Promise<Buffer> {
  const file = await openFile(path, '.safetensors');
  try {
    if (file.size > maxIndexBytes) {
      throw malformed(path, 'the size of the index', `at most ${maxIndexBytes}`, `${file.size}`);
    }
    return await readBytes(file, 0, file.size);
  } finally {
    await file.handle.close();
  }
}

/** The path of each shard by its name. */
async function shardPaths(path: string, names: ReadonlySet<string>): Promise<Map<string, string>> {
  if (names.size > maxShards) {
    throw malformed(path, 'the number of shards', `at most ${maxShards}`, `${names.size}`);
  }
  const folder = dirname(path);
  // In the cache of Hugging Face the index and the shards are links to files of one other folder.
  const allowed = [await realPath(folder), dirname(await realPath(path))];
  const paths = new Map<string, string>();
  for (const name of names) {
    if (!baseName.test(name)) {
      const expected = 'the name of a .safetensors file beside it';
      throw malformed(path, 'a shard in weight_map', expected, quote(name), untrusted);
    }
    const shard = join(folder, name);
    const target = await realpath(shard).catch((cause) => {
      throw missing(path, shard, cause);
    });
    if (!allowed.includes(dirname(target))) {
      const found = `a link to ${quote(target)}`;
      throw malformed(path, `shard ${quote(name)}`, 'a file in its folder', found, untrusted);
    }
    paths.set(name, shard);
  }
  return paths;
}

/** Without folders, drives, control codes and whatever else a system may read in a name. */
const baseName = /^[^/\\:\p{C}]{1,200}\.safetensors$/u;
const untrusted = 'do not trust this checkpoint';

async function realPath(path: string): Promise<string> {
  return realpath(path).catch((cause) => {
    throw unreadable(path, cause, '.safetensors');
  });
}

function missing(path: string, shard: string, cause: NodeJS.ErrnoException): BitnetError {
  const found =
    cause.code === 'ENOENT' ? 'there is none' : `the system says "${systemFault(cause)}"`;
  const message = `Expected a shard at "${shard}", as "${path}" says, but ${found}; put all shards into one folder.`;
  return new BitnetError('ERR_BITNET_FILE', message, { path: shard, cause });
}
