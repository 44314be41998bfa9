import { quote } from '../gguf/malformed.js';
import type { GgufTensor } from '../gguf/types.js';
import { modelError } from '../model/spec/model-error.js';
import { findings, type TernaryDistance } from '../native-types.js';
import type { TensorTypeName } from './types.js';

/** A tensor of a file, and what it is to become. */
export interface Conversion {
  readonly path: string;
  readonly tensor: GgufTensor;
  readonly type: TensorTypeName;
}

/** The error for what an encoder found, the worst first; `distance` is that of dense weights. */
export function refusal(conversion: Conversion, found: number, distance?: TernaryDistance): Error {
  const { tensor, type } = conversion;
  const has = (finding: number) => (found & finding) !== 0;
  if (has(findings.invalid)) {
    return error(conversion, 'ternary', 'bytes that are no ternary weights', damaged);
  }
  if (has(findings.notFinite)) {
    return error(conversion, 'finite numbers', 'one that is infinite or no number', damaged);
  }
  if (has(findings.tooLarge)) {
    const expected = `small enough for ${type}`;
    return error(conversion, expected, 'a number beyond', 'choose f32, bf16 or i2_s');
  }
  if (has(findings.notTernary)) return notTernary(conversion, distance);
  if (has(findings.scalesDiffer)) {
    const expected = `weights with one scale where ${type} has one`;
    const advice = 'choose a type with as many: q2_0, tq2_0 or tq1_0';
    return error(conversion, expected, `${tensor.type} weights with several`, advice);
  }
  const expected = `weights with scales that f16 can hold, as ${type} stores them`;
  if (has(findings.scaleLost)) {
    return error(conversion, expected, 'scales so small that they would become 0', 'choose i2_s');
  }
  const advice = 'choose i2_s, or allow them to be rounded (--allow-rounding, allowRounding)';
  return error(conversion, expected, 'others', advice);
}

/** The error for weights that were rounded before, to another dense type. */
export function roundedTwice(conversion: Conversion): Error {
  const expected = 'F32, F16, BF16 or ternary';
  const advice =
    'quantize from the original, or accept the loss of rounding twice (--allow-requantize, allowRequantize)';
  return error(conversion, expected, conversion.tensor.type, advice, 'type');
}

/** The error for a tensor whose rows do not fit the blocks of a type, or whose type cannot be read. */
export function unfit(conversion: Conversion, expected: string, found: string): Error {
  const advice = 'choose another type, or keep the tensor as it is (--keep, keep)';
  return error(conversion, expected, found, advice, 'shape');
}

export function unreadableType(conversion: Conversion): Error {
  const advice = 'keep the tensor as it is (--keep, keep), or get the model in another type';
  return error(conversion, 'one that can be read', conversion.tensor.type, advice, 'type');
}

const damaged = 'the file is damaged or was written by a faulty tool, get it again';

function notTernary(conversion: Conversion, distance?: TernaryDistance): Error {
  const { tensor, type } = conversion;
  if (distance === undefined) {
    const advice = 'choose a dense type such as q4_0';
    return error(conversion, '−s, 0 or +s', `${tensor.type} weights of +2 s`, advice);
  }
  const expected = `−s, 0 or +s for every scale s that ${type} has`;
  const away = `others, ${(100 * distance.distance).toFixed(1)} % away from such by absmean`;
  const advice =
    'choose a dense type, or round them (--force, force), which only models trained for it survive';
  return error(conversion, expected, away, advice, 'weights', { distance: distance.distance });
}

function error(
  { path, tensor }: Conversion,
  expected: string,
  found: string,
  advice: string,
  what = 'weights',
  fields: object = {},
): Error {
  const field = `the ${what} of tensor ${quote(tensor.name)}`;
  return Object.assign(modelError(path, field, expected, found, advice, 'ERR_BITNET_TYPE'), fields);
}
