import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../lib/tokenizer/index.js';
import { preTokenizers } from '../../lib/tokenizer/pre-tokenizers.js';
import { splitWords } from '../../lib/tokenizer/split-words.js';
import { bpeFile } from './vocabularies.js';

function words(name: string, text: string): string[] {
  const found: string[] = [];
  splitWords(text, preTokenizers.get(name)!.split, (word) => found.push(word));
  return found;
}

const text = "I'M sure it's 12345,  ok?!\n\n  “x” a_b \t\u00a0é漢ſ'S";

describe('Splitting a text into words', () => {
  it.each([
    [
      'gpt-2',
      [
        'I',
        "'",
        'M',
        ' sure',
        ' it',
        "'s",
        ' 12345',
        ',',
        ' ',
        ' ok',
        '?!',
        '\n\n ',
        ' “',
        'x',
        '”',
        ' a',
        '_',
        'b',
        ' \t',
        '\u00a0',
        'é漢ſ',
        "'",
        'S',
      ],
    ],
    [
      'llama-bpe',
      [
        'I',
        "'M",
        ' sure',
        ' it',
        "'s",
        ' ',
        '123',
        '45',
        ',',
        ' ',
        ' ok',
        '?!\n\n',
        ' ',
        ' “',
        'x',
        '”',
        ' a',
        '_b',
        ' \t',
        '\u00a0é漢ſ',
        "'S",
      ],
    ],
    [
      'qwen2',
      [
        'I',
        "'M",
        ' sure',
        ' it',
        "'s",
        ' ',
        '1',
        '2',
        '3',
        '4',
        '5',
        ',',
        ' ',
        ' ok',
        '?!\n\n',
        ' ',
        ' “',
        'x',
        '”',
        ' a',
        '_b',
        ' \t',
        '\u00a0é漢ſ',
        "'S",
      ],
    ],
    [
      'falcon',
      [
        'I',
        "'",
        'M',
        ' sure',
        ' it',
        "'",
        's',
        ' ',
        '123',
        '45',
        ',',
        ' ',
        ' ok',
        '?!',
        '\n\n  ',
        '“',
        'x',
        '”',
        ' a',
        '_',
        'b',
        ' \t',
        '\u00a0',
        'é漢ſ',
        "'",
        'S',
      ],
    ],
    [
      'starcoder',
      [
        'I',
        "'",
        'M',
        ' sure',
        ' it',
        "'s",
        ' ',
        '1',
        '2',
        '3',
        '4',
        '5',
        ',',
        ' ',
        ' ok',
        '?!',
        '\n\n ',
        ' “',
        'x',
        '”',
        ' a',
        '_',
        'b',
        ' \t',
        '\u00a0',
        'é漢ſ',
        "'",
        'S',
      ],
    ],
    [
      'default',
      [
        'I',
        "'",
        'M',
        ' sure',
        ' it',
        "'",
        's',
        ' ',
        '123',
        '45',
        ',',
        ' ',
        ' ok',
        '?!',
        '\n\n  ',
        '“',
        'x',
        '”',
        ' a',
        '_',
        'b',
        ' \t',
        '\u00a0',
        'é漢ſ',
        "'",
        'S',
      ],
    ],
  ])('by %s', (name, expected) => {
    expect(words(name, text)).toEqual(expected);
  });

  it('means Unicode white space, which is not what JavaScript means by it', () => {
    // U+FEFF is white space for JavaScript only, U+0085 for Unicode only.
    expect(words('gpt-2', 'a\u0085\u0085b')).toEqual(['a', '\u0085', '\u0085', 'b']);
    expect(words('gpt-2', 'a \ufeff')).toEqual(['a', ' \ufeff']);
  });

  it.each([...preTokenizers.keys()])('by %s loses nothing', (name) => {
    const mixed = `${text} \r\n\u0000\ud800 $+<=>^~|\` ١٢٣ ⅷ 1234567890 \u200b😀🏽\u0301 `;
    expect(words(name, mixed.repeat(3)).join('')).toBe(mixed.repeat(3));
  });

  it('knows Falcon-E by the name that only the converters of the Microsoft fork write', () => {
    expect(preTokenizers.get('falcon_e')).toBe(preTokenizers.get('llama-bpe'));
    expect(preTokenizers.get('falcon3')).toBe(preTokenizers.get('llama-bpe'));
  });
});

describe('A pre-tokenizer name', () => {
  it('that is not known is an error that lists the known ones', async () => {
    const file = bpeFile({ merges: [], entries: { pre: 'tekken' } });
    const known = [...preTokenizers.keys()].join(', ');
    await expect(createTokenizer(file)).rejects.toMatchObject({
      code: 'ERR_BITNET_TOKENIZER',
      message: `Expected the pre-tokenizer of "vocabulary.gguf" to be one of ${known}, but found "tekken"; choose the one that splits alike (option preTokenizer).`,
    });
    expect(known).toContain('llama-bpe, llama3');
  });

  it('of the caller counts more than that of the file', async () => {
    const file = bpeFile({ merges: ['1 2'], entries: { pre: 'unheard-of' } });
    const tokenizer = await createTokenizer(file, { preTokenizer: 'qwen2' });
    expect(tokenizer.preTokenizer).toBe('qwen2');
    expect(tokenizer.encode('12')).toEqual([0x31, 0x32]);
    expect(tokenizer.decisions).toEqual([
      { subject: 'pre-tokenizer', choice: 'qwen2', reason: 'asked for by the caller' },
    ]);
  });

  it('of the caller that is not known is an error too', async () => {
    const options = { preTokenizer: 'gpt2' };
    await expect(createTokenizer(bpeFile({ merges: [] }), options)).rejects.toThrow(
      /but found "gpt2"; choose/,
    );
  });
});
