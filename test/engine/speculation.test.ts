import { beforeAll, describe, expect, it } from 'vitest';
import type { GenerateOptions, Model } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { modelLoader } from './engine.js';

const temp = tempFolder();
const load = modelLoader();
const vocabSize = 320;
const contextLength = 128;
let model: Model;
let small: Model;
beforeAll(async () => {
  await tinyModel({ vocabSize, nLayer: 2, contextLength }).write(temp('model.gguf'));
  await tinyModel({ vocabSize, nLayer: 1, contextLength }).write(temp('small.gguf'));
  model = await load(temp('model.gguf'), { prefixCache: false });
  small = await load(temp('small.gguf'));
});

/** Repeats itself, so that there is something to find. */
const prompt = Array.from({ length: 40 }, (_, i) => 10 + (i % 8));

async function write(options: GenerateOptions, of = model) {
  const session = of.createSession();
  const { timings, ...result } = await session.complete(prompt, {
    ...{ maxTokens: 40, ignoreEnd: true, seed: 3, logprobs: 2, ...options },
  });
  const tokens = [...session.tokens];
  session.close();
  return { timings, shown: { ...result, tokens } };
}

describe('with the engine, speculation', () => {
  it.each<[string, GenerateOptions]>([
    ['greedy', { temperature: 0 }],
    ['seeded', { temperature: 0.7, topK: 3 }],
    ['from all logits', { topK: 0, temperature: 0.5 }],
    ['with penalties', { repeatPenalty: 1.2, presencePenalty: 0.2, temperature: 0.3 }],
    ['with a bias towards what came', { logitBias: { 10: 3, 11: 3, 12: 3 } }],
  ])('changes no text and no bit of a log-probability, %s', async (_, options) => {
    const plain = await write(options);
    const lookup = await write({ ...options, lookup: true });
    expect(lookup.shown).toEqual(plain.shown);
    const draft = await write({ ...options, draft: small });
    expect(draft.shown).toEqual(plain.shown);
    expect(draft.timings.draftedTokens).toBeGreaterThan(0);
    const both = await write({ ...options, draft: small, lookup: true, maxDraft: 3 });
    expect(both.shown).toEqual(plain.shown);
  });

  it('accepts every token of a draft model that is the model itself', async () => {
    const { timings } = await write({ temperature: 0, draft: model });
    expect(timings.draftedTokens).toBeGreaterThan(0);
    expect(timings.acceptedTokens).toBe(timings.draftedTokens);
  });

  it('refuses a draft model with other tokens', async () => {
    await tinyModel({ vocabSize: 330, nLayer: 1 }).write(temp('other.gguf'));
    const other = await load(temp('other.gguf'));
    await expect(write({ draft: other })).rejects.toMatchObject({
      code: 'ERR_BITNET_ARGUMENT',
      message: expect.stringMatching(/^Expected a draft model with the tokens of the model, but /),
    });
    other.close();
  });

  it('rests in a model with recurrent layers, whose states cannot be cut', async () => {
    await tinyModel({ vocabSize, contextLength, arch: 'qwen35', nLayer: 2 }).write(
      temp('recurrent.gguf'),
    );
    const recurrent = await load(temp('recurrent.gguf'), { prefixCache: false });
    const plain = await write({ temperature: 0 }, recurrent);
    const lookup = await write({ temperature: 0, lookup: true }, recurrent);
    expect(lookup.shown).toEqual(plain.shown);
    expect(lookup.timings).toMatchObject({ draftedTokens: 0, acceptedTokens: 0 });
    recurrent.close();
  });
});
