import type { BitnetError } from '../../errors.js';
import type { TernaryType } from '../../gguf/pack-trits.js';
import { typeNamed } from '../../gguf/tensor-types.js';
import type { TimeSlice } from '../../gguf/time-slice.js';
import type { PlannedTensor } from '../tensors/checkpoint.js';
import { checkpointError } from '../tensors/checkpoint.js';
import { ternaryData, whyUnfit } from '../weights/ternary-types.js';
import type { NoTrits } from '../weights/trit-matrix.js';
import type { TritMatrix } from '../weights/trits.js';
import { damaged, type MadeTensor, type MakeOptions } from './make-options.js';

/** Trits in the smallest of some types that holds them; undefined where none does. */
export function makeTernary(
  planned: PlannedTensor,
  matrix: TritMatrix,
  types: readonly TernaryType[],
  { type, allowRounding, onRounded, onRows }: MakeOptions,
  slice: TimeSlice,
): MadeTensor | undefined {
  const { rows, cols } = matrix;
  const rounds = allowRounding && type !== 'auto';
  const fits = (name: TernaryType) => {
    const unfit = whyUnfit(name, matrix);
    return unfit === undefined || (rounds && unfit.rounded === true);
  };
  const bytesOf = (name: TernaryType) => typeNamed(name)!.bytes(rows, cols)!;
  const [best] = types.filter(fits).sort((a, b) => bytesOf(a) - bytesOf(b));
  if (best === undefined) return undefined;
  if (whyUnfit(best, matrix) !== undefined) onRounded(planned.name);
  const data = ternaryData(best, matrix, slice, (done) => onRows(planned, done));
  return { type: best, data };
}

/** The error for a type that was asked for and cannot hold trits or their scales. */
export function unfitFor(
  { source }: PlannedTensor,
  matrix: TritMatrix,
  type: TernaryType,
  { path }: MakeOptions,
): BitnetError {
  const { expected, found, rounded } = whyUnfit(type, matrix)!;
  const advice = rounded
    ? 'choose I2_S or auto, or allow scales to be rounded (--allow-rounding, option allowRounding)'
    : 'choose another type, or auto for the smallest that fits';
  return checkpointError({ path }, source.name, expected, found, advice, 'ERR_BITNET_TYPE');
}

/** The error for weights that are no trits. */
export function notTernary(
  { source }: PlannedTensor,
  { expected, found, dense }: NoTrits,
  { path }: MakeOptions,
): BitnetError {
  if (!dense) return checkpointError({ path }, source.name, expected, found, damaged);
  const advice = 'choose f16, bf16 or auto for a model that is not ternary';
  return checkpointError({ path }, source.name, expected, found, advice, 'ERR_BITNET_TYPE');
}
