import type { PlannedTensor } from '../tensors/checkpoint.js';
import { floatsOf, plainFloats } from '../weights/floats.js';
import { rowOrder } from '../weights/trits.js';
import { makeEmbedding } from './make-embedding.js';
import { checkFinite, type MadeTensor, type MakeOptions } from './make-options.js';
import { makeProjection } from './make-projection.js';

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
  const bytes = await options.ahead.take(planned);
  if (planned.kind === 'projection') return makeProjection(planned, bytes, options);
  return makeVector(planned, bytes, options);
}

function makeVector(
  planned: PlannedTensor,
  bytes: Buffer,
  { path, onRows }: MakeOptions,
): MadeTensor {
  const { source, cols, permutedHeads, plus = 0 } = planned;
  const floats = floatsOf(source, bytes);
  checkFinite(planned, path, floats);
  const values = plainFloats(floats);
  const order = rowOrder(cols, permutedHeads);
  const data = Float32Array.from(values, (_, i) => values[order(i)]! + plus);
  onRows(planned, 1);
  return { type: 'F32', data: new Uint8Array(data.buffer) };
}
