import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../lib/tokenizer/index.js';
import { bpeFile, control, normal, numbers, spmFile, userDefined } from './vocabularies.js';

/** A byte-level vocabulary with `text` at `id`, and nothing between. */
const withTokenAt = (id: number, text: string, pre?: string) =>
  bpeFile({
    merges: [],
    extra: Array.from({ length: id - 255 }, (_, i) => [i === id - 256 ? text : '', control]),
    entries: { pre },
  });

describe('A file that names no pre-tokenizer', () => {
  it.each([
    [128000, '<|begin_of_text|>', 'llama-bpe', 'has the LLaMA-3 vocabulary'],
    [151644, '<|im_start|>', 'qwen2', 'has the Qwen 2 vocabulary'],
    [300, '<|im_start|>', 'default', 'the vocabulary is not a known one'],
  ])('with %i %s gets %s, because it %s', async (id, text, choice, why) => {
    const tokenizer = await createTokenizer(withTokenAt(id, text));
    expect(tokenizer.preTokenizer).toBe(choice);
    const reason = `the file names none and ${why}`;
    const decision = { subject: 'pre-tokenizer', choice, reason };
    const unknown = choice === 'default';
    expect(tokenizer.decisions).toEqual([{ ...decision, ...(unknown && { warning: true }) }]);
  });

  it('is not second-guessed when it does name one', async () => {
    const tokenizer = await createTokenizer(withTokenAt(128000, '<|begin_of_text|>', 'gpt-2'));
    expect(tokenizer.preTokenizer).toBe('gpt-2');
    expect(tokenizer.decisions).toEqual([]);
  });
});

describe('The tokens that end a generation', () => {
  it('are those the file names', async () => {
    const extra = ['<a>', '<b>', '<c>'].map((text) => [text, control] as const);
    const entries = { eos_token_id: 256, eot_token_id: 257, eom_token_id: 258 };
    const tokenizer = await createTokenizer(bpeFile({ merges: [], extra, entries }));
    expect([...tokenizer.endOfGeneration]).toEqual([256, 257, 258]);
    expect(tokenizer.decisions).toEqual([]);
  });

  it('are also special tokens with a text that ends a turn, which is reported', async () => {
    const extra = [
      ['<|end_of_text|>', control],
      ['<|start_header_id|>', control],
      ['<|im_end|>', userDefined],
    ] as const;
    const entries = { eos_token_id: 256 };
    const tokenizer = await createTokenizer(bpeFile({ merges: [], extra, entries }));
    expect([...tokenizer.endOfGeneration]).toEqual([256, 258]);
    expect(tokenizer.decisions).toEqual([
      {
        subject: 'stop tokens',
        choice: '256 "<|end_of_text|>", 258 "<|im_end|>"',
        reason: 'the file does not name 258 "<|im_end|>", which ends a text too',
      },
    ]);
  });

  it('may be listed, and what in the list is no token is left out, which is reported', async () => {
    const withList = (eos_token_ids: unknown) =>
      createTokenizer(
        bpeFile({
          merges: [],
          extra: [
            ['<a>', control],
            ['<b>', control],
          ],
          entries: { eos_token_id: 256, eos_token_ids: eos_token_ids as string },
        }),
      );
    const sound = await withList(numbers([256, 257]));
    expect([...sound.endOfGeneration]).toEqual([256, 257]);
    expect(sound.decisions).toEqual([]);
    for (const list of [numbers([257, -1, 999]), 'text', 257, numbers(new Array(257).fill(257))]) {
      const { endOfGeneration, decisions } = await withList(list);
      expect(endOfGeneration.size).toBeLessThanOrEqual(2);
      expect(decisions).toMatchObject([{ subject: 'eos_token_ids', warning: true }]);
    }
  });

  it('are not ordinary words that merely look like one', async () => {
    const extra = [['</s>', normal]] as const; // a piece of HTML in some vocabularies
    const tokenizer = await createTokenizer(bpeFile({ merges: [], extra }));
    expect(tokenizer.endOfGeneration.size).toBe(0);
    expect(tokenizer.decode([256])).toBe('</s>');
  });
});

describe('A control token that the file marks as ordinary text', () => {
  it('is a control token by the text that ends a turn, which is reported', async () => {
    const extra = [['<|eot_id|>', normal]] as const;
    const tokenizer = await createTokenizer(bpeFile({ merges: [], extra }));
    expect([...tokenizer.endOfGeneration]).toEqual([256]);
    expect(tokenizer.decode([256])).toBe('');
    expect(tokenizer.encode('<|eot_id|>', { parseSpecial: true })).toEqual([256]);
    expect(tokenizer.encode('<|eot_id|>')).toHaveLength(10);
    expect(tokenizer.decisions).toContainEqual({
      subject: 'control tokens',
      choice: '256 "<|eot_id|>"',
      reason: 'the file marks them as ordinary text, so they would be printed',
    });
  });

  it('is a control token by its role, when its text has the form of one', async () => {
    const extra = [
      ['<s>', normal],
      ['plain', normal],
    ] as const;
    const entries = { bos_token_id: 256, eos_token_id: 257 };
    const tokenizer = await createTokenizer(bpeFile({ merges: [], extra, entries }));
    expect(tokenizer.decode([256, 257])).toBe('plain');
    expect([...tokenizer.endOfGeneration]).toEqual([257]);
  });

  it('is a control token in a file without any marks', async () => {
    const tokenizer = await createTokenizer(
      spmFile({ pieces: [['▁a', -1]], entries: { token_type: undefined } }),
    );
    expect(tokenizer).toMatchObject({ bos: 1, eos: 2 });
    expect(tokenizer.decode([1, 259, 2])).toBe('a');
  });

  it('is a byte by its text in a SentencePiece file that marks none', async () => {
    const pieces = [['▁a', -1]] as const;
    const marked = await createTokenizer(spmFile({ pieces }));
    for (const token_type of [undefined, numbers(Array.from({ length: 260 }, () => normal))]) {
      const tokenizer = await createTokenizer(spmFile({ pieces, entries: { token_type } }));
      for (const text of ['a\n', 'aé', '<0x0A>']) {
        const ids = tokenizer.encode(text);
        expect(ids).toEqual(marked.encode(text));
        expect(tokenizer.decode(ids)).toBe(marked.decode(ids));
      }
      expect(tokenizer.decisions).toContainEqual({
        subject: 'byte tokens',
        choice: '256',
        reason: 'the file marks none, and their texts, such as <0x0A>, are those of bytes',
      });
    }
    expect(marked.decisions).toEqual([]);
    const one = await createTokenizer(spmFile({ pieces: [...pieces, ['<0x0A>', -2]] }));
    expect(one.decisions).toEqual([]); // a text, beside the byte that is marked
  });
});
