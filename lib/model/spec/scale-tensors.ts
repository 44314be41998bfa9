import { quote } from '../../gguf/malformed.js';
import type { GgufFile, GgufTensor } from '../../gguf/types.js';
import { modelError } from './model-error.js';

/** The name of the tensor that may hold the scale of a projection: `blk.0.attn_q.scale`. */
export function scaleNameOf(projection: string): string {
  return projection.replace(/weight$/, 'scale');
}

/**
 * The tensor with the one number that a projection's products are multiplied by, if there is one, as in ik_llama.cpp's files of 2024 and converters that keep scales apart.
 *
 * @throws ERR_BITNET_MODEL for a scale of another shape, or none where the type has none either;
 *   ERR_BITNET_TYPE for one that is not F32
 */
export function scaleTensorOf(
  file: GgufFile,
  projection: { readonly name: string; readonly type: string },
  byName: ReadonlyMap<string, GgufTensor>,
): GgufTensor | undefined {
  const name = scaleNameOf(projection.name);
  const field = `tensor ${quote(name)}`;
  const scale = byName.get(name);
  if (scale === undefined) {
    if (!/without scales$/.test(projection.type)) return undefined;
    const expected = `there, because ${quote(projection.name)} has the type ${projection.type}`;
    const advice = 'convert the model again with a current ik_llama.cpp';
    throw modelError(file.path, field, expected, 'no such tensor', advice);
  }
  if (scale.dims.some((dim) => dim !== 1)) {
    throw modelError(file.path, field, 'one number', `the shape [${scale.dims.join(', ')}]`);
  }
  if (scale.type !== 'F32') {
    const advice = 'convert the model with scales of type F32';
    throw modelError(file.path, field, 'of type F32', scale.type, advice, 'ERR_BITNET_TYPE');
  }
  return scale;
}
