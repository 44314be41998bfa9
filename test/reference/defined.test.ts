import { expect, it } from 'vitest';
import { allLogits, modelLoader } from '../engine/engine.js';
import { DefinedSequence } from './defined.js';
import { difference } from './difference.js';
import { ReferenceSequence } from './forward.js';
import { referenceModel } from './weights.js';

const load = modelLoader();

it('the defined numbers are the engine’s to the bit, and its float64 that of the reference', async () => {
  const model = await load(undefined);
  const reference = await referenceModel(model.path);
  const ids = model.tokenize('Once upon a time there was a fox.', { addSpecial: true });
  // Beyond the first block of 64 positions.
  while (ids.length < 80) ids.push((ids.at(-1)! * 7919 + 13) % model.spec.vocabSize);

  const { vocabSize } = model.spec;
  const logits = await allLogits(model, ids);
  const defined = new DefinedSequence(reference, 'engine');
  const exact = new DefinedSequence(reference, 'float64');
  const naive = new ReferenceSequence(reference, { int8Activations: true });
  for (const [i, id] of ids.entries()) {
    const row = logits.subarray(i * vocabSize, (i + 1) * vocabSize);
    expect(
      Buffer.from(Float32Array.from(defined.next(id)).buffer).equals(
        Buffer.from(row.slice().buffer),
      ),
      `position ${i}`,
    ).toBe(true);
    expect(difference(exact.next(id), naive.next(id)).max).toBeLessThan(1e-9);
  }
});
