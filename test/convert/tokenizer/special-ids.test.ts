import { describe, expect, it } from 'vitest';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { added, bpeJson, converted } from './checkpoint.js';

const temp = tempFolder();
let folders = 0;

const names = ['<s>', '</s>', '<pad>', '<x1>', '<x2>', '<x3>', '<|eot_id|>'];
const [bos, eos, pad, x1, x2, x3, eot] = names.map((_, i) => 256 + i);

async function withSettings(settings: {
  readonly config?: object;
  readonly generation?: object;
  readonly tokenizer?: object;
  readonly map?: object;
  readonly json?: object;
}) {
  const added_tokens = names.map((name, i) => added(256 + i, name));
  return converted(temp(`${folders++}`), {
    'tokenizer.json': bpeJson([], { added_tokens, ...settings.json }),
    'config.json': settings.config ?? {},
    'generation_config.json': settings.generation ?? {},
    'tokenizer_config.json': settings.tokenizer ?? {},
    'special_tokens_map.json': settings.map ?? {},
  });
}

describe('The ids of special tokens', () => {
  it('are those of tokenizer_config.json, then of special_tokens_map.json, config.json and generation_config.json', async () => {
    const { entry } = await withSettings({
      tokenizer: { bos_token: '<s>', eos_token: { content: '</s>' }, pad_token: null },
      map: { bos_token: '<x1>', pad_token: { content: '<pad>' } },
      config: { bos_token_id: x1, eos_token_id: x1, pad_token_id: x1 },
      generation: { bos_token_id: x2, eos_token_id: [x2], pad_token_id: x2 },
    });
    expect(entry('ggml.bos_token_id')).toBe(bos);
    expect(entry('ggml.eos_token_id')).toBe(eos);
    expect(entry('ggml.padding_token_id')).toBe(pad);
    const other = await withSettings({
      config: { bos_token_id: x1 },
      generation: { bos_token_id: x2, eos_token_id: x3 },
    });
    expect(other.entry('ggml.bos_token_id')).toBe(x1);
    expect(other.entry('ggml.eos_token_id')).toBe(x3);
  });

  it('are all those that end a text', async () => {
    const { entry, tokenizer } = await withSettings({
      tokenizer: { eos_token: '</s>' },
      config: { eos_token_id: [x1, eos] },
      generation: { eos_token_id: [x2, eot, x3] },
    });
    expect([...tokenizer.endOfGeneration].sort()).toEqual([eos, x1, x2, x3, eot]);
    expect(entry('ggml.eos_token_ids')).toEqual([eos, x1, x2, eot, x3]);
    expect(entry('ggml.eot_token_id')).toBe(x1);
    expect(entry('ggml.eom_token_id')).toBe(x2);
  });

  it('are left out where they are none, which is noted', async () => {
    const { entry, notes } = await withSettings({
      tokenizer: { bos_token: '<none>', eos_token: 5 },
      config: { eos_token_id: 9999, pad_token_id: -1, bos_token_id: null },
    });
    for (const key of ['bos', 'eos', 'padding'])
      expect(entry(`ggml.${key}_token_id`)).toBe(undefined);
    expect(notes.join()).toContain('"<none>", which is no token');
    expect(notes.join()).toContain('eos_token_id: 9999');
    expect(notes.join()).not.toContain('pad_token_id');
  });

  it('of a model of texts and pictures are in its text_config', async () => {
    const { entry } = await withSettings({ config: { text_config: { eos_token_id: eos } } });
    expect(entry('ggml.eos_token_id')).toBe(eos);
  });

  it('move one on where every text ends with another than a turn', async () => {
    const single = [{ Sequence: { id: 'A' } }, { SpecialToken: { id: '<pad>' } }];
    const { entry, tokenizer } = await withSettings({
      tokenizer: { eos_token: '</s>' },
      json: { post_processor: { type: 'TemplateProcessing', single } },
    });
    expect(entry('ggml.eos_token_id')).toBe(pad);
    expect(tokenizer.encode('a', { addSpecial: true })).toEqual([97, pad]);
    expect([...tokenizer.endOfGeneration].sort()).toEqual([eos, pad, eot]);
  });
});

describe('The begin token', () => {
  const single = [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }];
  const json = { post_processor: { type: 'TemplateProcessing', single } };

  it.each([
    [true, 'the post_processor does it', { json, tokenizer: { bos_token: '<s>' } }],
    [true, 'the post_processor does it, and nothing names it', { json }],
    [false, 'nothing does it', { tokenizer: { bos_token: '<s>' } }],
    [
      false,
      'tokenizer_config.json says no',
      { json, tokenizer: { bos_token: '<s>', add_bos_token: false } },
    ],
    [
      true,
      'tokenizer_config.json says yes',
      { tokenizer: { bos_token: '<s>', add_bos_token: true } },
    ],
    [false, 'there is none', { tokenizer: { add_bos_token: true } }],
    [false, 'it is another', { json, tokenizer: { bos_token: '<x1>' } }],
  ])('is put before a text: %s, where %s', async (adds, _, settings) => {
    const { entry, tokenizer } = await withSettings(settings);
    expect(entry('ggml.add_bos_token')).toBe(adds);
    expect(tokenizer.addBos).toBe(adds);
  });
});
