import { expect, it } from 'vitest';
import { perplexity } from '../../lib/index.js';
import { modelLoader } from '../engine/engine.js';
import { referenceModel } from '../reference/weights.js';
import { disjointWindows, heldOutText } from './held-out.js';
import { perplexityOf, referenceScores } from './reference-perplexity.js';

const load = modelLoader();

// Apart from its float64 twin, so that the two run side by side: each takes half a minute of a core, on a busy machine more.
it('the perplexity of held-out text is that of the reference with the engine’s numbers', {
  timeout: 900_000,
}, async () => {
  const model = await load(undefined);
  const text = heldOutText(25_000);
  const contextLength = 256;
  const chunks = 16;
  const options = { contextLength, stride: contextLength - 1, chunks };
  const ours = await perplexity(model, text, options);
  const reference = await referenceModel(model.path);
  const windows = disjointWindows(model, text, contextLength, chunks);
  const scores = referenceScores(reference, 'engine', windows);
  expect(ours.tokens).toBe(scores.length);
  expect(scores.length).toBeGreaterThanOrEqual(4000);
  expect(Math.abs(ours.perplexity / perplexityOf(scores) - 1)).toBeLessThan(1e-5);
});
