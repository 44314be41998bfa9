import { received } from '../checks/options.js';
import { BitnetError } from '../errors.js';
import { maxSplitShards } from '../gguf/limits.js';

/** Longest part of a name: file systems take 255 bytes, and a partial file's name is longer by 50. */
const maxSegmentBytes = 200;

/** Names that Windows reserves for devices, with any extension. */
const device = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/**
 * A model's name from the parts of its address, which is its path in the store too: every part is a
 * plain file name on every system, so that no address leads out of the store.
 *
 * @throws ERR_BITNET_ARGUMENT
 */
export function nameOf(segments: readonly string[]): string {
  const wrong = segments.find((segment) => !isPlain(segment));
  const name = segments.join('/');
  if (wrong === undefined && /\.gguf$/i.test(name)) return name;
  const reason =
    wrong === undefined ? 'it does not end with .gguf' : `it has the part ${received(wrong)}`;
  throw new BitnetError(
    'ERR_BITNET_ARGUMENT',
    `Expected an address that can be a model's name, but ${reason}; say with -o where the file should go.`,
  );
}

/** Whether a part of a path is a plain file name on every system. */
export function isPlain(segment: string): boolean {
  return (
    /^[^."*:<>?|\\/\p{C}\p{Zl}\p{Zp}][^"*:<>?|\\/\p{C}\p{Zl}\p{Zp}]*$/u.test(segment) &&
    !/[. ]$/.test(segment) &&
    !device.test(segment) &&
    Buffer.byteLength(segment) <= maxSegmentBytes
  );
}

/** Whether a file's name contains a type such as `Q2_0`; true for every name if none is wanted. */
export function isOfType(name: string, type: string): boolean {
  if (type === '') return true;
  const [text, part] = [name.toLowerCase(), type.toLowerCase()];
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + 1)) {
    // Not within a longer word; Q4_K is not Q4_K_M.
    const [before = '', after = ''] = [text[at - 1], text[at + part.length]];
    if (!/[a-z\d]/.test(before) && !/\w/.test(after)) return true;
  }
  return false;
}

/** Shard and number of shards of a split file, by its name; a name with too many is that of a whole one. */
export function splitOf(name: string): { shard: number; count: number } | undefined {
  const [shard, count] = numbersOf(name);
  return shard >= 1 && shard <= count && count <= maxSplitShards ? { shard, count } : undefined;
}

/** `shardsOf`, of a file that is asked for. @throws ERR_BITNET_ARGUMENT when there are too many */
export function shardsToPull(name: string): string[] {
  const [, count] = numbersOf(name);
  if (count > maxSplitShards) {
    throw new BitnetError(
      'ERR_BITNET_ARGUMENT',
      `Expected a model of at most ${maxSplitShards} files, but the name says that it has ${count}; check the address.`,
    );
  }
  return shardsOf(name);
}

function numbersOf(name: string): [shard: number, count: number] {
  const found = /-(\d{5})-of-(\d{5})\.gguf$/i.exec(name);
  return [Number(found?.[1]), Number(found?.[2])];
}

/** All shards of a split file, or the file itself; works on names, paths and addresses. */
export function shardsOf(name: string): string[] {
  const split = splitOf(name);
  if (!split) return [name];
  return Array.from({ length: split.count }, (_, i) =>
    name.replace(/\d{5}(-of-\d{5}\.gguf)$/i, `${`${i + 1}`.padStart(5, '0')}$1`),
  );
}
