import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../lib/tokenizer/index.js';
import { preTokenizers } from '../../lib/tokenizer/pre-tokenizers.js';
import { bpeFile, control, spmFile, userDefined } from './vocabularies.js';

/** Every kind of thing that a text may lose on the way: at its beginning, its end and inside. */
const texts = [
  'a final newline\n',
  '\n\n\nnewlines first',
  'carriage\r\nreturns\r\n',
  '\ufeffa byte order mark, and one \ufeff inside',
  'NUL \0 and \0\0',
  '  spaces before and after  ',
  '\t\v\f\u0085\u00a0\u2028\u2029\u3000 all white space \u200b\u00ad',
  '漢字かなカナ한국어ไทย ελληνικά עברית e\u0301 ﬁ 👩‍👩‍👧‍👦🇩🇪👍🏽',
  '<|special|> <|specia <s>',
  "1234567.89 ²³ Ⅷ I'll DON'T \u{10ffff}\u{1d7d8}",
  '',
];
const merges = ['Ġ Ġ', 'a t', 'Ġ a', 'Ċ Ċ', 'e r', 'ã ģ', '1 2'];
const extra = [
  ['<|special|>', control],
  ['  ', userDefined],
  ['<s>', control],
] as const;

describe('What is encoded is decoded to the same text', () => {
  it.each([...preTokenizers.keys()])('by %s', async (pre) => {
    const tokenizer = await createTokenizer(bpeFile({ merges, extra, entries: { pre } }));
    for (const text of texts) {
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      const ids = tokenizer.encode(text, { parseSpecial: true });
      expect(tokenizer.decode(ids, { special: true })).toBe(text);
    }
  });

  it('by SentencePiece, with and without a space before it', async () => {
    for (const add_space_prefix of [true, false]) {
      const pieces = [
        ['▁', -1],
        ['▁a', -2],
        ['▁▁', -3],
        ['er', -4],
      ] as const;
      const tokenizer = await createTokenizer(spmFile({ pieces, entries: { add_space_prefix } }));
      for (const text of texts) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }
  });

  it('but for lone surrogates, which are no text: each becomes U+FFFD', async () => {
    const tokenizer = await createTokenizer(bpeFile({ merges }));
    const text = '\udc00a\ud800\ud800b😀\ud83d';
    expect(tokenizer.decode(tokenizer.encode(text))).toBe('\ufffda\ufffd\ufffdb😀\ufffd');
  });

  it('but for the sign ▁, with which SentencePiece writes spaces', async () => {
    const tokenizer = await createTokenizer(spmFile({ pieces: [['▁', -1]] }));
    expect(tokenizer.decode(tokenizer.encode('a▁b'))).toBe('a b');
  });
});
