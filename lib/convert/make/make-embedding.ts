import type { TernaryType } from '../../gguf/pack-trits.js';
import { typeNamed } from '../../gguf/tensor-types.js';
import { TimeSlice } from '../../gguf/time-slice.js';
import { readRows, readTensor } from '../../safetensors/read-tensor.js';
import type { PlannedTensor } from '../tensors/checkpoint.js';
import { encodeChecked, holds } from '../weights/dense-data.js';
import { type DenseType, ownType } from '../weights/dense-types.js';
import { floatsOf } from '../weights/floats.js';
import { readTrits } from '../weights/trit-matrix.js';
import { askedType, overflow } from './make-dense.js';
import { checkFinite, type MadeTensor, type MakeOptions } from './make-options.js';
import { makeTernary } from './make-ternary.js';

/** Ternary types that a table of numbers may have here. */
const ternaryTableTypes: readonly TernaryType[] = ['TQ1_0', 'TQ2_0', 'Q2_0'];

/**
 * An embedding or a head: the largest tensors, which are copied piece by piece unless they are ternary as well. They keep their
 * numbers whatever ternary type was asked for.
 */
export async function makeEmbedding(
  planned: PlannedTensor,
  options: MakeOptions,
): Promise<MadeTensor> {
  if (options.type === 'auto' && (await beginsTernary(planned, options))) {
    const slice = new TimeSlice();
    const bytes = await readTensor(planned.source, options.reading);
    const matrix = await readTrits(planned, bytes, undefined, slice, options.work);
    const made =
      'codes' in matrix && makeTernary(planned, matrix, ternaryTableTypes, options, slice);
    if (made) return made;
  }
  const { rows, cols } = planned;
  const type = askedType(options) ?? (await smallestType(planned, options));
  const bytes = typeNamed(type)!.bytes(rows, cols)!;
  return { type, data: { bytes, chunks: pieces(planned, type, options) } };
}

async function* pieces(
  planned: PlannedTensor,
  type: DenseType,
  options: MakeOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { source } = planned;
  const own = ownType(source);
  const reading = { ...options.reading, pieceBytes: 2 ** 20 };
  for await (const { bytes, end } of readRows(source, reading)) {
    const floats = floatsOf(source, bytes);
    checkFinite(planned, options.path, floats);
    yield encodeChecked(floats, own, type, () => overflow(planned, type, options));
    options.onRows(planned, end);
  }
}

/** Whether the first rows are trits times scales. */
async function beginsTernary(
  planned: PlannedTensor,
  { reading, work }: MakeOptions,
): Promise<boolean> {
  for await (const { bytes } of readRows(planned.source, { ...reading, pieceBytes: 2 ** 16 })) {
    return 'codes' in (await readTrits(planned, bytes, undefined, new TimeSlice(), work));
  }
  return false;
}

/** The smallest type that holds all numbers exactly. */
async function smallestType(
  { source }: PlannedTensor,
  { reading }: MakeOptions,
): Promise<DenseType> {
  const own = ownType(source);
  if (own !== 'F32') return own;
  const fits: Record<string, boolean> = { BF16: true, F16: true };
  for await (const { bytes } of readRows(source, { ...reading, pieceBytes: 2 ** 20 })) {
    const floats = floatsOf(source, bytes);
    for (const type of ['BF16', 'F16'] as const) fits[type] &&= holds(type, floats);
    if (!fits.BF16 && !fits.F16) return 'F32';
  }
  return fits.BF16 ? 'BF16' : 'F16';
}
