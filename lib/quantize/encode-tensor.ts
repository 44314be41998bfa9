import { typeNamed } from '../gguf/tensor-types.js';
import type { GgufChunks } from '../gguf/writer.js';
import { isTernary } from '../model/spec/graph-tensors.js';
import { encodeRows, firstScale, measureTernary } from '../native.js';
import {
  findings,
  type NativeTarget,
  type NativeTensor,
  type TernaryDistance,
} from '../native-types.js';
import { type Conversion, refusal } from './refusals.js';
import { ternaryGroup } from './types.js';

/** A conversion and where the bytes are. */
export interface EncodedTensor extends Conversion {
  readonly source: NativeTensor;
}

export interface EncodeOptions {
  readonly force: boolean;
  readonly allowRounding: boolean;
  readonly threads: number;
  readonly control: Int32Array;
}

/** What became of a tensor besides its type. */
export interface EncodeNotes {
  /** Of dense weights that were rounded to ternary ones. */
  forced?: TernaryDistance;
  /** Whether scales were rounded to f16. */
  roundedScales?: true;
}

/** Weights that are encoded at once: two such slices are in memory. */
const sliceWeights = 2 ** 23;

/**
 * The bytes of a tensor in its new type, slice by slice; the next is made while one is written.
 *
 * @param notes gets what there is to say once the last chunk is there
 */
export function encodedTensor(
  tensor: EncodedTensor,
  options: EncodeOptions,
  notes: EncodeNotes,
): GgufChunks {
  const { rows, cols } = tensor.source;
  return {
    bytes: typeNamed(tensor.type)!.bytes(rows, cols)!,
    chunks: encodedChunks(tensor, options, notes),
  };
}

async function* encodedChunks(
  tensor: EncodedTensor,
  options: EncodeOptions,
  notes: EncodeNotes,
): AsyncGenerator<Uint8Array> {
  const target = await targetOf(tensor, options, notes);
  const slices = slicesOf(tensor.source);
  const start = (i: number) => {
    const slice = slices[i] && encodeSlice(tensor, slices[i], target, options, notes);
    slice?.catch(() => {}); // whoever awaits it is told, if anybody still does
    return slice;
  };
  let next = start(0);
  for (let i = 0; next !== undefined; ) {
    const bytes = await next;
    next = start(++i);
    yield bytes;
  }
}

/** The scale that belongs to the whole tensor, or how scales are found. */
async function targetOf(
  { source, type }: EncodedTensor,
  { force, ...work }: EncodeOptions,
  notes: EncodeNotes,
): Promise<NativeTarget> {
  const group = ternaryGroup(type);
  if (group === undefined) return { type };
  if (force && !isTernary(source.type)) {
    const measured = await measureTernary(source, group, work);
    if (!measured.exact) {
      notes.forced = measured;
      return { type, scale: measured.absmean, absmean: true };
    }
  }
  return group === 0 ? { type, scale: await firstScale(source, work) } : { type };
}

async function encodeSlice(
  tensor: EncodedTensor,
  slice: Slice,
  target: NativeTarget,
  { allowRounding, ...work }: EncodeOptions,
  notes: EncodeNotes,
): Promise<Uint8Array> {
  const { source, type } = tensor;
  const out = Buffer.allocUnsafe(sliceBytes(source, slice, type));
  const found = await encodeRows(source, slice, target, out, work);
  const wrong = allowRounding ? found & ~findings.scaleRounded : found;
  if (wrong !== 0) throw refusal(tensor, wrong, await distanceOf(tensor, wrong, work));
  if (found !== 0) notes.roundedScales = true;
  return out;
}

/** How far dense weights are from ternary ones, for the message. */
async function distanceOf(
  { source, type }: EncodedTensor,
  wrong: number,
  work: Pick<EncodeOptions, 'threads' | 'control'>,
): Promise<TernaryDistance | undefined> {
  if ((wrong & findings.notTernary) === 0 || isTernary(source.type)) return undefined;
  return measureTernary(source, ternaryGroup(type)!, work);
}

interface Slice {
  readonly row: number;
  readonly count: number;
}

function slicesOf({ rows, cols, tile }: NativeTensor): Slice[] {
  // As row_step in native/quantize/requantize.cpp.
  const step = leastMultiple(flatBlock / divisor(flatBlock, cols), tile?.rows ?? 1);
  const most = Math.max(1, Math.floor(sliceWeights / cols / step)) * step;
  const slices: Slice[] = [];
  for (let row = 0; row < rows; row += most) {
    slices.push({ row, count: Math.min(most, rows - row) });
  }
  return slices;
}

/** Elements that I2_S stores together, wherever rows begin. */
const flatBlock = 128;

function sliceBytes({ rows, cols }: NativeTensor, { row, count }: Slice, type: string): number {
  const bytes = typeNamed(type)!.bytes;
  const tail = ternaryGroup(type) === 0 && row + count < rows ? bytes(0, cols)! : 0;
  return bytes(count, cols)! - tail;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

function leastMultiple(a: number, b: number): number {
  return (a / divisor(a, b)) * b;
}
