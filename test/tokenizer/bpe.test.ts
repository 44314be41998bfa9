import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../lib/tokenizer/index.js';
import { random } from '../fixtures/random.js';
import { bpeFile, byteLetters, control, normal, numbers, userDefined } from './vocabularies.js';

const merges = ['h e', 'l l', 'he ll', 'Ġ w', 'o r', 'Ġw or', 'a a', 'Ġ Ġ'];
const idOf = (letter: string) => letter.codePointAt(0)!; // of a letter or digit: the bytes come first
const result = (merge: string) => 256 + merges.indexOf(merge);
const he = result('h e');
const hell = result('he ll');
const Ġwor = result('Ġw or');
const aa = result('a a');

describe('A byte-level BPE tokenizer', () => {
  it('merges the pair of lowest rank first', async () => {
    const tokenizer = await createTokenizer(bpeFile({ merges }));
    expect(tokenizer.encode('hello world')).toEqual([hell, idOf('o'), Ġwor, idOf('l'), idOf('d')]);
    expect(tokenizer.encode('heo')).toEqual([he, idOf('o')]);
  });

  it('merges the leftmost of equal pairs first', async () => {
    const tokenizer = await createTokenizer(bpeFile({ merges }));
    expect(tokenizer.encode('aaa')).toEqual([aa, idOf('a')]);
    expect(tokenizer.encode('aaaaa')).toEqual([aa, aa, idOf('a')]);
  });

  it('writes what it has no merge for as bytes', async () => {
    const tokenizer = await createTokenizer(bpeFile({ merges }));
    expect(tokenizer.encode('é\u0000😀')).toEqual([0xc3, 0xa9, 0, 0xf0, 0x9f, 0x98, 0x80]);
  });

  it('gives no ids for an empty text', async () => {
    const tokenizer = await createTokenizer(bpeFile({ merges }));
    expect(tokenizer.encode('')).toEqual([]);
    expect(tokenizer.decode([])).toBe('');
  });

  it('reads a lone surrogate as U+FFFD', async () => {
    const tokenizer = await createTokenizer(bpeFile({ merges }));
    expect(tokenizer.decode(tokenizer.encode('a\ud800b'))).toBe('a\ufffdb');
  });

  it('takes a whole word that is a token, whatever the merges say, where the model wants that', async () => {
    const parts = { merges, extra: [['xyz', normal]] as const };
    const word = [256 + merges.length];
    expect((await createTokenizer(bpeFile(parts))).encode('xyz')).toEqual([...'xyz'].map(idOf));
    const llama = bpeFile({ ...parts, entries: { pre: 'llama-bpe' } });
    expect((await createTokenizer(llama)).encode('xyz')).toEqual(word);
    expect((await createTokenizer(llama)).encode('xyzz')).toEqual([...'xyzz'].map(idOf));
  });

  it('merges through texts that are no tokens, and writes those that remain as bytes', async () => {
    const tokens = [...byteLetters, 'abc'];
    const file = bpeFile({ merges: ['a b', 'ab c'], entries: { tokens, token_type: undefined } });
    const tokenizer = await createTokenizer(file);
    expect(tokenizer.encode('abc')).toEqual([256]);
    expect(tokenizer.encode('abd')).toEqual([...'abd'].map(idOf));
  });

  it('takes the first of two tokens with the same text, and the first of two merges of a pair', async () => {
    const tokens = [...byteLetters, 'ab', 'ab', 'abc'];
    const file = bpeFile({
      merges: ['a b', 'ab c', 'a b'],
      entries: { tokens, token_type: undefined },
    });
    const tokenizer = await createTokenizer(file);
    expect(tokenizer.encode('ab')).toEqual([256]);
    expect(tokenizer.encode('abc')).toEqual([258]);
  });

  it('agrees with a naive encoder on random vocabularies and texts', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const next = random(seed);
      const pieces = [...'abcd'];
      const list = new Set<string>();
      for (let i = 0; i < 24; i++) {
        const left = pieces[Math.floor(next() * pieces.length)]!;
        const right = pieces[Math.floor(next() * pieces.length)]!;
        list.add(`${left} ${right}`);
        pieces.push(left + right);
      }
      const file = bpeFile({ merges: [...list] });
      const tokenizer = await createTokenizer(file);
      // Short words and long ones are merged in different ways.
      const length = 1 + Math.floor(next() * (seed % 2 === 0 ? 20 : 200));
      const text = Array.from({ length }, () => 'abcd'[Math.floor(next() * 4)]).join('');
      const texts = tokenizer.encode(text).map((id) => tokenizer.tokenText(id));
      expect(texts, `seed ${seed}`).toEqual(naiveBpe(text, [...list]));
    }
  });
});

/** Looks at every pair of every word again after every merge. */
function naiveBpe(word: string, merges: readonly string[]): string[] {
  const symbols = [...word];
  for (;;) {
    let best = -1;
    let at = -1;
    for (let i = 0; i + 1 < symbols.length; i++) {
      const rank = merges.indexOf(`${symbols[i]} ${symbols[i + 1]}`);
      if (rank >= 0 && (best < 0 || rank < best)) [best, at] = [rank, i];
    }
    if (at < 0) return symbols;
    symbols.splice(at, 2, symbols[at]! + symbols[at + 1]!);
  }
}

describe('A vocabulary without a token for some bytes', () => {
  const tokens = byteLetters.filter((letter) => letter !== 'q');

  it('leaves these bytes out when it has no unknown token', async () => {
    const file = bpeFile({ merges: [], entries: { tokens, token_type: undefined } });
    const tokenizer = await createTokenizer(file);
    expect(tokenizer.decode(tokenizer.encode('aqua'))).toBe('aua');
  });

  it('writes the unknown token for each when it has one', async () => {
    const entries = {
      tokens: [...tokens, '<unk>'],
      token_type: undefined,
      unknown_token_id: tokens.length,
    };
    const tokenizer = await createTokenizer(bpeFile({ merges: [], entries }));
    const ids = tokenizer.encode('qua');
    expect(ids).toHaveLength(3);
    expect(ids[0]).toBe(tokens.length);
  });

  it('still merges through these bytes', async () => {
    const entries = { tokens: [...tokens, 'qu'], token_type: undefined };
    const tokenizer = await createTokenizer(bpeFile({ merges: ['q u'], entries }));
    expect(tokenizer.encode('qu')).toEqual([tokens.length]);
  });
});

describe('Decoding byte-level tokens', () => {
  it('gives back every byte sequence that is UTF-8', async () => {
    const tokenizer = await createTokenizer(bpeFile({ merges }));
    const text = '  Hellé, wörld!\r\n\t\u0000 漢字 😀 \u{10ffff}\ufeff\u00ad';
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it('writes U+FFFD for bytes that are not UTF-8, and joins bytes of several tokens', async () => {
    const tokenizer = await createTokenizer(bpeFile({ merges }));
    expect(tokenizer.decode([0xe6, 0xbc, 0xa2])).toBe('漢');
    expect(tokenizer.decode([0xe6, 0xbc])).toBe('\ufffd');
    expect(tokenizer.decode([0xff, idOf('a'), 0x80])).toBe('\ufffda\ufffd');
  });

  it('reads user-defined and control texts as they are, not through the alphabet of bytes', async () => {
    const extra = [
      ['Ġ  ', userDefined],
      ['<|Ġ|>', control],
      ['a b', normal],
    ] as const;
    const tokenizer = await createTokenizer(bpeFile({ merges: [], extra }));
    expect(tokenizer.decode([256, 257, 258])).toBe('Ġ  a b');
    expect(tokenizer.decode([256, 257, 258], { special: true })).toBe('Ġ  <|Ġ|>a b');
    expect([...tokenizer.tokenBytes(257)]).toEqual([]);
    expect(tokenizer.tokenText(257)).toBe('<|Ġ|>');
  });

  it('gives out bytes that the caller may change', async () => {
    const tokenizer = await createTokenizer(bpeFile({ merges }));
    tokenizer.tokenBytes(hell).fill(0);
    expect(Buffer.from(tokenizer.tokenBytes(hell)).toString()).toBe('hell');
    expect(tokenizer.encode('hell')).toEqual([hell]);
  });

  it.each([-1, 1.5, 264, Number.NaN, '1', undefined])('refuses the id %s', async (id) => {
    const tokenizer = await createTokenizer(bpeFile({ merges }));
    const found = typeof id === 'number' ? String(id) : `a value of type ${typeof id}`;
    const message = `Expected a token id from 0 to 263, but received ${found}.`;
    const error = { code: 'ERR_BITNET_ARGUMENT', message };
    expect(() => tokenizer.decode([id as number])).toThrow(expect.objectContaining(error));
    expect(() => tokenizer.tokenBytes(id as number)).toThrow(message);
    expect(() => tokenizer.tokenText(id as number)).toThrow(message);
  });

  it('refuses what is no list of ids', async () => {
    const tokenizer = await createTokenizer(bpeFile({ merges }));
    expect(() => tokenizer.decode(undefined as never)).toThrow(
      'Expected the token ids as an array, but received a value of type undefined.',
    );
  });
});

describe('Begin and end tokens', () => {
  const extra = [
    ['<s>', control],
    ['</s>', control],
  ] as const;
  const ids = { bos_token_id: 256, eos_token_id: 257 };

  it('are added when asked for and wanted by the model', async () => {
    const entries = { ...ids, add_bos_token: true, add_eos_token: true };
    const tokenizer = await createTokenizer(bpeFile({ merges: [], extra, entries }));
    expect(tokenizer).toMatchObject({ bos: 256, eos: 257, addBos: true, addEos: true });
    expect(tokenizer.encode('a')).toEqual([97]);
    expect(tokenizer.encode('a', { addSpecial: true })).toEqual([256, 97, 257]);
    expect(tokenizer.encode('', { addSpecial: true })).toEqual([256, 257]);
  });

  it('are not added twice', async () => {
    const entries = { ...ids, add_bos_token: true, add_eos_token: true };
    const tokenizer = await createTokenizer(bpeFile({ merges: [], extra, entries }));
    const options = { addSpecial: true, parseSpecial: true };
    expect(tokenizer.encode('<s>a</s>', options)).toEqual([256, 97, 257]);
  });

  it('are not added unless the file, or its pre-tokenizer, says so', async () => {
    const plain = await createTokenizer(bpeFile({ merges: [], extra, entries: ids }));
    expect(plain).toMatchObject({ addBos: false, addEos: false });
    const entries = { ...ids, pre: 'llama-bpe' };
    const llama = await createTokenizer(bpeFile({ merges: [], extra, entries }));
    expect(llama).toMatchObject({ addBos: true, addEos: false });
    const without = await createTokenizer(
      bpeFile({ merges: [], extra, entries: { ...entries, add_bos_token: false } }),
    );
    expect(without.encode('a', { addSpecial: true })).toEqual([97]);
  });

  it('do not exist in a vocabulary that names none', async () => {
    const entries = { add_bos_token: true, token_type: numbers(Array(256).fill(normal)) };
    const tokenizer = await createTokenizer(bpeFile({ merges: [], entries }));
    expect(tokenizer.bos).toBeUndefined();
    expect(tokenizer.addBos).toBe(false);
    expect(tokenizer.encode('a', { addSpecial: true })).toEqual([97]);
    expect(tokenizer.endOfGeneration.size).toBe(0);
  });
});
