import { otherFormats } from '../files/other-formats.js';
import { readDirectory } from './directory.js';
import { HeaderCursor, type Readable } from './header-cursor.js';
import { maxAlignment, maxMetadataEntries, maxTensors } from './limits.js';
import { malformed } from './malformed.js';
import { readMetadata } from './metadata.js';
import { openFile } from './open.js';
import { joinShards } from './split.js';
import { TimeSlice } from './time-slice.js';
import type { GgufFile, GgufValue } from './types.js';

/**
 * Reads the header of a GGUF file, version 2 or 3: metadata and tensor directory, no tensor data,
 * so that a file of many gigabytes takes milliseconds. Every count, length, dimension and offset
 * is checked; the event loop is never held for more than a few milliseconds. Given any shard of a
 * split model (`name-00002-of-00003.gguf`), reads the headers of all.
 *
 * @throws ERR_BITNET_FILE when the file or another shard cannot be read, ERR_BITNET_GGUF when it is
 * not sound or the shards do not fit together
 */
export async function readGguf(path: string): Promise<GgufFile> {
  return joinShards(await readFile(path), readFile);
}

/** `model` is the metadata of the whole model where the file, a later shard, has none. */
async function readFile(path: string, model?: GgufFile['metadata']): Promise<GgufFile> {
  const { handle, size, stamp } = await openFile(path);
  try {
    return { ...(await readGgufHeader(handle, path, size, model)), stamp };
  } finally {
    await handle.close();
  }
}

/**
 * As `readGguf`, of one shard: anything that can be read at a position and has `size` bytes. `model` is the metadata of the whole
 * model where a later shard has none.
 *
 * magic "GGUF" | version u32 | tensors u64 | metadata entries u64 | the entries | the tensor
 * directory | zeros up to a multiple of the alignment | tensor data
 */
export async function readGgufHeader(
  handle: Readable,
  path: string,
  size: number,
  model?: GgufFile['metadata'],
): Promise<GgufFile> {
  const cursor = new HeaderCursor(handle, path, size);
  const slice = new TimeSlice();
  const version = await readVersion(cursor);
  const tensorCount = await cursor.count('tensor count', maxTensors);
  const metadataCount = await cursor.count('metadata count', maxMetadataEntries);
  const metadata = await readMetadata(cursor, metadataCount, slice);
  const alignment = readAlignment(path, metadata.values);
  const { dataStart, tensors } = await readDirectory(
    cursor,
    tensorCount,
    { alignment, metadata: model ?? metadata.values },
    slice,
  );
  return {
    path,
    size,
    version,
    alignment,
    dataStart,
    metadata: metadata.values,
    valueTypes: metadata.types,
    tensors,
  };
}

async function readVersion(cursor: HeaderCursor): Promise<number> {
  if (cursor.size === 0) {
    throw cursor.fail('magic', '"GGUF"', 'an empty file', 'download or convert the model again');
  }
  const magic = (await cursor.take(Math.min(4, cursor.size), 'magic')).toString('latin1');
  if (magic !== 'GGUF') {
    const found = Buffer.from(magic, 'latin1').toString('hex');
    const advice = otherFormats.get(magic) ?? olderFormats.get(magic) ?? notGguf;
    throw cursor.fail('magic', '47475546 ("GGUF")', found, advice);
  }
  await cursor.need(4, 'version');
  const version = cursor.u32();
  if (version !== 0 && version % 2 ** 16 === 0) {
    throw cursor.fail('byte order', 'little-endian', 'a big-endian file', convert);
  }
  if (version !== 2 && version !== 3) throw cursor.fail('version', '2 or 3', `${version}`, convert);
  return version;
}

const convert = 'convert the model again with a current converter';
const notGguf = 'this is no GGUF model, give the path of one';

/** First four bytes of files of before GGUF. */
const olderFormats: ReadonlyMap<string, string> = new Map([
  ['lmgg', 'this is a model in a format of before GGUF, convert it again'],
  ['tjgg', 'this is a model in a format of before GGUF, convert it again'],
]);

function readAlignment(path: string, metadata: ReadonlyMap<string, GgufValue>): number {
  const value = metadata.get('general.alignment') ?? 32;
  // Only a power of two divides 2^32, and the reader of the metadata lets only a u32 pass.
  if (typeof value === 'number' && 2 ** 32 % value === 0 && value <= maxAlignment) return value;
  const expected = `a power of two up to ${maxAlignment}`;
  throw malformed(path, 'metadata "general.alignment"', expected, String(value));
}
