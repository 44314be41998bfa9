import { readFile } from 'node:fs/promises';
import { readGguf } from '../../lib/gguf/reader.js';
import { writeGguf } from '../../lib/gguf/writer.js';
import { type QuantizeOptions, quantizeModel } from '../../lib/quantize/quantize.js';

/** A file with one linear layer: enough for quantizing, which knows no graphs. */
export const layerName = 'blk.0.attn_q.weight';

export interface StoredMatrix {
  readonly type: string | number;
  readonly rows: number;
  readonly cols: number;
  readonly data: Uint8Array;
}

export async function writeMatrix(
  path: string,
  { type, rows, cols, data }: StoredMatrix,
  name = layerName,
): Promise<void> {
  await writeGguf(path, {
    metadata: [['general.architecture', { type: 'string', value: 'llama' }]],
    tensors: [{ name, type, dims: [cols, rows], data }],
  });
}

/** The bytes of every tensor of a file, by name, with its type. */
export async function tensorsOf(
  path: string,
): Promise<Map<string, { type: string; dims: readonly number[]; data: Buffer }>> {
  const [{ tensors }, bytes] = await Promise.all([readGguf(path), readFile(path)]);
  return new Map(
    tensors.map(({ name, type, dims, offset, bytes: size }) => [
      name,
      { type, dims, data: bytes.subarray(offset, offset + size) },
    ]),
  );
}

/** The bytes of a matrix after quantizing a file with it alone. */
export async function quantized(
  folder: (name: string) => string,
  matrix: StoredMatrix,
  options: QuantizeOptions,
): Promise<Buffer> {
  const [from, to] = [folder('from.gguf'), folder('to.gguf')];
  await writeMatrix(from, matrix);
  await quantizeModel(from, to, { overwrite: true, ...options });
  return (await tensorsOf(to)).get(layerName)!.data;
}

export function floats(values: ArrayLike<number>): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}
