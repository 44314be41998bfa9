import { variable } from '../../lib/environment.js';
import { readGguf } from '../../lib/gguf/reader.js';
import { readSpec } from '../../lib/model/spec/read-spec.js';
import { layerSparsity } from '../../lib/model/tuning/sparsity.js';
import { loadNativeModel } from '../../lib/native.js';
import { WeightRandom } from './random.js';

/** Tokens over which gates are counted. */
const tokenCount = 256;

/**
 * Loads a model and counts, over 256 random tokens of the first `vocabSize` in one sequence, the gate outputs that are at most 0:
 * `[nLayer]` fractions.
 *
 * @throws as `loadModel`
 */
export async function inactiveNeurons(
  path: string,
  vocabSize: number,
  seed: number,
): Promise<number[]> {
  const spec = readSpec(await readGguf(path));
  const model = await loadNativeModel(path, spec, {
    threads: 0,
    kernel: variable('BITNET_KERNEL') ?? '',
    control: new Int32Array(2),
  });
  try {
    const words = new Uint32Array(tokenCount);
    new WeightRandom(seed, 'tokens').fill(words);
    const tokens = Int32Array.from(words, (word) => word % vocabSize);
    const layers = await layerSparsity(model, spec.nLayer, tokens);
    return layers.map((layer) => layer.inactiveNeurons);
  } finally {
    model.close();
  }
}
