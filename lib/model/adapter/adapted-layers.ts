import { quote } from '../../gguf/malformed.js';
import type { TensorRole } from '../spec/graph-tensors.js';
import { modelError } from '../spec/model-error.js';
import type { ModelSpec, TensorBinding } from '../spec/spec.js';

/** The layers that adapters can be beside, in the order of `kAdapted` in native/graph/adapter.h. */
const adaptedRoles: readonly TensorRole[] = [
  ...(['attn_q', 'attn_k', 'attn_v', 'attn_output'] as const),
  ...(['ffn_gate', 'ffn_up', 'ffn_down'] as const),
];

/** A matrix of the model that an adapter adds to. */
export interface AdaptedLayer {
  /** `Linear::slot` of the engine; −1 for the embedding. */
  readonly slot: number;
  /** [rows, cols] of the matrix; of the embedding [vocabSize, dim]. */
  readonly rows: number;
  readonly cols: number;
}

/**
 * Finds the matrices that the tensors of an adapter belong to.
 *
 * @param path of the adapter, for errors
 * @throws ERR_BITNET_MODEL for a model that cannot have adapters
 */
export function adaptedLayers(
  path: string,
  spec: ModelSpec,
): (tensor: string, base: string) => AdaptedLayer {
  if (spec.tensors.some(({ role }) => role === 'attn_q_norm_in')) {
    const [expected, found] = ['without norms before single projections', 'some'];
    const advice = 'it is not known on which side of them adapters were trained';
    throw modelError(path, 'the base', expected, found, advice);
  }
  const bindings = new Map(spec.tensors.map((binding) => [binding.name, binding]));
  return (tensor, base) => layerOf(path, tensor, base, bindings.get(base));
}

/** What to do about an adapter whose tensors are not those of the model. */
export const otherModel = 'the adapter is damaged or of another model';

function layerOf(
  path: string,
  tensor: string,
  base: string,
  binding: TensorBinding | undefined,
): AdaptedLayer {
  const fault = (expected: string, found: string, advice: string) =>
    modelError(path, `tensor ${quote(tensor)}`, expected, found, advice);
  if (binding === undefined) {
    throw fault('of a matrix that the model has', quote(base), otherModel);
  }
  const { role, layer, rows, cols, rotated } = binding;
  if (rotated && role !== 'token_embd') {
    const advice = 'adapters of models like this cannot run yet';
    throw fault('of a matrix whose input is not rotated', quote(base), advice);
  }
  if (role === 'token_embd') return { slot: -1, rows, cols };
  const place = adaptedRoles.indexOf(role);
  if (place !== -1) return { slot: layer * adaptedRoles.length + place, rows, cols };
  const advice = 'adapters of output heads, experts and recurrent layers cannot run yet';
  throw fault('of attention, a feed-forward network or the embedding', quote(base), advice);
}
