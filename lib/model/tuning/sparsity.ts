import { argumentError } from '../../checks/options.js';
import { promptIds } from '../../generate/prompt.js';
import { createNativeSession, nativeEvaluate } from '../../native.js';
import { type NativeModel, outputs } from '../../native-types.js';
import { checkModel, type Model } from '../model.js';

/** Parts of one layer's feed-forward network that were zero, from 0 to 1. */
export interface LayerSparsity {
  /** Gate outputs that are at most 0: with squared ReLU, rows of `up` that need not be read. */
  readonly inactiveNeurons: number;
  /** Inputs of `down` that are 0, as int8 where it is ternary: columns that need not be read. */
  readonly zeroInputs: number;
}

/** How many zeros a text makes in a model. */
export interface Sparsity {
  /** What was evaluated. */
  readonly text: string;
  /** Tokens evaluated: those of the text, begin token included, as far as the model's context goes. */
  readonly tokens: number;
  /** Tokens of the text that did not fit. */
  readonly left: number;
  readonly layers: readonly LayerSparsity[];
  /** Over all layers. */
  readonly mean: LayerSparsity;
}

/** Numbers per layer in the engine's counts: inactive neurons, zero inputs of `down`, values of each kind. */
const countsPerLayer = 3;

/**
 * Evaluates a text in a sequence of its own and counts the zeros in each feed-forward network.
 * @throws `ERR_BITNET_ARGUMENT` for a text without tokens, `ERR_BITNET_CLOSED`, `ERR_BITNET_MEMORY`
 */
export async function measureSparsity(model: Model, text: string): Promise<Sparsity> {
  checkModel(model);
  const { spec } = model;
  if (typeof text !== 'string') throw argumentError('a text', 'text', text);
  const ids = await promptIds(text, model.tokenizer, true, { parseSpecial: false });
  if (ids.length === 0) throw argumentError('a text of at least one token', 'text', text);
  const tokens = Math.min(ids.length, spec.contextLength);
  const evaluated = Int32Array.from(ids.slice(0, tokens));
  const layers = await layerSparsity(model.native, spec.nLayer, evaluated);
  const average = (part: keyof LayerSparsity) =>
    layers.reduce((sum, layer) => sum + layer[part], 0) / layers.length;
  return {
    ...{ text, tokens, left: ids.length - tokens, layers },
    mean: { inactiveNeurons: average('inactiveNeurons'), zeroInputs: average('zeroInputs') },
  };
}

/**
 * The zeros of `tokens` in one sequence, layer by layer.
 * @param control `[abort]`
 */
export async function layerSparsity(
  native: NativeModel,
  nLayer: number,
  tokens: Int32Array,
  control: Int32Array = new Int32Array(1),
): Promise<LayerSparsity[]> {
  const session = createNativeSession(native, tokens.length);
  const ffnCounts = new Float64Array(nLayer * countsPerLayer);
  try {
    await nativeEvaluate(session, { tokens, outputs: outputs.none, control, ffnCounts });
  } finally {
    session.close();
  }
  return Array.from({ length: nLayer }, (_, layer) => {
    const [closed, zero, values] = ffnCounts.subarray(countsPerLayer * layer);
    return { inactiveNeurons: closed! / values!, zeroInputs: zero! / values! };
  });
}
