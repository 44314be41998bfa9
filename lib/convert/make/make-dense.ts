import type { TimeSlice } from '../../gguf/time-slice.js';
import type { PlannedTensor } from '../tensors/checkpoint.js';
import { checkpointError } from '../tensors/checkpoint.js';
import { sameOrder } from '../tensors/orders.js';
import { denseData, exactType, storedRows, tritRows } from '../weights/dense-data.js';
import { type DenseType, denseBytes, ownType } from '../weights/dense-types.js';
import { allFloatsOf } from '../weights/floats.js';
import type { TritMatrix } from '../weights/trits.js';
import { checkAllFinite, type MadeTensor, type MakeOptions } from './make-options.js';

/** Numbers of a checkpoint as they are, in the type asked for or the smallest that holds them. */
export async function makeStored(
  planned: PlannedTensor,
  bytes: Buffer,
  options: MakeOptions,
  slice: TimeSlice,
): Promise<MadeTensor> {
  const { source, cols, order = sameOrder } = planned;
  const floats = await allFloatsOf(source, bytes, slice);
  await checkAllFinite(planned, options.path, floats, slice);
  const own = ownType(source);
  const type = askedType(options) ?? (own === 'F32' ? await exactType(floats, slice) : own);
  const rowsOf = storedRows(floats, cols, order);
  return dense(planned, type, own, rowsOf, options, slice);
}

/** Trits times their scales, in the type asked for or the smallest that holds them. */
export async function makeFromTrits(
  planned: PlannedTensor,
  matrix: TritMatrix,
  options: MakeOptions,
  slice: TimeSlice,
): Promise<MadeTensor> {
  const scales = { words: new Uint32Array(matrix.scales.values.buffer) };
  const type = askedType(options) ?? (await exactType(scales, slice));
  return dense(planned, type, 'F32', tritRows(matrix), options, slice);
}

function dense(
  planned: PlannedTensor,
  type: DenseType,
  own: DenseType,
  rowsOf: ReturnType<typeof tritRows>,
  options: MakeOptions,
  slice: TimeSlice,
): MadeTensor {
  const { rows, cols } = planned;
  const onRows = (done: number) => options.onRows(planned, done);
  const onOverflow = () => overflow(planned, type, options);
  const onVanish = () => overflow(planned, type, options, 'so small ones that all become 0');
  return {
    type,
    data: denseData({ type, own, rows, cols, rowsOf, slice, onRows, onOverflow, onVanish }),
  };
}

/** The type of single numbers that was asked for. */
export function askedType({ type }: MakeOptions): DenseType | undefined {
  return type in denseBytes ? (type as DenseType) : undefined;
}

/** The error for a number that a type cannot hold at all. */
export function overflow(
  { source }: PlannedTensor,
  type: DenseType,
  { path }: MakeOptions,
  found = 'larger ones',
) {
  const expected = `of numbers that ${type} can hold`;
  const advice = 'choose bf16 or auto';
  return checkpointError({ path }, source.name, expected, found, advice, 'ERR_BITNET_TYPE');
}
