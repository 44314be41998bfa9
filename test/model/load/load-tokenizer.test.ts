import { describe, expect, it } from 'vitest';
import { writeGguf } from '../../../lib/gguf/writer.js';
import { loadTokenizer } from '../../../lib/index.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { tinyVocabulary } from '../../fixtures/tiny-vocabulary.js';

const file = tempFolder();

describe('loadTokenizer', () => {
  it('reads a vocabulary without weights', async () => {
    await writeGguf(file('vocabulary.gguf'), { metadata: new Map(tinyVocabulary(320)) });
    const tokenizer = await loadTokenizer(file('vocabulary.gguf'));
    expect(tokenizer.vocabSize).toBe(320);
    expect(tokenizer.decode(tokenizer.encode('hello'))).toBe('hello');
  });

  it('reads the embedded model without a path, with another pre-tokenizer if asked', async () => {
    expect((await loadTokenizer()).vocabSize).toBe(4096);
    expect((await loadTokenizer(undefined, { preTokenizer: 'qwen2' })).preTokenizer).toBe('qwen2');
  });

  it.each<[unknown, unknown, string]>([
    ['', undefined, 'ERR_BITNET_ARGUMENT'],
    [3, undefined, 'ERR_BITNET_ARGUMENT'],
    [undefined, { pretokenizer: 'qwen2' }, 'ERR_BITNET_ARGUMENT'],
    [undefined, { preTokenizer: 3 }, 'ERR_BITNET_ARGUMENT'],
    [undefined, { preTokenizer: 'none' }, 'ERR_BITNET_TOKENIZER'],
    ['/nothing/there.gguf', undefined, 'ERR_BITNET_FILE'],
  ])('refuses %j, %j', async (path, options, code) => {
    const load = loadTokenizer as (...args: unknown[]) => Promise<unknown>;
    await expect(load(path, options)).rejects.toMatchObject({ code });
  });
});
