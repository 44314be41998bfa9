import type { TimeSlice } from '../../gguf/time-slice.js';
import type { PlannedTensor } from '../tensors/checkpoint.js';
import { sameOrder } from '../tensors/orders.js';
import { allFloatsOf, meanMagnitude } from './floats.js';
import { surveyScales, uniformScales } from './scales.js';
import { floatCodes, indexOfCode3, packedCodes, type TritMatrix, zeroLimit } from './trits.js';

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
 * @param bytes of the tensor
 * @param scale of packed trits
 */
export async function readTrits(
  planned: PlannedTensor,
  bytes: Buffer,
  scale: number | undefined,
  slice: TimeSlice,
): Promise<TritMatrix | NoTrits> {
  const { rows, cols, source, rule, order = sameOrder } = planned;
  if (scale !== undefined) return unpacked(planned, bytes, scale);
  const floats = await allFloatsOf(source, bytes, slice);
  if (rule === 'absmean') {
    const mean = Math.fround(await meanMagnitude(floats, slice));
    if (!Number.isFinite(mean)) return notFinite(mean);
    const value = Math.max(mean, leastScale);
    const codes = floatCodes(floats, cols, zeroLimit(value), order);
    return { rows, cols, codes, scales: uniformScales(rows, cols, value) };
  }
  const survey = await surveyScales(floats, cols, order, slice);
  if ('row' in survey) {
    const [least, most] = survey.sizes;
    if (!Number.isFinite(most)) return notFinite(most);
    const found = `sizes from ${least} to ${most} within row ${survey.row}`;
    return { expected: 'of ternary weights, −s, 0 or +s', found, dense: true };
  }
  const infinite = survey.scales.values.find((size) => !Number.isFinite(size));
  if (infinite !== undefined) return notFinite(infinite);
  return { rows, cols, codes: floatCodes(floats, cols, 0, order), scales: survey.scales };
}

function unpacked(
  { rows, cols, order = sameOrder }: PlannedTensor,
  bytes: Buffer,
  scale: number,
): TritMatrix | NoTrits {
  const wrong = indexOfCode3(bytes);
  if (wrong >= 0) {
    const found = `the code 3 in its byte ${wrong}`;
    return { expected: 'of the codes 0, 1 and 2, two bits each', found, dense: false };
  }
  const codes = packedCodes(bytes, rows, cols, order);
  return { rows, cols, codes, scales: uniformScales(rows, cols, scale) };
}

function notFinite(value: number): NoTrits {
  return { expected: 'of finite numbers', found: `${value}`, dense: false };
}
