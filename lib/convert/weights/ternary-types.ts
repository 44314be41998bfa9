import { halfBits, halfValue } from '../../gguf/half.js';
import type { TernaryType } from '../../gguf/pack-trits.js';
import { typeNamed } from '../../gguf/tensor-types.js';
import type { TimeSlice } from '../../gguf/time-slice.js';
import type { GgufChunks } from '../../gguf/writer.js';
import { isExact } from './dense-types.js';
import { findScale, groupCols, type Scales } from './scales.js';
import type { TritMatrix } from './trits.js';

/** Types that hold trits. */
export const ternaryTypes: readonly TernaryType[] = ['I2_S', 'TQ1_0', 'TQ2_0', 'Q2_0'];

/** What keeps a type from holding a matrix exactly; `rounded` where only its scales would be rounded. */
export interface Unfit {
  readonly expected: string;
  readonly found: string;
  readonly rounded?: true;
}

/** Why a type cannot hold a matrix exactly; undefined when it can. */
export function whyUnfit(type: TernaryType, { rows, cols, scales }: TritMatrix): Unfit | undefined {
  const shape = whyShapeUnfit(type, rows, cols);
  if (shape !== undefined) return shape;
  const needed = { I2_S: 'tensor', TQ1_0: 4, TQ2_0: 4, Q2_0: 1 }[type] as Scales['shared'];
  if (coarseness.indexOf(scales.shared) > coarseness.indexOf(needed)) {
    const expected = `of a scale for ${sharedText(needed)}, as ${type} stores them`;
    return { expected, found: `one for ${sharedText(scales.shared)}` };
  }
  if (type === 'I2_S') return undefined;
  const inexact = findScale(scales, (scale) => isExact('F16', scale));
  if (inexact === undefined) return undefined;
  const lost = findScale(scales, isNearHalf);
  if (lost !== undefined) {
    return { expected: `of scales that ${type} can hold, as 16-bit floats`, found: `${lost}` };
  }
  const expected = `of scales that ${type} holds exactly, as 16-bit floats`;
  return { expected, found: `${inexact}`, rounded: true };
}

/** Whether the half nearest to a scale has its 11 bits; others are infinite, 0, or far from it. */
function isNearHalf(scale: number): boolean {
  return Math.abs(halfValue(halfBits(scale)) - scale) <= scale * 2 ** -11;
}

/** Why a type cannot hold a matrix of a shape; undefined when it can. */
export function whyShapeUnfit(type: TernaryType, rows: number, cols: number): Unfit | undefined {
  const found = `${rows} × ${cols}`;
  if (type === 'I2_S') {
    if ((rows * cols) % 128 === 0) return undefined;
    return { expected: 'of a multiple of 128 weights, as I2_S stores them', found };
  }
  const { block } = typeNamed(type)!;
  if (cols % block === 0) return undefined;
  return { expected: `of rows of a multiple of ${block} weights, as ${type} stores them`, found };
}

/** What `Scales.shared` may be, from the fewest scales to the most. */
const coarseness: readonly Scales['shared'][] = ['tensor', 'row', 4, 2, 1];

function sharedText(shared: Scales['shared']): string {
  if (shared === 'tensor') return 'all weights';
  return shared === 'row' ? 'each row' : `every ${groupCols * shared} weights of a row`;
}

/** The data of a matrix in a type that fits; scales are rounded where the type has 16-bit ones. */
export function ternaryData(
  type: TernaryType,
  matrix: TritMatrix,
  slice: TimeSlice,
  onRows: (rows: number) => void,
): GgufChunks {
  const bytes = typeNamed(type)!.bytes(matrix.rows, matrix.cols)!;
  return { bytes, chunks: chunksOf(type, matrix, slice, onRows) };
}

async function* chunksOf(
  type: TernaryType,
  { rows, cols, pack, chunkWeights }: TritMatrix,
  slice: TimeSlice,
  onRows: (rows: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  // 128 rows are whole blocks of I2_S whatever their length.
  const step = Math.max(128, Math.floor(chunkWeights / cols / 128) * 128);
  const start = (begin: number) => {
    if (begin >= rows) return undefined;
    const chunk = pack(type, begin, Math.min(begin + step, rows));
    chunk.catch(() => {}); // whoever awaits it is told, if anybody still does
    return chunk;
  };
  let next = start(0);
  for (let end = 0; next !== undefined; ) {
    const bytes = await next;
    end = Math.min(end + step, rows);
    next = start(end); // while this one is written
    yield bytes;
    onRows(end);
    if (slice.due()) await slice.pause();
  }
}
