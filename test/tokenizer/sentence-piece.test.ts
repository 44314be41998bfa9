import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../lib/tokenizer/index.js';
import { random } from '../fixtures/random.js';
import { spmFile, userDefined } from './vocabularies.js';

const pieces = [
  ['▁', -10],
  ['h', -11],
  ['i', -12],
  ['▁h', -3],
  ['hi', -2],
  ['▁hi', -1],
  ['aa', -5],
  ['a', -6],
] as const;
const first = 3 + 256;
const id = (piece: string) => first + pieces.findIndex(([text]) => text === piece);
const byte = (value: number) => 3 + value;

describe('A SentencePiece tokenizer', () => {
  it('puts a space before a text and merges the pair of highest score first', async () => {
    const tokenizer = await createTokenizer(spmFile({ pieces }));
    expect(tokenizer.encode('hi')).toEqual([id('▁hi')]);
    expect(tokenizer.encode('hi hi')).toEqual([id('▁hi'), id('▁hi')]);
    expect(tokenizer.encode(' hi')).toEqual([id('▁'), id('▁hi')]);
    expect(tokenizer.encode('h')).toEqual([id('▁h')]);
  });

  it('merges the leftmost of equal pairs first', async () => {
    const tokenizer = await createTokenizer(spmFile({ pieces }));
    expect(tokenizer.encode('aaa')).toEqual([id('▁'), id('aa'), id('a')]);
  });

  it('gives no ids for an empty text', async () => {
    const tokenizer = await createTokenizer(spmFile({ pieces }));
    expect(tokenizer.encode('')).toEqual([]);
    expect(tokenizer.encode('', { addSpecial: true })).toEqual([1]);
  });

  it('puts no space before a text where the file says so', async () => {
    const entries = { add_space_prefix: false };
    const tokenizer = await createTokenizer(spmFile({ pieces, entries }));
    expect(tokenizer.encode('hi')).toEqual([id('hi')]);
    expect(tokenizer.decode([id('▁hi')])).toBe(' hi');
  });

  it('puts a space before each text that follows a special token', async () => {
    const tokenizer = await createTokenizer(spmFile({ pieces }));
    expect(tokenizer.encode('hi</s>hi', { parseSpecial: true })).toEqual([id('▁hi'), 2, id('▁hi')]);
  });

  it('writes a character that is no token as bytes', async () => {
    const tokenizer = await createTokenizer(spmFile({ pieces }));
    expect(tokenizer.encode('é😀')).toEqual([
      id('▁'),
      ...[0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80].map(byte),
    ]);
    expect(tokenizer.decode(tokenizer.encode('é😀'))).toBe('é😀');
  });

  it('writes the unknown token for each byte when it has no byte tokens', async () => {
    const tokenizer = await createTokenizer(spmFile({ pieces, bytes: false }));
    expect(tokenizer.encode('é')).toEqual([3, 0, 0]);
    expect(tokenizer.decode([3, 0, 0])).toBe('');
  });

  it('reads the texts of control, unknown and byte tokens as ordinary text', async () => {
    const paths = ['<s', '<unk', '<0x41', '</s'].map((piece) => [piece, -1] as const);
    const letters = [...'<s>unk0x41/'].map((letter) => [letter, -20] as const);
    const all = [...pieces, ...letters, ...paths];
    const tokenizer = await createTokenizer(spmFile({ pieces: all }));
    for (const text of ['<s>', '<unk>', '<0x41>', '</s>']) {
      const ids = tokenizer.encode(text);
      expect(tokenizer.decode(ids)).toBe(text);
      expect(
        ids.every((token) => token >= first),
        text,
      ).toBe(true);
    }
  });

  it('wants a begin token and no end token unless the file says otherwise', async () => {
    const tokenizer = await createTokenizer(spmFile({ pieces }));
    expect(tokenizer).toMatchObject({ bos: 1, eos: 2, addBos: true, addEos: false });
    const entries = { add_bos_token: false, add_eos_token: true };
    const other = await createTokenizer(spmFile({ pieces, entries }));
    expect(other.encode('hi', { addSpecial: true })).toEqual([id('▁hi'), 2]);
  });

  it('takes the space away again that it put before a text, and no other', async () => {
    const tokenizer = await createTokenizer(spmFile({ pieces }));
    for (const text of ['hi', ' hi', '  hi hi ', '', ' ', '\n', 'é']) {
      expect(tokenizer.decode(tokenizer.encode(text, { addSpecial: true }))).toBe(text);
    }
    expect(tokenizer.decode([1, id('▁hi')], { special: true })).toBe('<s> hi');
    expect(tokenizer.decode([byte(0x20), id('▁hi')])).toBe(' hi');
  });

  it('finds user-defined tokens before anything is merged', async () => {
    const all = [...pieces, ['hih', 0, userDefined] as const];
    const tokenizer = await createTokenizer(spmFile({ pieces: all }));
    expect(tokenizer.encode('hihi')).toEqual([first + pieces.length, id('▁'), id('i')]);
  });

  it('agrees with a naive encoder on random vocabularies and texts', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const next = random(seed);
      const scores = new Map<string, number>([...'abc'].map((letter) => [letter, -100]));
      const letters = () =>
        Array.from({ length: 2 + Math.floor(next() * 4) }, () => 'abc'[Math.floor(next() * 3)]);
      for (let i = 0; i < 60; i++) scores.set(letters().join(''), -Math.floor(next() * 20));
      const entries = { add_space_prefix: false };
      const tokenizer = await createTokenizer(spmFile({ pieces: [...scores], entries }));
      const length = 1 + Math.floor(next() * (seed % 2 === 0 ? 20 : 150));
      const text = Array.from({ length }, () => 'abc'[Math.floor(next() * 3)]).join('');
      const texts = tokenizer.encode(text).map((token) => tokenizer.tokenText(token));
      expect(texts, `seed ${seed}`).toEqual(naiveSpm(text, scores));
    }
  });
});

/** Looks at every pair again after every merge. */
function naiveSpm(text: string, scores: ReadonlyMap<string, number>): string[] {
  const symbols = [...text];
  for (;;) {
    let best = -Infinity;
    let at = -1;
    for (let i = 0; i + 1 < symbols.length; i++) {
      const score = scores.get(symbols[i]! + symbols[i + 1]!) ?? -Infinity;
      if (score > best) [best, at] = [score, i];
    }
    if (at < 0) return symbols;
    symbols.splice(at, 2, symbols[at]! + symbols[at + 1]!);
  }
}
