import { describe, expect, it } from 'vitest';
import { modelSpec } from '../../lib/model/spec.js';
import { damaged, emptyStrings, notYet, PaperModel, refusal } from './paper-model.js';

describe('hyper-parameters', () => {
  it('have the defaults of the format', () => {
    const model = new PaperModel({ nKvHead: 4 })
      .drop('.attention.head_count_kv')
      .drop('.vocab_size');
    expect(modelSpec(model.file)).toMatchObject({
      nKvHead: 4,
      vocab: 300,
      rope: { dim: 32, base: 10000, scale: 1 },
    });
  });

  it.each(['u8', 'u16', 'i32', 'u64', 'i64'] as const)('may be of type %s', (type) => {
    expect(modelSpec(new PaperModel().set('.block_count', type, 2).file).nLayer).toBe(2);
  });

  it('may be arrays with one equal number per layer', () => {
    const model = new PaperModel()
      .setArray('.attention.head_count', 'u32', [4, 4])
      .setArray('.attention.head_count_kv', 'i32', [2, 2])
      .setArray('.feed_forward_length', 'i32', [192, 192]);
    expect(modelSpec(model.file)).toMatchObject({ nHead: 4, nKvHead: 2, ffnDim: 192 });
  });

  it('take head columns and rotation from their own keys', () => {
    const model = new PaperModel({ headDim: 50 })
      .set('.attention.value_length', 'u32', 50)
      .set('.rope.dimension_count', 'u32', 20)
      .set('.rope.freq_base', 'f32', 500000)
      .add('rope_freqs.weight', [10], 'F32');
    const spec = modelSpec(model.file);
    expect(spec).toMatchObject({ headDim: 50, rope: { dim: 20, base: 500000 } });
    expect(spec.tensors.find(({ role }) => role === 'rope_freqs')).toMatchObject({
      layer: -1,
      rows: 1,
      cols: 10,
    });
  });

  it.each([
    ['no scaling keys', [], 1],
    ['a factor alone', [['factor', 'f32', 4]], 4],
    [
      'a linear factor',
      [
        ['type', 'string', 'linear'],
        ['factor', 'f32', 8],
      ],
      8,
    ],
    ['the old key', [['_linear', 'f32', 2]], 2],
    [
      'both keys',
      [
        ['_linear', 'f32', 2],
        ['factor', 'f32', 4],
      ],
      4,
    ],
    [
      'a factor of 0',
      [
        ['type', 'string', 'linear'],
        ['factor', 'f32', 0],
      ],
      1,
    ],
    [
      'type none',
      [
        ['type', 'string', 'none'],
        ['factor', 'f32', 8],
      ],
      1,
    ],
    [
      'type yarn with factor 1',
      [
        ['type', 'string', 'yarn'],
        ['factor', 'f32', 1],
      ],
      1,
    ],
    ['an attention factor of 1', [['attn_factor', 'f32', 1]], 1],
  ] as [string, [string, 'f32' | 'string', number | string][], number][])(
    'positions: %s',
    (_, entries, scale) => {
      const model = new PaperModel();
      for (const [key, type, value] of entries) {
        model.set(key === '_linear' ? '.rope.scale_linear' : `.rope.scaling.${key}`, type, value);
      }
      expect(modelSpec(model.file).rope.scale).toBe(scale);
    },
  );

  const cases: [
    title: string,
    model: PaperModel,
    field: string,
    expected: string,
    found: string,
    advice?: string,
  ][] = [
    [
      'a missing key',
      new PaperModel().drop('.block_count'),
      '.block_count',
      'an integer from 1 to 1024',
      'no such entry',
    ],
    [
      'a missing context',
      new PaperModel().drop('.context_length'),
      '.context_length',
      'an integer from 1 to 16777216',
      'no such entry',
    ],
    [
      'a missing epsilon',
      new PaperModel().drop('.attention.layer_norm_rms_epsilon'),
      '.attention.layer_norm_rms_epsilon',
      'a number from 1e-30 to 1',
      'no such entry',
    ],
    [
      'no layers',
      new PaperModel().set('.block_count', 'u32', 0),
      '.block_count',
      'an integer from 1 to 1024',
      'the u32 0',
    ],
    [
      'too many layers',
      new PaperModel().set('.block_count', 'u32', 4294967295),
      '.block_count',
      'an integer from 1 to 1024',
      'the u32 4294967295',
    ],
    [
      'a negative size',
      new PaperModel().set('.embedding_length', 'i32', -128),
      '.embedding_length',
      'an integer from 1 to 65536',
      'the i32 -128',
    ],
    [
      'a 64-bit size',
      new PaperModel().set('.embedding_length', 'u64', 2n ** 63n),
      '.embedding_length',
      'an integer from 1 to 65536',
      'the u64 9223372036854775808',
    ],
    [
      'a float for an integer',
      new PaperModel().set('.embedding_length', 'f32', 128),
      '.embedding_length',
      'an integer from 1 to 65536',
      'the f32 128',
    ],
    [
      'a text for an integer',
      new PaperModel().set('.feed_forward_length', 'string', '192'),
      '.feed_forward_length',
      'an integer from 1 to 262144',
      'the text "192"',
    ],
    [
      'a boolean for an integer',
      new PaperModel().set('.attention.head_count', 'bool', true),
      '.attention.head_count',
      'an integer from 1 to 4096',
      'the bool true',
    ],
    [
      'an array for an integer',
      new PaperModel().setArray('.block_count', 'u32', [2]),
      '.block_count',
      'an integer from 1 to 1024',
      'an array of 1 u32',
    ],
    [
      'strings for numbers',
      new PaperModel().set('.attention.head_count', 'array', emptyStrings(2)),
      '.attention.head_count',
      'an integer from 1 to 4096',
      'an array of 2 string',
    ],
    [
      'floats per layer',
      new PaperModel().setArray('.attention.head_count', 'f32', [4, 4]),
      '.attention.head_count',
      'an integer from 1 to 4096',
      'the f32 4',
    ],
    [
      'layers that differ',
      new PaperModel().setArray('.attention.head_count', 'u32', [4, 8]),
      '.attention.head_count',
      'the same for every layer',
      '4 for layer 0 and 8 for layer 1',
      notYet,
    ],
    [
      'too few layers in an array',
      new PaperModel().setArray('.feed_forward_length', 'u32', [192]),
      '.feed_forward_length',
      'one number or 2, one per layer',
      'an array of 1',
    ],
    [
      'query heads that key heads do not divide',
      new PaperModel().set('.attention.head_count_kv', 'u32', 3),
      '.attention.head_count_kv',
      'a divisor of the 4 query heads',
      '3',
    ],
    [
      'heads that do not divide the dimension',
      new PaperModel().set('.attention.head_count', 'u32', 6),
      '.attention.head_count',
      'a divisor of the dimension 128',
      '6',
    ],
    [
      'an odd number of columns',
      new PaperModel({ dim: 20, headDim: 5 }),
      '.attention.key_length',
      'an even number from 2 to 1024, the columns of a head',
      '5, the dimension 20 by 4 heads',
    ],
    [
      'an odd key length',
      new PaperModel().set('.attention.key_length', 'u32', 33),
      '.attention.key_length',
      'an even number from 2 to 1024, the columns of a head',
      '33',
    ],
    [
      'a huge head',
      new PaperModel().set('.attention.key_length', 'u32', 2000),
      '.attention.key_length',
      'an integer from 2 to 1024',
      'the u32 2000',
    ],
    [
      'many huge heads',
      new PaperModel()
        .set('.attention.head_count', 'u32', 4096)
        .set('.attention.key_length', 'u32', 1024),
      '.attention.head_count',
      'at most 262144 columns in all heads',
      '4096 heads of 1024',
    ],
    [
      'values unlike keys',
      new PaperModel().set('.attention.value_length', 'u32', 64),
      '.attention.value_length',
      '32 like attention.key_length',
      '64',
      notYet,
    ],
    [
      'a rotation of an odd number',
      new PaperModel().set('.rope.dimension_count', 'u32', 31),
      '.rope.dimension_count',
      'even',
      '31',
    ],
    [
      'a rotation wider than a head',
      new PaperModel().set('.rope.dimension_count', 'u32', 64),
      '.rope.dimension_count',
      'an integer from 2 to 32',
      'the u32 64',
    ],
    [
      'a base of 0',
      new PaperModel().set('.rope.freq_base', 'f32', 0),
      '.rope.freq_base',
      'a number from 1 to 1000000000000000',
      'the f32 0',
    ],
    [
      'an infinite base',
      new PaperModel().set('.rope.freq_base', 'f32', Number.POSITIVE_INFINITY),
      '.rope.freq_base',
      'a number from 1 to 1000000000000000',
      'the f32 Infinity',
    ],
    [
      'an epsilon that is no number',
      new PaperModel().set('.attention.layer_norm_rms_epsilon', 'f32', Number.NaN),
      '.attention.layer_norm_rms_epsilon',
      'a number from 1e-30 to 1',
      'the f32 NaN',
    ],
    [
      'an epsilon of 0',
      new PaperModel().set('.attention.layer_norm_rms_epsilon', 'f32', 0),
      '.attention.layer_norm_rms_epsilon',
      'a number from 1e-30 to 1',
      'the f32 0',
    ],
    [
      'scaling of another kind',
      new PaperModel()
        .set('.rope.scaling.type', 'string', 'yarn')
        .set('.rope.scaling.factor', 'f32', 4),
      '.rope.scaling.type',
      '"none" or "linear"',
      'the text "yarn"',
      notYet,
    ],
    [
      'scaling of another kind without a factor',
      new PaperModel().set('.rope.scaling.type', 'string', 'longrope'),
      '.rope.scaling.type',
      '"none" or "linear"',
      'the text "longrope"',
      notYet,
    ],
    [
      'a negative factor',
      new PaperModel().set('.rope.scaling.factor', 'f32', -1),
      '.rope.scaling.factor',
      'a number from 0.001 to 1000000',
      'the f32 -1',
    ],
    [
      'an attention factor',
      new PaperModel().set('.rope.scaling.attn_factor', 'f32', 1.5),
      '.rope.scaling.attn_factor',
      '1',
      'the f32 1.5',
      notYet,
    ],
    [
      'experts',
      new PaperModel({ arch: 'llama' }).set('.expert_count', 'u32', 8),
      '.expert_count',
      '0, a model without experts',
      'the u32 8',
      notYet,
    ],
    [
      'attention in both directions',
      new PaperModel().set('.attention.causal', 'bool', false),
      '.attention.causal',
      'true',
      'the bool false',
      notYet,
    ],
    [
      'another scale of attention',
      new PaperModel({ dim: 64 }).set('.attention.scale', 'f32', 0.5),
      '.attention.scale',
      '0.25',
      'the f32 0.5',
      notYet,
    ],
    [
      'a vocabulary unlike the embedding',
      new PaperModel().set('.vocab_size', 'u32', 301),
      '.vocab_size',
      '300, the rows of token_embd.weight',
      '301',
    ],
  ];
  it.each(cases)('are refused: %s', (_, model, key, expected, found, advice = damaged) => {
    const error = refusal(model);
    expect(error.message).toBe(
      `Expected metadata "${model.arch}${key}" of "paper.gguf" to be ${expected}, but found ${found}; ${advice}.`,
    );
    expect(error.code).toBe('ERR_BITNET_MODEL');
  });
});
