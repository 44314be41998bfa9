import { Random } from '../../lib/generate/random.js';
import type { Model } from '../../lib/model/model.js';
import type { Scenario } from './scenario.js';

const usualPrompt = 1020;

/** Tokens of a prompt that no other has. */
const own = 20;

/**
 * A prompt that begins like an earlier one, all but its last tokens, and one that has these only: how long each takes to its first
 * token. Tokens are drawn at random.
 */
export const sharedPrefix: Scenario = {
  description: ({ prompt = usualPrompt }) =>
    `a prompt of ${prompt} tokens that shares all but ${own} with one before, beside one of ${own}`,
  figures: ['first token'],
  async run(model, { prompt = usualPrompt }, seed) {
    const random = Random.fromSeed(seed);
    const ids = (count: number) =>
      Array.from({ length: count }, () => Math.floor(random.next() * model.spec.vocabSize));
    const shared = ids(Math.max(prompt - own, 0));
    const firstToken = (text: readonly number[]) => timeToFirstToken(model, text, prompt + own);
    await firstToken([...shared, ...ids(own)]);
    const alone = await firstToken(ids(own));
    const beside = await firstToken([...shared, ...ids(own)]);
    return [{ alone, beside }];
  },
};

async function timeToFirstToken(model: Model, prompt: readonly number[], contextLength: number) {
  const session = model.createSession({ contextLength });
  try {
    const { timings } = await session.complete(prompt, { maxTokens: 1 });
    return timings.timeToFirstTokenMilliseconds;
  } finally {
    session.close();
  }
}
