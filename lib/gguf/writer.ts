import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { BitnetError } from '../errors.js';
import { replaceFile } from '../files/replace-file.js';
import type { FileKind } from '../files/target.js';
import { encodeHeader, type GgufEntries, type TensorPlace } from './encode-header.js';

export type { GgufEntries, GgufTyped } from './encode-header.js';

import { maxDims, maxTensorNameBytes } from './limits.js';
import { typeNamed } from './tensor-types.js';
import { type OnRead, verifyWritten } from './verify-written.js';

/** What `writeGguf` puts into a file. */
export interface GgufContents {
  /** @default 3 */
  readonly version?: 2 | 3;
  /** In file order, a later value replaces an earlier one; `general.alignment`, when there, decides the alignment of the tensors. */
  readonly metadata: GgufEntries;
  /** In file order. @default none: a vocabulary-only file */
  readonly tensors?: readonly GgufTensorData[];
}

export interface GgufTensorData {
  readonly name: string;
  /** [cols, rows, …], the contiguous dimension first. */
  readonly dims: readonly number[];
  /** A public name like 'I2_S', or a number to write any type id with any size of data. */
  readonly type: string | number;
  /** The bytes in the layout of the type, whole or as chunks that need not be in memory at once. */
  readonly data: Uint8Array | GgufChunks;
}

export interface GgufChunks {
  /** Sum of the lengths of all chunks. */
  readonly bytes: number;
  readonly chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** How a file is written. */
export interface WriteTarget {
  readonly overwrite?: boolean | undefined;
  readonly verify?: OnRead | undefined;
  readonly before?: (() => Promise<void>) | undefined;
}

/** What writing a model replaces unasked. */
export const modelFile: FileKind = {
  name: 'a GGUF file',
  headBytes: 4,
  matches: (head) => head.toString('latin1') === 'GGUF',
};

/**
 * Writes a GGUF file, as `replaceFile` does.
 *
 * @param target.overwrite whether any regular file may be replaced, by default only a GGUF file
 * @param target.verify makes that the file is read back and compared before it gets its name
 * @param target.before called when the file is complete, before it gets its name
 * @throws ERR_BITNET_ARGUMENT when the contents contradict themselves, ERR_BITNET_FILE when the
 * system cannot write, and whatever a chunk source throws
 */
export async function writeGguf(
  path: string,
  contents: GgufContents,
  target: WriteTarget = {},
): Promise<void> {
  const { version = 3, metadata, tensors = [] } = contents;
  checkNames(tensors);
  const { overwrite, verify, before } = target;
  const places = tensors.map(checkedTensor);
  const header = encodeHeader(version, metadata, places);
  await replaceFile(path, { overwrite, kind: modelFile }, async (part) => {
    const sums: number[] = [];
    const handle = await open(part, 'wx');
    try {
      await handle.writeFile(header.bytes);
      for (const tensor of tensors) {
        sums.push(await writeTensor(handle, tensor, verify !== undefined));
        const padding = -dataBytes(tensor) & (header.alignment - 1);
        await handle.writeFile(Buffer.alloc(padding));
      }
    } finally {
      await handle.close();
    }
    const written = places.map((place, i) => ({ ...place, crc: sums[i]! }));
    if (verify) await verifyWritten(part, written, verify);
    await before?.();
  });
}

/** @throws ERR_BITNET_ARGUMENT for a name that two have */
function checkNames(tensors: readonly GgufTensorData[]): void {
  const names = new Set<string>();
  for (const { name } of tensors) {
    if (names.has(name)) throw argument('tensor names', 'unique', `"${name}" twice`);
    names.add(name);
  }
}

/** @throws ERR_BITNET_ARGUMENT when name, shape, type and size contradict each other */
export function checkedTensor(tensor: GgufTensorData): TensorPlace {
  const { name, dims, type } = tensor;
  const bytes = dataBytes(tensor);
  if (Buffer.byteLength(name) > maxTensorNameBytes) {
    throw argument(`tensor name "${name}"`, `at most ${maxTensorNameBytes} bytes`, 'a longer one');
  }
  if (dims.length > maxDims || !dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) {
    const expected = `at most ${maxDims} lengths that are not negative`;
    throw argument(`dims of tensor "${name}"`, expected, `[${dims.join(', ')}]`);
  }
  if (typeof type === 'number') return { name, dims, bytes, typeId: type };
  const known = typeNamed(type);
  if (known === undefined) {
    throw argument(`type of tensor "${name}"`, 'the name of a tensor type', `"${type}"`);
  }
  const [cols = 1, ...others] = dims;
  const rows = others.reduce((product, dim) => product * dim, 1);
  const expected = known.bytes(rows, cols);
  if (bytes !== expected) {
    const shape = `${type} [${dims.join(', ')}]`;
    const what = expected === undefined ? `a shape ${type} can hold` : `${expected} bytes`;
    throw argument(`data of tensor "${name}"`, what, `${bytes} bytes for ${shape}`);
  }
  return { name, dims, bytes, typeId: known.id };
}

export function dataBytes({ data }: GgufTensorData): number {
  return data instanceof Uint8Array ? data.length : data.bytes;
}

/** @returns the CRC of its data, if that is wanted */
export async function writeTensor(
  handle: FileHandle,
  tensor: GgufTensorData,
  summed = false,
): Promise<number> {
  const { name, data } = tensor;
  let written = 0;
  let crc = 0;
  for await (const chunk of data instanceof Uint8Array ? [data] : data.chunks) {
    written += chunk.length;
    if (written > dataBytes(tensor)) break;
    if (summed) crc = crc32(chunk, crc);
    await handle.writeFile(chunk);
  }
  if (written !== dataBytes(tensor)) {
    const found = `${written > dataBytes(tensor) ? 'at least ' : ''}${written}`;
    throw argument(`chunks of tensor "${name}"`, `${dataBytes(tensor)} bytes together`, found);
  }
  return crc;
}

function argument(field: string, expected: string, found: string): BitnetError {
  const message = `Expected the ${field} to be ${expected}, but received ${found}.`;
  return new BitnetError('ERR_BITNET_ARGUMENT', message, { field, expected, found });
}
