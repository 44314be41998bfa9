import { describe, expect, it } from 'vitest';
import { convertTokenizer } from '../../../lib/convert/tokenizer/convert-tokenizer.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { refusal } from '../../safetensors/raw-file.js';
import {
  added,
  bpeJson,
  byteLevel,
  checkpoint,
  converted,
  llama3,
  sequence,
  split,
} from './checkpoint.js';

const temp = tempFolder();
let folders = 0;
const fresh = () => temp(`${folders++}`);

const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };

async function refused(json: object, files: object = {}) {
  const folder = await checkpoint(fresh(), { 'tokenizer.json': json, ...files });
  const error = await refusal(convertTokenizer(folder));
  expect(error.code).toBe('ERR_BITNET_TOKENIZER');
  return error.message;
}

describe('The tokens of a tokenizer.json', () => {
  it('are those of the model file, whichever way the merges are written', async () => {
    const lines = await converted(fresh(), { 'tokenizer.json': bpeJson(['h e', 'he l']) });
    const pairs = await converted(fresh(), {
      'tokenizer.json': bpeJson([
        ['h', 'e'],
        ['he', 'l'],
      ]),
    });
    expect(lines.entry('ggml.merges')).toEqual(['h e', 'he l']);
    expect(pairs.metadata).toEqual(lines.metadata);
    expect(lines.tokenizer.encode('hell')).toEqual([257, 'l'.charCodeAt(0)]);
  });

  it('are padded up to the size that config.json says, with unused ones', async () => {
    const { entry, vocabSize, notes } = await converted(fresh(), {
      'tokenizer.json': bpeJson(['h e']),
      'config.json': { vocab_size: 260 },
    });
    expect(vocabSize).toBe(260);
    expect((entry('ggml.tokens') as string[]).slice(256)).toEqual([
      'he',
      '[PAD257]',
      '[PAD258]',
      '[PAD259]',
    ]);
    expect((entry('ggml.token_type') as number[]).slice(255)).toEqual([1, 1, 5, 5, 5]);
    expect(notes.join()).toContain('3 of them unused, ids from 257 to 259');
  });

  it('become control tokens when they are special or look so, else user-defined ones', async () => {
    const { entry, tokenizer } = await converted(fresh(), {
      'tokenizer.json': bpeJson([], {
        added_tokens: [
          added(256, '<s>'),
          added(257, '<|user|>', false),
          added(258, '<tool>', false),
          added(259, '\u2581\u2581', false),
        ],
      }),
    });
    expect((entry('ggml.token_type') as number[]).slice(256)).toEqual([3, 3, 4, 4]);
    expect(tokenizer.encode('<tool>  <|user|>').slice(0, 2)).toEqual([258, 259]);
  });

  it('may have more in tokenizer_config.json and added_tokens.json, where there is room', async () => {
    const { entry } = await converted(fresh(), {
      'tokenizer.json': bpeJson([], { added_tokens: [added(256, '<a>', false)] }),
      'added_tokens.json': { '<b>': 257, '<late>': 256 },
      'tokenizer_config.json': {
        added_tokens_decoder: { 256: { content: '<a>', special: true }, 258: { content: '<c>' } },
      },
    });
    expect((entry('ggml.tokens') as string[]).slice(256)).toEqual(['<a>', '<b>', '<c>']);
    expect((entry('ggml.token_type') as number[]).slice(256)).toEqual([3, 4, 4]);
  });

  it('are refused with an id of two, an id of none or a merge of none', async () => {
    const twice = bpeJson([], { model: { vocab: { a: 0, b: 0 } } });
    expect(await refused(twice)).toContain('that of no other token, but found 0, as of "a"');
    const added2 = bpeJson(['h e'], { added_tokens: [added(300, 'he')] });
    expect(await refused(added2)).toContain('to be 256, as in model.vocab, but found 300');
    const beyond = { 'config.json': { vocab_size: 100 } };
    expect(await refused(bpeJson([]), beyond)).toContain(
      'below 100, the vocab_size of config.json',
    );
    const huge = bpeJson([], { model: { vocab: { a: 2 ** 33 } } });
    expect(await refused(huge)).toContain('model.vocab "a"');
    const wrong = bpeJson([], { model: { merges: ['q u'] } });
    expect(await refused(wrong)).toContain('model.merges 0');
  });
});

describe('The pre-tokenizer of a tokenizer.json', () => {
  const gpt2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
  const anyCase = "'(?i:[sdmt]|ll|ve|re)";

  it.each([
    ['gpt-2', byteLevel],
    ['gpt-2', sequence(split(gpt2), bytes)],
    ['smollm', sequence({ type: 'Digits', individual_digits: true }, byteLevel)],
    ['qwen2', sequence(split(llama3.replace('{1,3}', '')), bytes)],
    ['llama-bpe', sequence(sequence(split(llama3)), bytes)],
    ['llama-bpe', sequence(split(llama3, 'Removed', true), bytes)],
    ['llama-bpe', sequence(split(llama3.replace(/^\(.*?\)/, anyCase)), bytes)],
    ['minicpm5', sequence(split('\\p{N}{1,3}'), split(llama3.replace('{1,3}', '+')), bytes)],
    [
      'falcon',
      sequence(
        { type: 'Punctuation', behavior: 'Contiguous' },
        byteLevel,
        { type: 'Digits', individual_digits: false },
        split('[0-9][0-9][0-9]'),
      ),
    ],
  ])('is known as %s by its structure', async (name, pre_tokenizer) => {
    const { entry } = await converted(fresh(), {
      'tokenizer.json': bpeJson(['h e'], { pre_tokenizer }),
    });
    expect(entry('ggml.pre')).toBe(name);
  });

  it('takes words that are tokens whole, if the merges alone would not make them', async () => {
    const pre_tokenizer = sequence(split(llama3), bytes);
    const name = async (more: string[], ignore_merges: boolean) => {
      const json = bpeJson(['h e'], { pre_tokenizer, more, model: { ignore_merges } });
      const { entry, tokenizer } = await converted(fresh(), { 'tokenizer.json': json });
      return [entry('ggml.pre'), tokenizer.encode('hello').length];
    };
    expect(await name([], false)).toEqual(['llama-bpe', 4]);
    expect(await name(['hello'], true)).toEqual(['llama-bpe', 1]);
    expect(await name(['hello'], false)).toEqual(['smaug-bpe', 4]);
  });

  it.each([
    ['step 0', sequence(split('[aeiou]+|[^aeiou]+'), bytes), '"[aeiou]+|[^aeiou]+"'],
    ['step 0', sequence(split(llama3, 'MergedWithNext'), bytes), '"MergedWithNext"'],
    ['step 0', sequence(split('\\p{N}', 'Removed', true), bytes), 'inverted'],
    ['step 0', sequence({ type: 'BertPreTokenizer' }, bytes), '"BertPreTokenizer"'],
    ['step 0', { ...byteLevel, add_prefix_space: true }, 'a space before every text'],
    ['the pre_tokenizer', sequence(split('\\p{N}'), split('\\p{N}+'), bytes), 'digit digits'],
    ['the pre_tokenizer', bytes, 'no cut at all'],
    ['the pre_tokenizer', null, 'but found none'],
    ['the pre_tokenizer', { type: 'Whitespace' }, '"Whitespace"'],
    ['pre_tokenizer.pretokenizers', { type: 'Sequence' }, 'nothing'],
  ])('is refused by the name of %s in %j', async (field, pre_tokenizer, found) => {
    const message = await refused(bpeJson([], { pre_tokenizer }));
    expect(message).toContain(field);
    expect(message).toContain(found);
  });
});

describe('Other parts of a tokenizer.json', () => {
  it('may compose letters, which is noted, and nothing else', async () => {
    const json = (normalizer: object) => bpeJson([], { normalizer });
    const { notes } = await converted(fresh(), { 'tokenizer.json': json({ type: 'NFC' }) });
    expect(notes.join()).toContain('NFC');
    expect(await refused(json({ type: 'Lowercase' }))).toContain('"Lowercase"');
    const nested = { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Strip' }] };
    expect(await refused(json(nested))).toContain('"Strip"');
  });

  it('may put one token before a text and one behind it', async () => {
    const around = (...single: object[]) =>
      bpeJson([], {
        added_tokens: [added(256, '<s>'), added(257, '</s>')],
        post_processor: { type: 'TemplateProcessing', single },
      });
    const text = { Sequence: { id: 'A', type_id: 0 } };
    const token = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
    const { tokenizer } = await converted(fresh(), {
      'tokenizer.json': around(token('<s>'), text, token('</s>')),
    });
    expect(tokenizer.encode('a', { addSpecial: true })).toEqual([256, 97, 257]);
    expect(await refused(around(token('<s>'), token('<s>'), text))).toContain('post_processor');
  });

  it.each([
    ['model.continuing_subword_prefix', { continuing_subword_prefix: '##' }],
    ['model.end_of_word_suffix', { end_of_word_suffix: '</w>' }],
    ['model.dropout', { dropout: 0.1 }],
    ['the model', { type: 'WordPiece' }],
    ['the model', { vocab: [['a', -1]] }],
    ['model.merges 0', { merges: [['a', '']] }],
    ['model.merges 0', { merges: ['ab'] }],
    ['model.merges 0', { merges: ['a b c'] }],
  ])('are refused where the engine cannot follow: %s in %j', async (field, model) => {
    expect(await refused(bpeJson([], { model }))).toContain(field);
  });

  it('are refused when they nest too deeply, or are no JSON', async () => {
    const deep = `{"normalizer":${'['.repeat(9000)}${']'.repeat(9000)}}`;
    expect(await refused(deep as never)).toContain('64 levels');
    expect(await refused('[]' as never)).toContain('the JSON text');
    expect(await refused('{}' as never)).toContain('model');
    const config = { 'config.json': '[1]' };
    expect(await refused(bpeJson([]), config)).toContain('config.json');
  });
});
