import { describe, expect, it } from 'vitest';
import { convertTokenizer } from '../../../lib/convert/tokenizer/convert-tokenizer.js';
import { BitnetError } from '../../../lib/errors.js';
import { random } from '../../fixtures/random.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { awkwardIntegers, awkwardTexts, type Draw, drawing } from '../../fuzz/draw.js';
import {
  added,
  bpeJson,
  checkpoint,
  llama3,
  sentencePieceModel,
  sequence,
  split,
} from './checkpoint.js';

const temp = tempFolder();
const mutants = 300;

const token = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
const special = { '<s>': 260, '</s>': 261, '<x>': 262 };

/** Sound files, of each kind that can be converted. */
const sound: readonly Readonly<Record<string, unknown>>[] = [
  {
    'tokenizer.json': bpeJson(['h e', ['he', 'l'], 'l o'], {
      added_tokens: Object.entries(special).map(([text, id]) => added(id, text, id < 262)),
      normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }] },
      pre_tokenizer: sequence(split(llama3), {
        type: 'ByteLevel',
        add_prefix_space: false,
        use_regex: false,
      }),
      post_processor: {
        type: 'Sequence',
        processors: [
          { type: 'TemplateProcessing', single: [token('<s>'), { Sequence: { id: 'A' } }] },
        ],
      },
    }),
    'tokenizer_config.json': {
      bos_token: { content: '<s>' },
      eos_token: '</s>',
      add_bos_token: true,
      added_tokens_decoder: { 262: { content: '<x>', special: true } },
      chat_template: [{ name: 'default', template: '{{ 1 }}' }],
    },
    'config.json': { vocab_size: 270, bos_token_id: 260, eos_token_id: [261, 262] },
    'generation_config.json': { eos_token_id: [261, 262] },
    'added_tokens.json': { '<y>': 263 },
    'special_tokens_map.json': { pad_token: { content: '<x>' } },
  },
  {
    'tokenizer.json': {
      added_tokens: [added(0, '<unk>')],
      normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      pre_tokenizer: { type: 'Metaspace', replacement: '▁', split: false },
      post_processor: null,
      model: {
        type: 'BPE',
        unk_token: '<unk>',
        byte_fallback: true,
        vocab: { '<unk>': 0, '<0x0A>': 1, '▁': 2, a: 3, '▁a': 4 },
        merges: ['▁ a'],
      },
    },
    'config.json': { vocab_size: 6 },
  },
  {
    'tokenizer.model': sentencePieceModel([
      ['<unk>', 0, 2],
      ['<s>', 0, 3],
      ['<0x0A>', 0, 6],
      ['▁a', -1],
      ['▁', -2],
      ['a', -3],
    ]),
    'tokenizer_config.json': { added_tokens_decoder: { 6: { content: '<x>' } } },
  },
];

/** A copy with one part changed, removed or put in another place. */
function changed(value: unknown, draw: Draw): unknown {
  const isList = Array.isArray(value);
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  if (keys.length === 0 || draw.chance(0.15)) return draw.of<unknown>(awkward);
  const key = draw.of(keys);
  const copy: Record<string, unknown> = isList
    ? ([...value] as never)
    : { ...(value as Record<string, unknown>) };
  const edit = draw.integer(0, 9);
  if (edit === 0) delete copy[key];
  else if (edit === 1) copy[draw.of(awkwardTexts)] = copy[key];
  else copy[key] = changed(copy[key], draw);
  return copy;
}

const awkward: readonly unknown[] = [
  ...awkwardTexts,
  ...awkwardIntegers.map(Number),
  ...[null, true, 0.5, [], {}, [[]], 'a b', ['a', 'b', 'c'], '<s>', 261],
];

function changedBytes(bytes: Buffer, draw: Draw): Buffer {
  const copy = Buffer.from(bytes);
  for (let i = draw.integer(1, 3); i > 0; i--) {
    copy[draw.integer(0, copy.length - 1)] = draw.integer(0, 255);
  }
  return draw.chance(0.3) ? copy.subarray(0, draw.integer(0, copy.length)) : copy;
}

describe('A mutated tokenizer', () => {
  it('is converted, or refused in one sentence', async () => {
    const draw = drawing(random(13));
    let converted = 0;
    for (let i = 0; i < mutants; i++) {
      const files: Record<string, unknown> = { ...sound[i % sound.length] };
      const name = draw.of(Object.keys(files));
      const file = files[name];
      files[name] = Buffer.isBuffer(file)
        ? changedBytes(file, draw)
        : (JSON.stringify(changed(file, draw)) ?? 'null');
      const folder = await checkpoint(temp(`${i}`), files as never);
      const error = await convertTokenizer(folder).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error === undefined) converted++;
      else {
        expect(error, `${i}: ${name}`).toBeInstanceOf(BitnetError);
        const { code, message } = error as BitnetError;
        expect(code).toMatch(/^ERR_BITNET_(?:TOKENIZER|FILE)$/);
        expect(message, `${i}`).toMatch(/^[A-Z][^\p{C}]+[^.]\.$/u);
      }
    }
    expect(converted).toBeGreaterThan(mutants / 20);
    expect(converted).toBeLessThan(mutants);
  });
});
