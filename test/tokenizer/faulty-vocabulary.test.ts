import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../lib/tokenizer/index.js';
import type { VocabularyFile } from '../../lib/tokenizer/metadata.js';
import {
  bpeFile,
  byteKind,
  byteLetters,
  control,
  floats,
  numbers,
  spmFile,
} from './vocabularies.js';

const damaged = 'the vocabulary is damaged, download or convert the model again';

/** The whole sentence about a field of the file. */
const sentence = (field: string, expected: string, found: string, advice = damaged) =>
  `Expected ${field} of "vocabulary.gguf" to be ${expected}, but found ${found}; ${advice}.`;

const key = (name: string) => `metadata "tokenizer.ggml.${name}"`;
const bpe = (entries: Parameters<typeof bpeFile>[0]['entries']) =>
  bpeFile({ merges: ['a b'], ...(entries && { entries }) });
const spm = (entries: Parameters<typeof spmFile>[0]['entries']) =>
  spmFile({ pieces: [['a', -1]], ...(entries && { entries }) });

const unsupported = 'other kinds of vocabulary are not supported';
const kinds = '"gpt2" (byte-level BPE) or "llama" (SentencePiece)';
const pair = 'two texts with a space between, of up to 4096 bytes';

const cases: [title: string, file: VocabularyFile, message: string][] = [
  [
    'no kind',
    bpe({ model: undefined }),
    sentence(key('model'), kinds, 'no such entry', unsupported),
  ],
  [
    'a WordPiece vocabulary',
    bpe({ model: 'bert' }),
    sentence(key('model'), kinds, '"bert" (WordPiece)', unsupported),
  ],
  [
    'a Unigram vocabulary',
    bpe({ model: 't5' }),
    sentence(key('model'), kinds, '"t5" (Unigram)', unsupported),
  ],
  [
    'an RWKV vocabulary',
    bpe({ model: 'rwkv' }),
    sentence(key('model'), kinds, '"rwkv" (RWKV)', unsupported),
  ],
  [
    'a PLaMo vocabulary',
    bpe({ model: 'plamo2' }),
    sentence(key('model'), kinds, '"plamo2" (PLaMo 2)', unsupported),
  ],
  ['another kind', bpe({ model: 'magic' }), sentence(key('model'), kinds, '"magic"', unsupported)],
  ['a kind that is no text', bpe({ model: 3 }), sentence(key('model'), 'a string', '3')],
  ['no tokens', bpe({ tokens: undefined }), sentence(key('tokens'), 'a list of tokens', 'none')],
  [
    'an empty list of tokens',
    bpe({ tokens: [] }),
    sentence(key('tokens'), 'a list of tokens', 'none'),
  ],
  [
    'tokens that are numbers',
    bpe({ tokens: numbers([1, 2]) }),
    sentence(key('tokens'), 'at most 1048576 strings', 'an array of 2 i32 values'),
  ],
  [
    'fewer types than tokens',
    bpe({ token_type: numbers([1, 1]) }),
    sentence(key('token_type'), '257 numbers, one per token', 'an array of 2 i32 values'),
  ],
  [
    'types that are texts',
    bpe({ token_type: ['a'] }),
    sentence(key('token_type'), '257 numbers, one per token', 'an array of 1 strings'),
  ],
  [
    'a type that does not exist',
    bpe({ token_type: numbers(byteLetters.map(() => 1).concat(7)) }),
    sentence('the type of token 256', 'from 0 to 6', '7'),
  ],
  [
    'a type that is no integer',
    bpe({ token_type: floats(byteLetters.map(() => 1).concat(Number.NaN)) }),
    sentence('the type of token 256', 'from 0 to 6', 'NaN'),
  ],
  [
    'a token of 4097 bytes',
    bpe({ tokens: ['x'.repeat(4097)], token_type: undefined }),
    sentence('token 0', 'at most 4096 bytes long', '4097 bytes'),
  ],
  [
    'no merges',
    bpe({ merges: undefined }),
    sentence(key('merges'), 'a list of merges', 'no such entry'),
  ],
  ['a merge without a space', bpe({ merges: ['a b', 'ab'] }), sentence('merge 1', pair, '"ab"')],
  ['a merge without a right part', bpe({ merges: ['a '] }), sentence('merge 0', pair, '"a "')],
  ['an empty merge', bpe({ merges: [''] }), sentence('merge 0', pair, '""')],
  [
    'fewer scores than tokens',
    spm({ scores: floats([0]) }),
    sentence(key('scores'), '260 numbers, one per token', 'an array of 1 f32 values'),
  ],
  [
    'a score that is not a number',
    spm({ scores: floats(Array.from({ length: 260 }, (_, i) => (i === 9 ? Number.NaN : 0))) }),
    sentence('the score of token 9', 'a number', 'NaN'),
  ],
  [
    'a byte token that names no byte',
    spmFile({ pieces: [['<0xGG>', 0, byteKind]] }),
    sentence('byte token 259', 'of the form "<0x0A>"', '"<0xGG>"'),
  ],
  [
    'control tokens of 266,240 characters together',
    bpeFile({ merges: [], extra: Array.from({ length: 65 }, () => ['x'.repeat(4096), control]) }),
    sentence(
      'the control and user-defined tokens',
      'up to 262144 characters together',
      '266240 at token 320',
    ),
  ],
];

describe('createTokenizer refuses a file with', () => {
  it.each(cases)('%s', async (_title, file, message) => {
    await expect(createTokenizer(file)).rejects.toMatchObject({
      code: 'ERR_BITNET_TOKENIZER',
      message,
      path: 'vocabulary.gguf',
    });
  });

  it('a pre-tokenizer asked for where there is none', async () => {
    await expect(createTokenizer(spm({}), { preTokenizer: 'gpt-2' })).rejects.toThrow(
      sentence(
        'the pre-tokenizer',
        'none (the vocabulary is SentencePiece)',
        '"gpt-2"',
        'leave out the option preTokenizer',
      ),
    );
  });
});

/** The tokenizer of a file with a byte-level or a SentencePiece vocabulary, and what was decided about a key. */
async function decided(file: VocabularyFile, subject: string) {
  const tokenizer = await createTokenizer(file);
  return { tokenizer, decision: tokenizer.decisions.find((one) => one.subject === subject) };
}

describe('a special id that no token has', () => {
  const keys = ['bos_token_id', 'eos_token_id', 'eot_token_id', 'eom_token_id'];
  const extra = Array.from({ length: 3 }, (_, i) => [`<t${i}>`, control] as const);
  const file = (entries: NonNullable<Parameters<typeof bpe>[0]>) =>
    bpeFile({ merges: [], extra, entries });

  it.each(keys)('means that there is none: %s', async (name) => {
    for (const value of [-1, 2 ** 32 - 1, 259, 2 ** 31, 1.5, '1', true, numbers([1])]) {
      const { tokenizer, decision } = await decided(file({ [name]: value }), name);
      expect(decision?.choice).toBe('none');
      const quiet = value === -1 || value === 2 ** 32 - 1; // how converters write "none"
      expect(decision?.warning).toBe(quiet ? undefined : true);
      expect([tokenizer.bos, tokenizer.eos, tokenizer.endOfGeneration.size]).toEqual([
        ...[undefined, undefined, 0],
      ]);
      expect(tokenizer.encode('a', { addSpecial: true })).toEqual([97]);
    }
  });

  it('is noted without a warning where nothing uses the token', async () => {
    const names = ['padding', 'seperator', 'cls', 'mask', 'fim_pre', 'fim_sep'];
    for (const name of names.map((role) => `${role}_token_id`)) {
      const { decision } = await decided(file({ [name]: 99_999 }), name);
      expect(decision).toMatchObject({ choice: 'none' });
      expect(decision?.warning).toBeUndefined();
      expect((await decided(file({ [name]: 256 }), name)).decision).toBeUndefined();
    }
  });

  it('adds no begin token even where the file asks for one, nor the customary one', async () => {
    const entries = { bos_token_id: 2 ** 32 - 1, add_bos_token: true };
    const { tokenizer } = await decided(spm(entries), 'bos_token_id');
    expect([tokenizer.bos, tokenizer.addBos]).toEqual([undefined, false]);
    expect((await createTokenizer(spm({}))).bos).toBe(1);
  });

  it('leaves the customary one for what a SentencePiece vocabulary cannot express', async () => {
    const pieces = [['a', -1]] as const;
    for (const unknown_token_id of ['a', 99_999, -1]) {
      const file = spmFile({ pieces, bytes: false, entries: { unknown_token_id } });
      const { tokenizer, decision } = await decided(file, 'unknown_token_id');
      expect(decision?.choice).toBe('0');
      expect(tokenizer.encode('aé')).toContain(0);
    }
  });
});

describe('a flag that is neither true nor false', () => {
  it.each<[value: string | number | readonly string[], addBos: boolean, warns: boolean]>([
    [1, true, false],
    [0, false, false],
    ['true', true, false],
    ['false', false, false],
    ['yes', false, true],
    [2, false, true],
    [['true'], false, true],
  ])('%j is read as what it must mean, else as usual', async (add_bos_token, addBos, warns) => {
    const entries = { bos_token_id: 97, add_bos_token };
    const { tokenizer, decision } = await decided(bpe(entries), 'add_bos_token');
    expect(tokenizer.addBos).toBe(addBos);
    expect(decision).toMatchObject({ choice: String(addBos) });
    expect(decision?.warning === true).toBe(warns);
  });

  it('counts for every flag', async () => {
    const entries = { add_bos_token: 0, add_eos_token: 1, add_space_prefix: 'no' };
    const tokenizer = await createTokenizer(spm(entries));
    expect(tokenizer).toMatchObject({ addBos: false, addEos: true, addSpacePrefix: true });
    const subjects = tokenizer.decisions.map(({ subject }) => subject);
    expect(subjects).toEqual(expect.arrayContaining(Object.keys(entries)));
  });
});

describe('createTokenizer accepts', () => {
  it.each([
    ['without scores', undefined],
    ['with an empty list of scores', floats([])],
  ])('SentencePiece tokens %s: the first of them are merged first', async (_, scores) => {
    const pieces = ['a', 'b', 'ba', 'ab', 'aba'].map((text, i) => [text, -i] as const);
    const entries = { add_space_prefix: false };
    const scored = await createTokenizer(spmFile({ pieces, entries }));
    const file = spmFile({ pieces, entries: { ...entries, scores } });
    const { tokenizer, decision } = await decided(file, 'token scores');
    expect(decision).toMatchObject({ choice: 'by the order of ids', warning: true });
    for (const text of ['abab', 'babab', 'aabba']) {
      expect(tokenizer.encode(text)).toEqual(scored.encode(text));
    }
  });

  it.each([true, '', 3])('a pre-tokenizer of %j: as if there were none', async (pre) => {
    const { tokenizer, decision } = await decided(bpe({ pre }), 'pre-tokenizer');
    expect(tokenizer.preTokenizer).toBe('default');
    expect(decision?.choice).toBe('default');
  });

  it('empty tokens, which occur in files with gaps, and never finds them', async () => {
    const tokens = [...byteLetters, '', ''];
    const kindsOf = byteLetters.map(() => 1).concat(control, 4);
    const file = bpe({ tokens, token_type: numbers(kindsOf), merges: [] });
    const tokenizer = await createTokenizer(file);
    expect(tokenizer.encode('ab', { parseSpecial: true })).toEqual([97, 98]);
    expect(tokenizer.decode([97, 256, 257, 98])).toBe('ab');
  });

  it('types and ids of any width', async () => {
    const file = bpe({ token_type: floats(byteLetters.map(() => 1).concat(1)), eos_token_id: 256 });
    expect((await createTokenizer(file)).eos).toBe(256);
  });

  it('infinite scores', async () => {
    const pieces = [
      ['a', -1],
      ['b', -1],
      ['ab', -Infinity],
      ['ba', Infinity],
    ] as const;
    const file = spmFile({ pieces, entries: { add_space_prefix: false } });
    expect((await createTokenizer(file)).encode('abab')).toEqual([259, 262, 260]);
  });
});
