import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { readGguf } from '../../lib/gguf/reader.js';
import { createTokenizer } from '../../lib/tokenizer/index.js';
import { describeShared, sharedPath } from '../shared.js';

const vocabularies = ['falcon', 'gpt-2', 'llama-bpe', 'llama-spm', 'phi-3', 'qwen2'];

/** The texts and ids of llama.cpp for a vocabulary. */
async function vectors(name: string): Promise<{ text: string; ids: number[] }[]> {
  const path = sharedPath(`data/tokenizer/ggml-vocab-${name}.gguf`);
  const texts = (await readFile(`${path}.inp`, 'utf8')).split('\n__ggml_vocab_test__\n');
  const lines = (await readFile(`${path}.out`, 'utf8')).split('\n');
  return texts.map((text, i) => ({ text, ids: lines[i]!.split(' ').filter(Boolean).map(Number) }));
}

describeShared("The vocabularies of llama.cpp's own tests", () => {
  it.each(vocabularies)('%s encodes all 47 texts to the same ids', async (name) => {
    const tokenizer = await createTokenizer(
      await readGguf(sharedPath(`data/tokenizer/ggml-vocab-${name}.gguf`)),
    );
    const cases = await vectors(name);
    expect(cases).toHaveLength(47);
    for (const { text, ids } of cases) {
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(text);
    }
  });
});
