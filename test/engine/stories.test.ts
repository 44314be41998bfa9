import { expect, it } from 'vitest';
import { cpuInfo } from '../../lib/index.js';
import { engineRounding, ReferenceSequence } from '../reference/forward.js';
import { referenceModel } from '../reference/weights.js';
import { modelLoader } from './engine.js';

const load = modelLoader();

it('the embedded model writes what the reference finds likeliest, for 64 tokens', async () => {
  const model = await load(undefined);
  const reference = await referenceModel(model.path);
  for (const prompt of ['Once upon a time', 'One day, a little dog', 'There was a girl named']) {
    const session = model.createSession();
    const { ids, text, stopReason } = await session.complete(prompt, {
      temperature: 0,
      maxTokens: 64,
    });
    session.close();
    expect([ids.length, stopReason], text).toEqual([64, 'length']);

    const sequence = new ReferenceSequence(reference, engineRounding);
    const prefix = model.tokenize(prompt, { addSpecial: true });
    let logits = prefix.map((id) => sequence.next(id)).at(-1)!;
    let undecided = 0;
    for (const [i, id] of ids.entries()) {
      const best = logits.reduce((top, logit, at) => (logit > logits[top]! ? at : top), 0);
      if (id !== best) {
        const largest = logits.reduce((max, logit) => Math.max(max, Math.abs(logit)), 0);
        expect((logits[best]! - logits[id]!) / largest, `token ${i} of "${prompt}"`).toBeLessThan(
          1e-3,
        );
        undecided++;
      }
      logits = sequence.next(id);
    }
    expect(undecided).toBeLessThanOrEqual(1);
  }
});

it('the embedded model writes the same on every kernel and number of threads', async () => {
  const kernels = cpuInfo().kernels.filter(({ usable }) => usable);
  const texts = new Set<string>();
  for (const { name: kernel } of kernels) {
    for (const threads of [1, 3]) {
      const model = await load(undefined, { kernel, threads });
      const options = { temperature: 1, seed: 5, maxTokens: 64 };
      texts.add((await model.createSession().complete('One day', options)).text);
    }
  }
  expect(texts.size).toBe(1);
});
