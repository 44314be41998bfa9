import { expect, test } from 'vitest';
import { encodeInTurn } from '../../lib/tokenizer/encode-in-turn.js';
import { createTokenizer } from '../../lib/tokenizer/index.js';
import type { Tokenizer } from '../../lib/tokenizer/types.js';
import { bpeFile, control, spmFile } from './vocabularies.js';

const bpe = () =>
  createTokenizer(bpeFile({ merges: ['a b', 'ab ab', 'Ġ ab'], extra: [['<end>', control]] }), {
    preTokenizer: 'llama-bpe',
  });
const sentencePiece = () =>
  createTokenizer(
    spmFile({
      pieces: [
        ['ab', -1],
        ['abab', -2],
        ['▁ab', -3],
        ['a', -4],
        ['b', -5],
      ],
    }),
  );
const kinds = [
  ['byte-level BPE', bpe],
  ['SentencePiece', sentencePiece],
] as const;

/** Texts that are cut into short words, no words, control tokens, digits. */
const texts = ['ab abab é\n', 'ab', 'ab<end>', '1234 ', 'aé'].map((text) => text.repeat(4000));

/** How often the event loop turned before `work` was done. */
async function turns(work: Promise<unknown>): Promise<number> {
  let count = 0;
  let done = false;
  const turn = () => {
    count++;
    if (!done) setImmediate(turn);
  };
  setImmediate(turn);
  await work.finally(() => {
    done = true;
  });
  return count;
}

test.each(kinds)('%s in steps gives the same tokens, also beside others', async (_, create) => {
  const tokenizer = await create();
  for (const parseSpecial of [true, false]) {
    const options = { parseSpecial, addSpecial: true };
    const expected = texts.map((text) => tokenizer.encode(text, options));
    const between = tokenizer.encode('ab abab', options);
    const running = texts.map((text) => tokenizer.encodeInSteps!(text, options));
    const found: (number[] | undefined)[] = running.map(() => undefined);
    while (found.includes(undefined)) {
      for (const [i, steps] of running.entries()) {
        if (found[i] !== undefined) continue;
        const step = steps.next();
        if (step.done) found[i] = step.value;
      }
      expect(tokenizer.encode('ab abab', options)).toEqual(between);
    }
    expect(found).toEqual(expected);
  }
});

test.each(kinds)('%s takes long texts in steps that are short', async (_, create) => {
  const tokenizer = await create();
  for (const text of texts) {
    let steps = 0;
    for (const running = tokenizer.encodeInSteps!(text); !running.next().done; ) steps++;
    expect(steps).toBeGreaterThan(text.length / 4096);
  }
});

test('the event loop turns while a long text is encoded, and between short ones', async () => {
  const tokenizer = await bpe();
  const long = 'ab abab '.repeat(2 ** 16);
  expect(await turns(encodeInTurn(tokenizer, long, {}, undefined))).toBeGreaterThan(2);
  const short = Array.from({ length: 1000 }, () =>
    encodeInTurn(tokenizer, 'ab abab '.repeat(500), {}, undefined),
  );
  expect(await turns(Promise.all(short))).toBeGreaterThan(2);
});

test('a short text does not wait for a long one, and an abort ends either', async () => {
  const tokenizer: Tokenizer = await bpe();
  const controller = new AbortController();
  const ended: string[] = [];
  const encode = (name: string, text: string) =>
    encodeInTurn(tokenizer, text, {}, controller.signal).finally(() => ended.push(name));
  const long = encode('long', 'ab abab '.repeat(2 ** 16));
  await encode('short', 'ab');
  expect(ended).toEqual(['short']);
  controller.abort();
  await expect(long).rejects.toMatchObject({ code: 'ERR_BITNET_ABORTED', name: 'AbortError' });
  await expect(encode('late', 'ab')).rejects.toMatchObject({ code: 'ERR_BITNET_ABORTED' });
  expect(await encodeInTurn(tokenizer, 'abab', {}, undefined)).toEqual(tokenizer.encode('abab'));
});
