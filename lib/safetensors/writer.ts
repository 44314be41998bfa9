import type { FileHandle } from 'node:fs/promises';
import { type Dtype, dtypeBits } from './dtypes.js';

/** A tensor to be written. */
export interface SafetensorsData {
  readonly name: string;
  readonly dtype: Dtype;
  /** Lengths of the dimensions, the contiguous one last. */
  readonly shape: readonly number[];
  /** Its bytes, in pieces that need not be in memory at once. */
  readonly chunks: () => AsyncIterable<Uint8Array>;
}

/** Bytes of a tensor's data. */
export function dataBytes({ dtype, shape }: Pick<SafetensorsData, 'dtype' | 'shape'>): number {
  return (shape.reduce((product, dim) => product * dim, 1) * dtypeBits[dtype]) / 8;
}

/** Writes a safetensors file, tensor after tensor, as `readSafetensors` reads it. */
export async function writeSafetensors(
  handle: FileHandle,
  tensors: readonly SafetensorsData[],
): Promise<void> {
  await handle.writeFile(headerOf(tensors));
  for (const tensor of tensors) {
    let left = dataBytes(tensor);
    for await (const chunk of tensor.chunks()) {
      left -= chunk.length;
      await handle.writeFile(chunk);
    }
    if (left !== 0) throw new RangeError(`"${tensor.name}" has other bytes than its shape says`);
  }
}

/** Its length, then JSON, with blanks after it so that the data begins at a multiple of 8 bytes. */
function headerOf(tensors: readonly SafetensorsData[]): Buffer {
  let end = 0;
  const entries = tensors.map((tensor) => {
    const { name, dtype, shape } = tensor;
    const begin = end;
    end += dataBytes(tensor);
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const;
  });
  const json = JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(entries) });
  const text = Buffer.from(json + ' '.repeat(-Buffer.byteLength(json) & 7));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text]);
}
