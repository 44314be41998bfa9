import { describe, expect, it } from 'vitest';
import { convertTokenizer } from '../../../lib/convert/tokenizer/convert-tokenizer.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { refusal } from '../../safetensors/raw-file.js';
import { added, checkpoint, converted, sentencePieceModel } from './checkpoint.js';

const temp = tempFolder();
let folders = 0;
const fresh = () => temp(`${folders++}`);

const special = [
  ['<unk>', 0, 2],
  ['<s>', 0, 3],
  ['</s>', 0, 3],
] as const;
const byteTexts = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
);
const bytePieces = byteTexts.map((text) => [text, 0, 6] as const);
const words = [
  ['▁a', -1],
  ['ab', -2],
  ['abc', -3],
  ['▁', -4],
  ['a', -5],
  ['b', -6],
  ['c', -7],
] as const;
const pieces = [...special, ...bytePieces, ...words];
const first = 3 + 256;

async function refused(files: Parameters<typeof checkpoint>[1]) {
  const error = await refusal(convertTokenizer(await checkpoint(fresh(), files)));
  expect(error.code).toBe('ERR_BITNET_TOKENIZER');
  return error.message;
}

describe('A tokenizer.model', () => {
  it('gives its pieces with their scores and kinds', async () => {
    const { entry, tokenizer, vocabSize } = await converted(fresh(), {
      'tokenizer.model': sentencePieceModel(pieces),
    });
    expect(vocabSize).toBe(pieces.length);
    expect(entry('ggml.model')).toBe('llama');
    expect(entry('ggml.pre')).toBe(undefined);
    expect((entry('ggml.scores') as number[]).slice(first)).toEqual([-1, -2, -3, -4, -5, -6, -7]);
    expect((entry('ggml.token_type') as number[]).slice(0, 4)).toEqual([2, 3, 3, 6]);
    expect(tokenizer.encode('abc', { addSpecial: true })).toEqual([1, first, first + 5, first + 6]);
    expect(tokenizer.encode('b\n')).toEqual([first + 3, first + 5, 3 + 10]);
    expect([tokenizer.bos, tokenizer.eos]).toEqual([1, 2]);
  });

  it('says whether a space is put before a text, unless tokenizer_config.json does', async () => {
    const files = { 'tokenizer.model': sentencePieceModel(pieces, { normalizer: { 3: 0, 4: 0 } }) };
    const without = await converted(fresh(), files);
    expect(without.tokenizer.encode('abc')).toEqual([first + 2]);
    const config = { 'tokenizer_config.json': { add_prefix_space: true } };
    const asked = await converted(fresh(), { ...files, ...config });
    expect(asked.tokenizer.encode('abc')).toEqual([first, first + 5, first + 6]);
  });

  it('gets tokens from other files, which may rename its own', async () => {
    const { entry, notes } = await converted(fresh(), {
      'tokenizer.model': sentencePieceModel([...pieces, ['▁▁', 0, 4], ['<old>', 0, 1]]),
      'added_tokens.json': { '<pad>': pieces.length + 2 },
      'tokenizer_config.json': {
        added_tokens_decoder: {
          0: { content: '<unk>', special: true },
          [pieces.length]: { content: '▁▁' },
          [pieces.length + 1]: { content: '<new>' },
        },
      },
      'config.json': { vocab_size: pieces.length + 4 },
    });
    const from = pieces.length;
    expect((entry('ggml.tokens') as string[]).slice(from)).toEqual([
      '  ',
      '<new>',
      '<pad>',
      `[PAD${from + 3}]`,
    ]);
    expect((entry('ggml.token_type') as number[]).slice(from)).toEqual([4, 4, 3, 5]);
    expect((entry('ggml.token_type') as number[])[0]).toBe(3);
    expect(notes.join()).toContain('"<old>" to "<new>"');
  });

  it('names the ids of its special tokens, where no other file does', async () => {
    const others = [['<x>', 0, 3], ['<y>', 0, 3], ['<z>', 0, 2], ...bytePieces] as const;
    const trainer = { 3: 2, 40: 2, 41: 1, 42: 0 };
    const { entry } = await converted(fresh(), {
      'tokenizer.model': sentencePieceModel(others, { trainer }),
    });
    const ids = ['bos', 'eos', 'unknown'].map((role) => entry(`ggml.${role}_token_id`));
    expect(ids).toEqual([1, 0, 2]);
  });

  it.each([
    ['Unigram', sentencePieceModel(pieces, { trainer: { 3: 1 } })],
    ['Unigram', sentencePieceModel(pieces, { trainer: {} })],
    ['whole words', sentencePieceModel(pieces, { trainer: { 3: 3 } })],
    ['treat_whitespace_as_suffix', sentencePieceModel(pieces, { trainer: { 3: 2, 24: 1 } })],
    ['piece 0 score', sentencePieceModel([['a', Number.NaN]])],
    ['piece 0 type', sentencePieceModel([['a', 0, 9]])],
    ['the pieces', sentencePieceModel([])],
    ['at most 4096 bytes', sentencePieceModel([['a'.repeat(5000)]])],
    ['a SentencePiece model', Buffer.from('IQ== 0\nIg== 1\n')],
  ])('is refused in one sentence: %s', async (field, model) => {
    const message = await refused({ 'tokenizer.model': model });
    expect(message).toContain('tokenizer.model');
    expect(message).toContain(field);
  });

  it('notes what its normalizer does beyond spaces', async () => {
    const { notes } = await converted(fresh(), {
      'tokenizer.model': sentencePieceModel(pieces, { normalizer: { 3: 1, 4: 1 } }),
    });
    expect(notes.join()).toContain('removes extra blanks');
  });
});

/** A tokenizer.json made of the model above: a merge for every pair of tokens that is one. */
function metaspaceJson(merges: readonly string[], others: object = {}) {
  const vocab = Object.fromEntries(pieces.map(([text], id) => [text, id]));
  return {
    added_tokens: [added(0, '<unk>'), added(1, '<s>'), added(2, '</s>')],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: null,
    model: { type: 'BPE', unk_token: '<unk>', byte_fallback: true, vocab, merges },
    ...others,
  };
}

describe('A tokenizer.json made of a SentencePiece model', () => {
  const merges = ['▁ a', 'a b', 'ab c'];

  it('gives the same ids, with the order of its merges for scores', async () => {
    const { entry, tokenizer, notes } = await converted(fresh(), {
      'tokenizer.json': metaspaceJson(merges),
    });
    const model = await converted(fresh(), { 'tokenizer.model': sentencePieceModel(pieces) });
    for (const text of ['abc', ' a ab\nabcabc', 'ä b', '']) {
      expect(tokenizer.encode(text)).toEqual(model.tokenizer.encode(text));
    }
    expect((entry('ggml.token_type') as number[]).slice(0, 4)).toEqual([3, 3, 3, 6]);
    expect(tokenizer.addSpacePrefix).toBe(true);
    expect(notes).toEqual([]);
  });

  it('gives way to the tokenizer.model beside it', async () => {
    const { entry } = await converted(fresh(), {
      'tokenizer.json': metaspaceJson(merges),
      'tokenizer.model': sentencePieceModel(pieces),
    });
    expect((entry('ggml.scores') as number[])[first + 2]).toBe(-3);
    // Its post_processor puts no token before a text.
    expect(entry('ggml.add_bos_token')).toBe(false);
  });

  it('notes tokens that its merges make otherwise', async () => {
    const { notes } = await converted(fresh(), {
      'tokenizer.json': metaspaceJson(merges.slice(1)),
    });
    expect(notes.join()).toContain('1 tokens, such as "▁a"');
  });

  it.each([
    [false, { normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' } }],
    [false, { normalizer: null, pre_tokenizer: { type: 'Metaspace', prepend_scheme: 'never' } }],
    [true, { normalizer: null, pre_tokenizer: { type: 'Metaspace', prepend_scheme: 'first' } }],
    [true, { normalizer: null, pre_tokenizer: { type: 'Metaspace', replacement: '▁' } }],
  ])('puts a space before a text: %s for %j', async (adds, others) => {
    const { tokenizer } = await converted(fresh(), {
      'tokenizer.json': metaspaceJson(merges, others),
    });
    expect(tokenizer.addSpacePrefix).toBe(adds);
  });

  it.each([
    ['"Lowercase"', { normalizer: { type: 'Lowercase' }, pre_tokenizer: { type: 'Metaspace' } }],
    ['"Digits"', { pre_tokenizer: { type: 'Digits' } }],
  ])('is refused with %s', async (found, others) => {
    expect(await refused({ 'tokenizer.json': metaspaceJson(merges, others) })).toContain(found);
  });
});
