import { expect, it } from 'vitest';
import { perplexity } from '../../lib/index.js';
import { modelLoader } from '../engine/engine.js';
import { referenceModel } from '../reference/weights.js';
import { disjointWindows, heldOutText } from './held-out.js';
import { perplexityOf, referenceScores } from './reference-perplexity.js';

const load = modelLoader();

// Measured: 3.5e-4 for stories the model was not trained on.
it('the perplexity of held-out text is close to that of exact float64 arithmetic (W1.58A8)', {
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
  const scores = referenceScores(reference, 'float64', windows);
  expect(ours.tokens).toBe(scores.length);
  expect(scores.length).toBeGreaterThanOrEqual(4000);
  expect(Math.abs(ours.perplexity / perplexityOf(scores) - 1)).toBeLessThan(1e-2);
});
