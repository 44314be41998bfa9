import type { TernaryType } from '../../gguf/pack-trits.js';
import { typeNamed } from '../../gguf/tensor-types.js';
import { TimeSlice } from '../../gguf/time-slice.js';
import { readTensor } from '../../safetensors/read-tensor.js';
import type { PlannedTensor } from '../tensors/checkpoint.js';
import { checkpointError } from '../tensors/checkpoint.js';
import { type DenseType, ownType } from '../weights/dense-types.js';
import { whyUnfit } from '../weights/ternary-types.js';
import { readTrits } from '../weights/trit-matrix.js';
import { askedType } from './make-dense.js';
import type { MadeTensor, MakeOptions } from './make-options.js';
import { makeProjection, statedScale } from './make-projection.js';
import { notTernary, unfitFor } from './make-ternary.js';

/** Types whose matrices can stand one after the other: one of I2_S has its scale at the end. */
const stackedTypes: readonly TernaryType[] = ['TQ1_0', 'TQ2_0', 'Q2_0'];

/**
 * Matrices that the checkpoint has one by one and the file as one tensor: those of all experts. They are read twice, first to
 * find a type that holds all of them, so that only one is in memory.
 */
export async function makeStack(
  planned: PlannedTensor,
  parts: readonly PlannedTensor[],
  options: MakeOptions,
): Promise<MadeTensor> {
  const type = askedType(options) ?? (await commonType(parts, options));
  const bytes = typeNamed(type)!.bytes(planned.rows, planned.cols)!;
  return { type, data: { bytes, chunks: chunksOf(planned, parts, { ...options, type }) } };
}

/** The smallest type that holds each of the matrices. */
async function commonType(
  parts: readonly PlannedTensor[],
  options: MakeOptions,
): Promise<TernaryType | DenseType> {
  const { type, reading } = options;
  const rounds = options.allowRounding && type !== 'auto';
  let types = stackedTypes.filter((name) => type === 'auto' || name === type);
  if (types.length === 0) {
    const expected = `one matrix, as ${type} has one scale`;
    const advice = 'choose another type, or auto for the smallest that fits';
    const { path } = options;
    const found = `${parts.length} that the file has as one tensor`;
    throw checkpointError(
      { path },
      parts[0]!.source.name,
      expected,
      found,
      advice,
      'ERR_BITNET_TYPE',
    );
  }
  const slice = new TimeSlice();
  for (const part of parts) {
    const scale = await statedScale(part, options);
    const bytes = await readTensor(part.source, reading);
    const matrix = await readTrits(part, bytes, scale, slice, options.work);
    if (!('codes' in matrix)) {
      if (type !== 'auto' || !matrix.dense) throw notTernary(part, matrix, options);
      return ownType(part.source);
    }
    const fits = (name: TernaryType) => {
      const unfit = whyUnfit(name, matrix);
      return unfit === undefined || (rounds && unfit.rounded === true);
    };
    const left = types.filter(fits);
    if (left.length === 0 && type !== 'auto')
      throw unfitFor(part, matrix, type as TernaryType, options);
    types = left;
  }
  return types[0] ?? ownType(parts[0]!.source);
}

async function* chunksOf(
  planned: PlannedTensor,
  parts: readonly PlannedTensor[],
  options: MakeOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  let done = 0;
  for (const part of parts) {
    const onRows = (_: PlannedTensor, rows: number) => options.onRows(planned, done + rows);
    const bytes = await readTensor(part.source, options.reading);
    const { data } = await makeProjection(part, bytes, { ...options, onRows });
    if (data instanceof Uint8Array) yield data;
    else yield* data.chunks;
    done += part.rows;
  }
}
