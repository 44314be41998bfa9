import { expect, test } from 'vitest';
import { replay } from '../../bench/replay/replay.js';
import { parseTraces, repeatingTrace } from '../../bench/replay/trace.js';
import { loadedTinyModel } from '../api/tiny.js';

const model = loadedTinyModel({ vocabSize: 320, nLayer: 1 });

test('a scenario copies the share of its text from its prompt that it is told to', () => {
  for (const share of [0, 0.7, 0.95, 1]) {
    const { prompt, ids } = repeatingTrace(share, model());
    expect(ids).toHaveLength(256);
    const text = `,${prompt.join()},`;
    const copied = ids.filter((_, i) => {
      // In a span of 24 that stands in the prompt.
      for (let begin = Math.max(i - 23, 0); begin <= i; begin++) {
        const span = ids.slice(begin, begin + 24);
        if (span.length === 24 && text.includes(`,${span.join()},`)) return true;
      }
      return false;
    });
    expect(copied.length / 256).toBeGreaterThan(share - 0.1);
    expect(copied.length / 256).toBeLessThan(share + 0.05);
    expect(repeatingTrace(share, model())).toEqual({ name: `repeat:${share}`, prompt, ids });
  }
});

test('a recorded text comes again, whatever the model would say, and what is drafted right is counted', async () => {
  const [trace] = parseTraces(
    JSON.stringify({
      prompt: [5, 6, 7, 8, 9, 10],
      ids: [...Array(5).fill([5, 6, 7, 8, 9, 10]).flat()],
    }),
    'trace.jsonl',
    model(),
  );
  const result = await replay(model(), trace!, { repetitions: 2 });
  expect(result).toMatchObject({ name: 'trace.jsonl', promptTokens: 6, tokens: 30 });
  expect(result.plain).toHaveLength(2);
  expect(result.drafted).toHaveLength(2);
  expect(result.draftedTokens).toBeGreaterThan(0);
  expect(result.acceptedTokens).toBe(result.draftedTokens);
});

test.each([
  ['', 1],
  ['{"prompt": "a", "ids": [1]}\nnothing', 2],
  ['{"prompt": "a", "ids": [320]}', 1],
  ['{"prompt": 5, "ids": [1]}', 1],
  ['null', 1],
])('a file that holds no recorded text is refused with the line, %j', (text, line) => {
  expect(() => parseTraces(text, 'x.jsonl', model())).toThrow(
    expect.objectContaining({
      code: 'ERR_BITNET_FILE',
      message: expect.stringContaining(`in "x.jsonl", but line ${line} is none`),
    }),
  );
});
