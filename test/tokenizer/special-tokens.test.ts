import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../lib/tokenizer/index.js';
import { bpeFile, control, unknown, userDefined } from './vocabularies.js';

const extra = [
  ['<|a|>', control],
  ['<|a|><|b|>', control],
  ['<unk>', unknown],
  ['  ', userDefined],
  ['    ', userDefined],
  ['é😀', userDefined],
] as const;
const [a, ab, unk, two, four, emoji] = [256, 257, 258, 259, 260, 261];
const parse = { parseSpecial: true };
const letter = (text: string) => text.codePointAt(0)!;

const create = () => createTokenizer(bpeFile({ merges: [], extra }));

describe('Special tokens in a text', () => {
  it('are found longest first when asked for', async () => {
    const tokenizer = await create();
    expect(tokenizer.encode('x<|a|>y', parse)).toEqual([letter('x'), a, letter('y')]);
    expect(tokenizer.encode('<|a|><|b|><|a|>', parse)).toEqual([ab, a]);
    expect(tokenizer.encode('<unk>', parse)).toEqual([unk]);
  });

  it('are ordinary text when not asked for', async () => {
    const tokenizer = await create();
    expect(tokenizer.encode('<|a|>')).toEqual([...'<|a|>'].map(letter));
    expect(tokenizer.encode('<unk>', { parseSpecial: false })).toEqual([...'<unk>'].map(letter));
  });

  it('are found in any case when they are user-defined', async () => {
    const tokenizer = await create();
    expect(tokenizer.encode('       x')).toEqual([four, two, letter(' '), letter('x')]);
    expect(tokenizer.encode('éé😀')).toEqual([0xc3, 0xa9, emoji]);
    expect(tokenizer.encode('  <|a|>  ', parse)).toEqual([two, a, two]);
  });

  it('are ordinary text when they are incomplete', async () => {
    const tokenizer = await create();
    for (const text of ['<|a|', '<', '|a|>', '<|a|<|a|', '<<|']) {
      expect(tokenizer.decode(tokenizer.encode(text, parse))).toBe(text);
    }
    expect(tokenizer.encode('<|a<|a|>', parse)).toEqual([...[...'<|a'].map(letter), a]);
  });

  it('are written by decode only when asked for', async () => {
    const tokenizer = await create();
    const ids = tokenizer.encode('x<|a|>  y<unk>', parse);
    expect(tokenizer.decode(ids)).toBe('x  y');
    expect(tokenizer.decode(ids, { special: true })).toBe('x<|a|>  y<unk>');
  });

  it('cut a text into control tokens and what is between', async () => {
    const tokenizer = await create();
    expect(tokenizer.splitControl('x  y<|a|><|a|>    z<unk>')).toEqual([
      'x  y',
      a,
      a,
      '    z',
      unk,
    ]);
    expect(tokenizer.splitControl('')).toEqual([]);
    expect([...tokenizer.controlTokens]).toEqual([
      ['<|a|>', a],
      ['<|a|><|b|>', ab],
      ['<unk>', unk],
    ]);
  });

  it('whose text is not UTF-8 are never found, and do not disturb the others', async () => {
    const tokens = [...Array.from({ length: 256 }, (_, b) => Buffer.of(b)), Buffer.of(0xff, 0x3e)];
    const kinds = [['x', control]] as const;
    const file = bpeFile({ merges: [], extra: kinds, entries: { tokens } });
    const tokenizer = await createTokenizer(file);
    expect(tokenizer.controlTokens.size).toBe(0);
    expect(tokenizer.decode([256], { special: true })).toBe('\ufffd>');
  });
});

describe('A text to encode', () => {
  it.each([undefined, null, 1, ['a']])('must be a string, not %j', async (text) => {
    const tokenizer = await create();
    const message = `Expected the text to encode as a string, but received ${typeof text === 'number' ? text : `a value of type ${typeof text}`}.`;
    expect(() => tokenizer.encode(text as never)).toThrow(
      expect.objectContaining({ code: 'ERR_BITNET_ARGUMENT', message }),
    );
  });

  it('must not be absurdly long', async () => {
    const tokenizer = await create();
    expect(() => tokenizer.encode('x'.repeat(2_097_153))).toThrow(
      expect.objectContaining({
        code: 'ERR_BITNET_ARGUMENT',
        message:
          'Expected a text of at most 2097152 characters to encode, but received 2097153; encode it in parts.',
      }),
    );
  });
});
