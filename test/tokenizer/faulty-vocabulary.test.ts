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
  ['another kind', bpe({ model: 'bert' }), sentence(key('model'), kinds, '"bert"', unsupported)],
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
    'a begin token outside of the vocabulary',
    bpe({ bos_token_id: 257 }),
    sentence(key('bos_token_id'), 'a token id from 0 to 256', '257'),
  ],
  [
    'a negative end token',
    bpe({ eos_token_id: -1 }),
    sentence(key('eos_token_id'), 'a token id from 0 to 256', '-1'),
  ],
  [
    'an unknown token that is a text',
    spm({ unknown_token_id: 'a' }),
    sentence(key('unknown_token_id'), 'a token id from 0 to 259', '"a"'),
  ],
  [
    'a flag that is a number',
    bpe({ add_bos_token: 1 }),
    sentence(key('add_bos_token'), 'true or false', '1'),
  ],
  [
    'no merges',
    bpe({ merges: undefined }),
    sentence(key('merges'), 'a list of merges', 'no such entry'),
  ],
  ['a merge without a space', bpe({ merges: ['a b', 'ab'] }), sentence('merge 1', pair, '"ab"')],
  ['a merge without a right part', bpe({ merges: ['a '] }), sentence('merge 0', pair, '"a "')],
  ['an empty merge', bpe({ merges: [''] }), sentence('merge 0', pair, '""')],
  ['a pre-tokenizer that is no text', bpe({ pre: true }), sentence(key('pre'), 'a string', 'true')],
  [
    'no scores',
    spm({ scores: undefined }),
    sentence(key('scores'), 'one number per token', 'no such entry'),
  ],
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

describe('createTokenizer accepts', () => {
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
