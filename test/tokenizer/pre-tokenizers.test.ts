import { readFile } from 'node:fs/promises';
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

  // What Hugging Face's tokenizers make of the published expressions.
  it.each([
    [
      'llama-bpe',
      "It¦'s¦ HTTPServer¦'s¦ aÉb¦ ǅx¦:foo¦ ¦123¦456¦7¦ x¦12²¦ 漢字かな한국ไทย¦ e¦\u0301。¦Ж¦1¦,\n\n¦  \t¦ ok¦/\n¦'ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'qwen2',
      "It¦'s¦ HTTPServer¦'s¦ aÉb¦ ǅx¦:foo¦ ¦1¦2¦3¦4¦5¦6¦7¦ x¦1¦2¦²¦ 漢字かな한국ไทย¦ e¦\u0301。¦Ж¦1¦,\n\n¦  \t¦ ok¦/\n¦'ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'qwen35',
      "It¦'s¦ HTTPServer¦'s¦ aÉb¦ ǅx¦:foo¦ ¦1¦2¦3¦4¦5¦6¦7¦ x¦1¦2¦²¦ 漢字かな한국ไทย¦ e\u0301¦。Ж¦1¦,\n\n¦  \t¦ ok¦/\n¦'ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'gpt-2',
      "It¦'s¦ HTTPServer¦'s¦ aÉb¦ ǅx¦:¦foo¦ 1234567¦ x¦12²¦ 漢字かな한국ไทย¦ e¦\u0301。¦Ж¦1¦,¦\n\n  \t¦ ok¦/¦\n¦'¦ſ¦ …(¦a¦|¦b¦)¦ ",
    ],
    [
      'starcoder',
      "It¦'s¦ HTTPServer¦'s¦ aÉb¦ ǅx¦:¦foo¦ ¦1¦2¦3¦4¦5¦6¦7¦ x¦1¦2¦²¦ 漢字かな한국ไทย¦ e¦\u0301。¦Ж¦1¦,¦\n\n  \t¦ ok¦/¦\n¦'¦ſ¦ …(¦a¦|¦b¦)¦ ",
    ],
    [
      'deepseek-llm',
      "It¦'¦s¦ HTTPServer¦'¦s¦ a¦É¦b¦ ǅ¦x¦:¦foo¦ ¦1234567¦ x¦12²¦ ¦漢字かな한국ไทย¦ e¦\u0301¦。¦Ж¦1¦,¦\n¦\n¦  \t¦ ok¦/¦\n¦'¦ſ¦ ¦…¦(¦a¦|¦b¦)¦ ",
    ],
    [
      'deepseek-coder',
      "It¦'¦s¦ HTTPServer¦'¦s¦ aÉb¦ ǅx¦:¦foo¦ ¦1¦2¦3¦4¦5¦6¦7¦ x¦1¦2¦²¦ ¦漢字かな한국ไทย¦ e¦\u0301¦。¦Ж¦1¦,¦\n¦\n¦  \t¦ ok¦/¦\n¦'¦ſ¦ ¦…¦(¦a¦|¦b¦)¦ ",
    ],
    [
      'deepseek-v3',
      "It¦'s¦ HTTPServer¦'s¦ aÉb¦ ǅx¦:foo¦ ¦123¦456¦7¦ x¦12²¦ ¦漢字かな¦한국ไทย¦ e\u0301¦。¦Ж¦1¦,\n\n¦  \t¦ ok¦/\n¦'¦ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'spark2_5',
      "It¦'s¦ HTTPServer¦'s¦ aÉb¦ ǅx¦:foo¦ ¦1¦2¦3¦4¦5¦6¦7¦ x¦1¦2¦²¦ ¦漢字かな¦한국ไทย¦ e\u0301¦。¦Ж¦1¦,¦\n¦\n¦  \t¦ ok¦/¦\n¦'¦ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'minicpm5',
      "It¦'s¦ HTTPServer¦'s¦ aÉb¦ ǅx¦:foo¦ ¦123¦456¦7¦ x¦12²¦ 漢字かな한국ไทย¦ e¦\u0301。¦Ж¦1¦,\n\n¦  \t¦ ok¦/\n¦'ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'tekken',
      "It¦'s¦ HTTPServer¦'s¦ a¦Éb¦ ǅx¦:foo¦ ¦1¦2¦3¦4¦5¦6¦7¦ x¦1¦2¦²¦ 漢字かな한국ไทย¦ e\u0301¦。Ж¦1¦,\n\n¦  \t¦ ok¦/\n¦'ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'gpt-4o',
      "It's¦ HTTPServer's¦ a¦Éb¦ ǅx¦:foo¦ ¦123¦456¦7¦ x¦12²¦ 漢字かな한국ไทย¦ e\u0301¦。Ж¦1¦,\n\n¦  \t¦ ok¦/\n¦'ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'tiny_aya',
      "It's¦ HTTPServer's¦ a¦Éb¦ ǅx¦:foo¦ ¦1¦234¦567¦ x¦12²¦ 漢字かな한국ไทย¦ e\u0301¦。Ж¦1¦,\n\n¦  \t¦ ok¦/\n¦'ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'youtu',
      "It's¦ HTTPServer's¦ a¦Éb¦ ǅx¦:foo¦ ¦1¦2¦3¦4¦5¦6¦7¦ x¦1¦2¦²¦ ¦漢字かな¦한국¦ไทย¦ e\u0301¦。¦Ж¦1¦,\n\n¦  \t¦ ok¦/\n¦'ſ¦ ¦…¦(a¦|b¦)¦ ",
    ],
    [
      'kimi-k2',
      "It's¦ HTTPServer's¦ a¦Éb¦ ǅx¦:foo¦ ¦123¦456¦7¦ x¦12²¦ ¦漢字¦かな한국ไทย¦ e\u0301¦。Ж¦1¦,\n\n¦  \t¦ ok¦/\n¦'ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'bailingmoe',
      "It¦'s¦ HTTPServer¦'s¦ aÉb¦ ǅx¦:foo¦ ¦1¦2¦3¦4¦5¦6¦7¦ x¦1¦2¦²¦ 漢字かな한국ไทย¦ e¦\u0301。¦Ж¦1¦,\n\n¦  \t¦ ok¦/\n¦'ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'seed-coder',
      "It¦'s¦ HTTPServer¦'s¦ aÉb¦ ǅx¦:foo¦ ¦1¦2¦3¦4¦5¦6¦7¦ x¦1¦2¦²¦ 漢字かな한국ไทย¦ e¦\u0301。¦Ж¦1¦,¦\n\n¦  \t¦ ok¦/¦\n¦'ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'exaone-moe',
      "It¦'s¦ HTTPServer¦'s¦ aÉb ǅx¦:foo¦ ¦1¦2¦3¦4¦5¦6¦7¦ x¦1¦2¦²¦ 漢字かな한국ไทย e\u0301¦。Ж¦1¦,\n¦\n¦  \t¦ ok¦/\n¦'ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'jais-2',
      "It¦'s¦ HTTPServer¦'s¦ aÉb¦ ǅx¦:foo¦ ¦123¦456¦7¦ x¦12²¦ 漢字かな한국ไทย¦ e¦\u0301。¦Ж¦1¦,\n\n¦  ¦\t¦ ok¦/\n¦'ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'laguna',
      "It¦'s¦ HTTPServer¦'s¦ aÉb¦ ǅx¦:foo¦ ¦1¦2¦3¦4¦5¦6¦7¦ x¦1¦2¦²¦ 漢字かな한국ไทย¦ e¦\u0301。¦Ж¦1¦,¦\n\n¦  \t¦ ok¦/¦\n¦'ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'ufakzeka',
      "It¦'s¦ HTTPServer¦'s¦ aÉb¦ ǅx¦:foo¦ ¦1¦2¦3¦4¦5¦6¦7¦ x¦1¦2¦²¦ 漢字かな한국ไทย¦ e¦\u0301。¦Ж¦1¦,\n\n¦  \t¦ ok¦/\n¦'ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'superbpe',
      "It's HTTPServer's aÉb ǅx:foo ¦1¦234¦567¦ x¦12²¦ 漢字かな한국ไทย e\u0301。Ж¦1¦,\n\n  \t ok/\n'ſ …(a|b) ",
    ],
    [
      'afmoe',
      "It¦'s¦ HTTPServer¦'s¦ aÉb¦ ǅx¦:foo¦ ¦1¦234¦567¦ x¦12²¦ ¦漢字かな한국ไ¦ทย¦ e\u0301¦。¦Ж¦1¦,\n\n¦  \t¦ ok¦/\n¦'¦ſ¦ …(¦a¦|b¦)¦ ",
    ],
    [
      'poro-chat',
      "It's¦ HTTPServer's¦ aÉb¦ ǅx:foo¦ 1234567¦ x12²¦ 漢字かな한국ไทย¦ e\u0301¦。¦Ж1¦,\n\n  \t¦ ok/¦\n¦'ſ¦ …(¦a¦|¦b¦) ",
    ],
    [
      'viking',
      "It's¦ HTTPServer's¦ aÉb¦ ǅx:foo¦ ¦1¦2¦3¦4¦5¦6¦7¦ x¦1¦2¦²¦ 漢字かな한국ไทย¦ e\u0301¦。¦Ж¦1¦,\n\n  \t¦ ok/¦\n¦'ſ¦ …(¦a¦|¦b¦) ",
    ],
    [
      'chameleon',
      "It¦'¦s¦ HTTPServer¦'¦s¦ aÉb¦ ǅx¦:¦foo¦ ¦1¦2¦3¦4¦5¦6¦7¦ x¦1¦2¦²¦ 漢字かな한국ไทย¦ e¦\u0301¦。¦Ж¦1¦,¦\n¦\n¦  ¦\t¦ ok¦/¦\n¦'¦ſ¦ ¦…¦(¦a¦|¦b¦)¦ ",
    ],
    [
      'falcon',
      "It¦'¦s¦ HTTPServer¦'¦s¦ aÉb¦ ǅx¦:¦foo¦ ¦123¦456¦7¦ x¦12²¦ 漢字かな한국ไทย¦ e¦\u0301¦。¦Ж¦1¦,¦\n\n  \t¦ ok¦/¦\n¦'¦ſ¦ ¦…(¦a¦|¦b¦)¦ ",
    ],
    [
      'default',
      "It¦'¦s¦ HTTPServer¦'¦s¦ aÉb¦ ǅx¦:¦foo¦ ¦123¦456¦7¦ x¦12²¦ 漢字かな한국ไทย¦ e¦\u0301¦。¦Ж¦1¦,¦\n\n  \t¦ ok¦/¦\n¦'¦ſ¦ ¦…(¦a¦|¦b¦)¦ ",
    ],
  ])('of many scripts by %s', (name, expected) => {
    const text =
      "It's HTTPServer's aÉb ǅx:foo 1234567 x12² 漢字かな한국ไทย e\u0301。Ж1,\n\n  \t ok/\n'ſ …(a|b) ";
    expect(words(name, text).join('¦')).toBe(expected);
  });

  it('counts groups of three digits from the right, for those that want it', () => {
    const numbers = '1234 12 ٣٣٣٣ 𝟘𝟘𝟘𝟘 1234x 1234567';
    const groups = '¦1¦234¦ ¦12¦ ¦٣¦٣٣٣¦ ¦𝟘¦𝟘𝟘𝟘¦ ¦';
    expect(words('afmoe', ` ${numbers}`).join('¦')).toBe(` ${groups}1¦234¦x¦ ¦1¦234¦567`);
    expect(words('tiny_aya', ` ${numbers}`).join('¦')).toBe(` ${groups}123¦4¦x¦ ¦1¦234¦567`);
    expect(words('superbpe', numbers).join('¦')).toBe(`${groups.slice(1)}1¦234¦x ¦1¦234¦567`);
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

  it('knows each name of llama.cpp for a byte-level vocabulary', () => {
    expect(preTokenizers.size).toBe(87);
    expect(preTokenizers.get('hunyuan-dense')).toBe(preTokenizers.get('deepseek-v3'));
    expect(preTokenizers.get('bloom')).toBe(preTokenizers.get('poro-chat'));
    expect(preTokenizers.get('llama4')).toBe(preTokenizers.get('gpt-4o'));
    expect(preTokenizers.get('minicpm5')).toMatchObject({ ignoreMerges: true, addBos: false });
    expect(preTokenizers.get('tekken')).toMatchObject({ ignoreMerges: true, addBos: true });
    expect(preTokenizers.get('chameleon')).toMatchObject({ ignoreMerges: false, addBos: true });
  });

  it('knows none that the documentation does not list', async () => {
    const page = await readFile('docs/models.md', 'utf8');
    const [, list = ''] = /names are\nllama\.cpp's:\n(.*?)\n\n\S*Encoding/s.exec(page) ?? [];
    const listed = [...list.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
    expect(new Set(listed)).toEqual(new Set(preTokenizers.keys()));
  });

  it('knows Falcon-E by the name that only the converters of the Microsoft fork write', () => {
    expect(preTokenizers.get('falcon_e')).toBe(preTokenizers.get('llama-bpe'));
    expect(preTokenizers.get('falcon3')).toBe(preTokenizers.get('llama-bpe'));
  });
});

describe('A pre-tokenizer name', () => {
  it('that is not known is an error that says where the known ones are listed', async () => {
    const file = bpeFile({ merges: [], entries: { pre: 'unheard-of' } });
    await expect(createTokenizer(file)).rejects.toMatchObject({
      code: 'ERR_BITNET_TOKENIZER',
      message:
        'Expected the pre-tokenizer of "vocabulary.gguf" to be a known one, but found "unheard-of"; choose the one that splits alike (docs/models.md lists them; option preTokenizer).',
    });
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
      /to be a known one, such as gpt-2, but found "gpt2"; choose/,
    );
  });
});
