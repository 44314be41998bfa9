import type { TimeSlice } from '../../gguf/time-slice.js';
import type { NativeWork } from '../../native.js';
import type { PlannedTensor } from '../tensors/checkpoint.js';
import { sameOrder } from '../tensors/orders.js';
import { storedRows } from './dense-data.js';
import { ownType } from './dense-types.js';
import { allFloatsOf } from './floats.js';
import { meanMagnitude, nativeMatrix } from './native-matrix.js';
import { surveyScales, uniformScales } from './scales.js';
import { floatMatrix, indexOfCode3, packedMatrix, type TritMatrix, zeroLimit } from './trits.js';

/** The least mean that absmean divides by. */
const leastScale = Math.fround(1e-5);

/** Why weights are no trits. */
export interface NoTrits {
  readonly expected: string;
  readonly found: string;
  /** Whether they are sound numbers all the same. */
  readonly dense: boolean;
}

/**
 * The trits of a linear layer by the rule of its checkpoint, or why there are none.
 *
 * @param bytes of the tensor, or of its first rows
 * @param scale of packed trits
 */
export async function readTrits(
  planned: PlannedTensor,
  bytes: Buffer,
  scale: number | undefined,
  slice: TimeSlice,
  work: NativeWork,
): Promise<TritMatrix | NoTrits> {
  const { cols, source, rule, order } = planned;
  if (scale !== undefined) return unpacked(planned, bytes, scale, work);
  const type = ownType(source);
  const stored = await allFloatsOf(source, bytes, slice);
  const floats = order ? storedRows(stored, cols, order)(0, stored.words.length / cols) : stored;
  const matrix = nativeMatrix(floats, type, cols);
  if (rule === 'absmean') {
    // Of the numbers as they lie in the checkpoint: another order has another sum.
    const mean = Math.fround(await meanMagnitude(nativeMatrix(stored, type, cols), work));
    if (!Number.isFinite(mean)) return notFinite(mean);
    const value = Math.max(mean, leastScale);
    const scales = uniformScales(matrix.rows, cols, value);
    return floatMatrix(floats, matrix, zeroLimit(value), scales, work);
  }
  const survey = await surveyScales(matrix, floats, work);
  if ('row' in survey) {
    const [least, most] = survey.sizes;
    if (!Number.isFinite(most)) return notFinite(most);
    const found = `sizes from ${least} to ${most} within row ${survey.row}`;
    return { expected: 'of ternary weights, −s, 0 or +s', found, dense: true };
  }
  const infinite = survey.scales.values.find((size) => !Number.isFinite(size));
  if (infinite !== undefined) return notFinite(infinite);
  return floatMatrix(floats, matrix, 0, survey.scales, work);
}

function unpacked(
  { rows, cols, order = sameOrder }: PlannedTensor,
  bytes: Buffer,
  scale: number,
  work: NativeWork,
): TritMatrix | NoTrits {
  const wrong = indexOfCode3(bytes);
  if (wrong < 0) return packedMatrix(bytes, rows, cols, order, scale, work);
  const found = `the code 3 in its byte ${wrong}`;
  return { expected: 'of the codes 0, 1 and 2, two bits each', found, dense: false };
}

function notFinite(value: number): NoTrits {
  return { expected: 'of finite numbers', found: `${value}`, dense: false };
}
