import { readFile } from 'node:fs/promises';
import { readGguf } from '../../lib/gguf/reader.js';
import type { GgufFile } from '../../lib/gguf/types.js';
import { type GgufTyped, writeGguf } from '../../lib/gguf/writer.js';
import { decode, decodeTernary } from '../fixtures/decode.js';
import {
  type DenseType,
  denseTypes,
  encodeDense,
  encodeTernary,
  scaleColumns,
  type TernaryType,
} from '../fixtures/encode.js';

/**
 * Writes an I2_S file again with its projections in another type; the rest stays as it is. The
 * scales of the golden files are exact in f16, so that F32, F16 and every ternary type hold the
 * same numbers.
 */
export async function convertProjections(
  from: string,
  to: string,
  type: TernaryType | DenseType,
): Promise<void> {
  const [file, bytes] = await Promise.all([readGguf(from), readFile(from)]);
  const tensors = file.tensors.map(({ name, dims, type: stored, offset, bytes: size }) => {
    const data = bytes.subarray(offset, offset + size);
    if (stored !== 'I2_S') return { name, dims, type: stored, data };
    const [cols = 1, rows = 1] = dims;
    return { name, dims, type, data: recode(data, rows, cols, type) };
  });
  await writeGguf(to, { metadata: typedMetadata(file), tensors });
}

function recode(i2s: Uint8Array, rows: number, cols: number, type: TernaryType | DenseType) {
  if (isDense(type)) return encodeDense(type, decode('I2_S', i2s, rows, cols));
  const { trits, scales } = decodeTernary('I2_S', i2s, rows, cols);
  const per = scaleColumns[type];
  const count = per === 'tensor' ? 1 : rows * (per === 'row' ? 1 : cols / per);
  return encodeTernary(type, trits, new Float64Array(count).fill(scales[0]!), rows, cols);
}

function isDense(type: string): type is DenseType {
  return (denseTypes as readonly string[]).includes(type);
}

function typedMetadata({ metadata, valueTypes }: GgufFile): [string, GgufTyped][] {
  return [...metadata].map(([key, value]) => {
    if (typeof value !== 'object') return [key, { type: valueTypes.get(key), value } as GgufTyped];
    return [key, { type: 'array', elementType: value.elementType, values: value.toArray() }];
  });
}
