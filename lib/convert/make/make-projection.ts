import type { TernaryType } from '../../gguf/pack-trits.js';
import { TimeSlice } from '../../gguf/time-slice.js';
import { readTensor } from '../../safetensors/read-tensor.js';
import { toFloat32 } from '../../safetensors/to-float32.js';
import type { PlannedTensor } from '../tensors/checkpoint.js';
import { checkpointError } from '../tensors/checkpoint.js';
import { ternaryTypes } from '../weights/ternary-types.js';
import { readTrits } from '../weights/trit-matrix.js';
import { askedType, makeFromTrits, makeStored } from './make-dense.js';
import { damaged, type MadeTensor, type MakeOptions } from './make-options.js';
import { makeTernary, notTernary, unfitFor } from './make-ternary.js';
import { oddScale, scaleOf } from './packed-scale.js';

/** A linear layer, in the type that was asked for or the smallest that holds it exactly. */
export async function makeProjection(
  planned: PlannedTensor,
  bytes: Buffer,
  options: MakeOptions,
): Promise<MadeTensor> {
  const { type } = options;
  const slice = new TimeSlice();
  const dense = askedType(options);
  if (planned.plain || (dense && planned.rule === 'stored'))
    return makeStored(planned, bytes, options, slice);
  const scale = await statedScale(planned, options);
  const matrix = await readTrits(planned, bytes, scale, slice, options.work);
  if (!('codes' in matrix)) {
    if (matrix.dense && type === 'auto') return makeStored(planned, bytes, options, slice);
    throw notTernary(planned, matrix, options);
  }
  if (dense) return makeFromTrits(planned, matrix, options, slice);
  const types = type === 'auto' ? ternaryTypes : [type as TernaryType];
  const made = makeTernary(planned, matrix, types, options, slice);
  if (made !== undefined) return made;
  if (type === 'auto') return makeFromTrits(planned, matrix, options, slice);
  throw unfitFor(planned, matrix, type as TernaryType, options);
}

/** The scale of packed trits. */
export async function statedScale(
  { scale, rule, source }: PlannedTensor,
  { path, reading, onOdd }: MakeOptions,
): Promise<number | undefined> {
  if (scale === undefined) return undefined;
  const stated = toFloat32(scale, await readTensor(scale, reading))[0]!;
  const value = scaleOf(stated, rule, (expected, found) =>
    checkpointError({ path }, scale.name, expected, found, damaged),
  );
  const odd = oddScale(source.name, value);
  if (odd !== undefined) onOdd(odd);
  return value;
}
