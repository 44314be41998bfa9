import { readGguf } from '../gguf/reader.js';
import { modelSpec } from '../model/spec.js';
import { createNativeSession, loadNativeModel, nativeEvaluate, want } from '../native.js';
import { WeightRandom } from './random.js';

/** Tokens over which gates are counted. */
const tokenCount = 256;

/** Numbers per layer in the engine's counts: closed gates, zero inputs of the down projection, values. */
const countsPerLayer = 3;

/**
 * Loads a model and counts, over 256 random tokens of the first `vocab` in one sequence, the gate outputs that are at most 0:
 * `[nLayer]` fractions.
 *
 * @throws as `loadModel`
 */
export async function closedGates(path: string, vocab: number, seed: number): Promise<number[]> {
  const spec = modelSpec(await readGguf(path));
  const model = await loadNativeModel(path, spec, {
    threads: 0,
    kernel: process.env.BITNET_KERNEL ?? '',
    control: new Int32Array(2),
  });
  try {
    const session = createNativeSession(model, tokenCount);
    const words = new Uint32Array(tokenCount);
    new WeightRandom(seed, 'tokens').fill(words);
    const tokens = Int32Array.from(words, (word) => word % vocab);
    const ffnCounts = new Float64Array(spec.nLayer * countsPerLayer);
    await nativeEvaluate(session, {
      ...{ tokens, want: want.none, control: new Int32Array(1), ffnCounts },
    });
    session.close();
    return Array.from({ length: spec.nLayer }, (_, layer) => {
      const [closed, , values] = ffnCounts.subarray(countsPerLayer * layer);
      return closed! / values!;
    });
  } finally {
    model.close();
  }
}
