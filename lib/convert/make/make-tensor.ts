import type { PlannedTensor } from '../tensors/checkpoint.js';
import { arrangeColumns, sameOrder } from '../tensors/orders.js';
import { floatsOf, plainFloats } from '../weights/floats.js';
import { makeEmbedding } from './make-embedding.js';
import { checkFinite, type MadeTensor, type MakeOptions } from './make-options.js';
import { makeProjection } from './make-projection.js';
import { makeStack } from './make-stack.js';

/**
 * The data of a tensor in the GGUF file. To be called in the order in which tensors are read ahead.
 *
 * @throws ERR_BITNET_MODEL for numbers that a model cannot have, ERR_BITNET_TYPE when the type that was asked for cannot hold
 * them, and errors of reading; its chunks throw the same
 */
export async function makeTensor(
  planned: PlannedTensor,
  options: MakeOptions,
): Promise<MadeTensor> {
  if (planned.kind === 'embedding') return makeEmbedding(planned, options);
  if (planned.parts) return makeStack(planned, planned.parts, options);
  const bytes = await options.ahead.take(planned);
  if (planned.columns)
    arrangeColumns(bytes, bytes.length / rowsOf(planned), planned.cols, planned.columns);
  if (planned.kind === 'projection') return makeProjection(planned, bytes, options);
  return makeVector(planned, bytes, options);
}

function makeVector(
  planned: PlannedTensor,
  bytes: Buffer,
  { path, onRows }: MakeOptions,
): MadeTensor {
  const { kind, source, rows, cols, order = sameOrder, map = same } = planned;
  const floats = floatsOf(source, bytes);
  checkFinite(planned, path, floats);
  const values = plainFloats(floats);
  // The order of a vector is that of its numbers.
  const width = kind === 'vector' ? 1 : cols;
  const data = Float32Array.from(values, (_, i) => {
    const row = Math.floor(i / width);
    return map(values[order(row) * width + (i - row * width)]!);
  });
  onRows(planned, rows);
  return { type: 'F32', data: new Uint8Array(data.buffer) };
}

const same = (value: number) => value;

/** Rows of the data: packed trits have four in one. */
function rowsOf({ rows, scale }: PlannedTensor): number {
  return scale === undefined ? rows : Math.ceil(rows / 4);
}
