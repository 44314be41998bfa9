import { describe, expect, it } from 'vitest';
import { readSpec } from '../../../lib/model/spec/read-spec.js';
import { damaged, emptyStrings, notYet, PaperModel, refusal } from '../paper-model.js';

describe('hyper-parameters', () => {
  it('have the defaults of the format', () => {
    const model = new PaperModel({ nKvHead: 4 })
      .drop('.attention.head_count_kv')
      .drop('.vocab_size');
    expect(readSpec(model.file)).toMatchObject({
      nKvHead: 4,
      vocabSize: 300,
      rope: { dim: 32, base: 10000, scale: 1 },
    });
  });

  it.each(['u8', 'u16', 'i32', 'u64', 'i64'] as const)('may be of type %s', (type) => {
    expect(readSpec(new PaperModel().set('.block_count', type, 2).file).nLayer).toBe(2);
  });

  it('may be arrays with one equal number per layer', () => {
    const model = new PaperModel()
      .setArray('.attention.head_count', 'u32', [4, 4])
      .setArray('.attention.head_count_kv', 'i32', [2, 2])
      .setArray('.feed_forward_length', 'i32', [192, 192]);
    expect(readSpec(model.file)).toMatchObject({ nHead: 4, nKvHead: 2, ffnDim: 192 });
  });

  it('take head columns and rotation from their own keys', () => {
    const model = new PaperModel({ headDim: 50 })
      .set('.attention.value_length', 'u32', 50)
      .set('.rope.dimension_count', 'u32', 20)
      .set('.rope.freq_base', 'f32', 500000)
      .add('rope_freqs.weight', [10], 'F32');
    const spec = readSpec(model.file);
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
      expect(readSpec(model.file).rope.scale).toBe(scale);
    },
  );

  const yarn = (entries: Record<string, number> = {}) => {
    const model = new PaperModel({ arch: 'qwen3', headDim: 128 })
      .set('.context_length', 'u32', 65_536)
      .set('.rope.freq_base', 'f32', 1e6)
      .set('.rope.scaling.type', 'string', 'yarn')
      .set('.rope.scaling.factor', 'f32', 4)
      .set('.rope.scaling.original_context_length', 'u32', 16_384);
    for (const [key, value] of Object.entries(entries)) {
      model.set(`.rope.scaling.${key}`, Number.isInteger(value) ? 'u32' : 'f32', value);
    }
    return readSpec(model.file);
  };

  it('compute the rotary factors and the magnitude of YaRN', () => {
    const { scale, factors, magnitude } = yarn().rope;
    expect(scale).toBe(1);
    expect(magnitude).toBeCloseTo(1 + 0.1 * Math.log(4), 12);
    // Pair i turns 16384 / (2 π 10^(6 i / 64)) times: 32 times at 20.35, once at 36.4.
    expect(factors).toHaveLength(64);
    expect(factors!.slice(0, 21)).toEqual(Array(21).fill(1));
    expect(factors![21]).toBeCloseTo(1 / (1 / 17 / 4 + 16 / 17), 12);
    expect(factors!.slice(37)).toEqual(Array(27).fill(4));
  });

  it('take the context for the original one of YaRN, where the file has none or 0', () => {
    const stated = yarn({ original_context_length: 65_536 }).rope;
    expect(yarn({ original_context_length: 0 }).rope).toEqual(stated);
    expect(stated.factors).not.toEqual(yarn().rope.factors);
  });

  it('multiply the magnitude by the attention factor, with any scaling', () => {
    expect(yarn({ attn_factor: 0.5 }).rope.magnitude).toBeCloseTo(0.5 + 0.05 * Math.log(4), 12);
    const linear = new PaperModel().set('.rope.scaling.attn_factor', 'f32', 1.5);
    expect(readSpec(linear.file).rope).toMatchObject({ scale: 1, magnitude: 1.5 });
    const slidingWindow = new PaperModel({ arch: 'gemma3' })
      .set('.attention.sliding_window', 'u32', 4)
      .set('.rope.scaling.attn_factor', 'f32', 1.5);
    expect(readSpec(slidingWindow.file).slidingWindow?.ropeMagnitude).toBe(1.5);
  });

  it('follow what the file says of YaRN in detail, and say so', () => {
    const { decisions, rope } = yarn({ yarn_beta_fast: 16, yarn_beta_slow: 2 });
    expect(decisions.find(({ subject }) => subject === 'YaRN')?.choice).toBe(
      'with rope.scaling.yarn_beta_fast 16, rope.scaling.yarn_beta_slow 2',
    );
    // 16 times at 23.6, twice at 33.2.
    expect(rope.factors!.filter((factor) => factor === 1)).toHaveLength(24);
    expect(rope.factors!.filter((factor) => factor === 4)).toHaveLength(30);
    expect(yarn({ yarn_attn_factor: 1.25 }).rope.magnitude).toBe(1.25);
    const between = yarn({ yarn_ext_factor: 0.5 }).rope.factors![0];
    expect(between).toBeCloseTo(1 / (0.5 / 4 + 0.5), 12);
    const usual = yarn({ yarn_beta_fast: 32, yarn_ext_factor: 1 });
    expect(usual.rope).toEqual(yarn().rope);
    expect(usual.decisions.some(({ subject }) => subject === 'YaRN')).toBe(false);
  });

  it.each(['', 'default'])('read the scaling "%s" as none, and say so', (type) => {
    const model = new PaperModel().set('.rope.scaling.type', 'string', type);
    const read = () => {
      const { rope, decisions } = readSpec(model.file);
      expect(rope).toEqual({ type: 'neox', dim: 32, base: 10_000, scale: 1 });
      return decisions.find(({ subject }) => subject === 'rotary scaling');
    };
    const decision = {
      subject: 'rotary scaling',
      choice: 'none',
      reason: `the file says "${type}"`,
    };
    expect(read()).toEqual(decision);
    model.set('.rope.scaling.factor', 'f32', 4);
    const reason = `${decision.reason}, whose factor is not for it`;
    expect(read()).toEqual({ ...decision, reason, ...(type === '' && { warning: true }) });
  });

  it('take the rows of the embedding for the vocabulary, whatever the file says of it', () => {
    const vocabulary = ({ file }: PaperModel) => {
      const { vocabSize, decisions } = readSpec(file);
      return [vocabSize, decisions.find(({ subject }) => subject === 'vocabulary')?.reason];
    };
    const says = (found: string) =>
      `bitnet-b1.58.vocab_size is ${found}, but these are the rows of token_embd.weight`;
    const model = new PaperModel();
    expect(vocabulary(model)).toEqual([300, undefined]);
    expect(vocabulary(model.set('.vocab_size', 'u32', 290))).toEqual([300, says('the u32 290')]);
    expect(vocabulary(model.set('.vocab_size', 'u32', 0))).toEqual([300, says('the u32 0')]);
    const text = model.set('.vocab_size', 'string', '300');
    expect(vocabulary(text)).toEqual([300, says('the text "300"')]);
    expect(vocabulary(model.drop('.vocab_size'))).toEqual([300, undefined]);
  });

  it('scale the embedding of gemma3 alone', () => {
    const scaleOf = (arch: string) =>
      readSpec(new PaperModel({ arch, dim: 64 }).file).embeddingScale;
    expect(['llama', 'qwen3', 'gemma3'].map(scaleOf)).toEqual([1, 1, 8]);
  });

  it('scale parts of minicpm as its file says, else as its first models were trained', () => {
    const minicpm = () => new PaperModel({ arch: 'minicpm', dim: 512, nLayer: 4 });
    const scalesOf = ({ file }: PaperModel) => {
      const { embeddingScale, residualScale, logitScale, decisions } = readSpec(file);
      const said = decisions.filter(({ subject }) => subject === 'scales');
      return [embeddingScale, residualScale, logitScale, ...said.map(({ choice }) => choice)];
    };
    // Not 256 / dim, which llama.cpp divides by.
    const missing = 'embedding_scale 12, residual_scale 0.7, logit_scale 2';
    expect(scalesOf(minicpm())).toEqual([12, 0.7, 2, missing]);
    const stated = minicpm()
      .set('.embedding_scale', 'f32', 3)
      .set('.residual_scale', 'f32', 0.25)
      .set('.logit_scale', 'f32', 4);
    expect(scalesOf(stated)).toEqual([3, 0.25, 4]);
    stated.set('.embedding_scale', 'f32', 0).set('.residual_scale', 'f32', 0);
    expect(scalesOf(stated.set('.logit_scale', 'f32', 0))).toEqual([1, 1, 1]);
    expect(scalesOf(new PaperModel({ arch: 'llama' }).set('.logit_scale', 'f32', 4))).toEqual([
      ...[1, undefined, undefined],
    ]);
  });

  it('stretch the base of hunyuan-dense where the file leaves it to the reader', () => {
    const hunyuan = (alpha: number, arch = 'hunyuan-dense') =>
      new PaperModel({ arch, headDim: 128 }).set('.rope.scaling.alpha', 'f32', alpha);
    const baseOf = ({ file }: PaperModel) => readSpec(file).rope.base;
    expect(baseOf(hunyuan(1000))).toBeCloseTo(10_000 * 1000 ** (128 / 126), 6);
    expect(baseOf(hunyuan(0))).toBe(10_000);
    expect(baseOf(hunyuan(1000, 'qwen3'))).toBe(10_000);
    expect(refusal(hunyuan(1e-4)).message).toMatch('.rope.scaling.alpha" of "paper.gguf" to be');
    const twoColumns = new PaperModel({ arch: 'hunyuan-dense', dim: 8 });
    expect(refusal(twoColumns.set('.rope.scaling.alpha', 'f32', 2)).message).toMatch(
      'to be a factor that brings the base of the rotary angles to 1 to 1000000000000000, but found 2, which makes 10000 Infinity',
    );
  });

  it('know the norms and clamps of olmo', () => {
    const olmo = () => new PaperModel({ arch: 'olmo' });
    expect(readSpec(olmo().file)).toMatchObject({ layerNorm: true, normEps: Math.fround(1e-5) });
    expect(readSpec(olmo().file).clampKqv).toBeUndefined();
    const clamped = olmo().set('.attention.clamp_kqv', 'f32', 8);
    expect(readSpec(clamped.file).clampKqv).toBe(8);
    expect(readSpec(olmo().set('.attention.clamp_kqv', 'f32', 0).file).clampKqv).toBeUndefined();
    for (const name of ['blk.1.ffn_norm.weight', 'output_norm.weight']) {
      expect(refusal(olmo().add(name, [128], 'F32')).message).toMatch(
        `"${name}" of "paper.gguf" to be absent from a model of architecture olmo`,
      );
    }
  });

  it('read LongRoPE as two tensors and the context between them', () => {
    const model = () =>
      new PaperModel({ arch: 'minicpm' })
        .set('.rope.scaling.type', 'string', 'longrope')
        .add('rope_factors_long.weight', [16], 'F32')
        .add('rope_factors_short.weight', [16], 'F32');
    const read = ({ file }: PaperModel) => {
      const { rope, decisions } = readSpec(file);
      return [rope.longAbove, decisions.filter(({ subject }) => subject === 'LongRoPE').length];
    };
    expect(readSpec(model().file).rope).toEqual({
      ...{ type: 'norm', dim: 32, base: 10_000, scale: 1, longAbove: 4096 },
    });
    const stated = model().set('.rope.scaling.original_context_length', 'u32', 1000);
    expect(read(stated)).toEqual([1000, 1]);
    // llama.cpp would divide positions by it.
    expect(read(stated.set('.rope.scaling.factor', 'f32', 4))).toEqual([1000, 2]);
    expect(readSpec(stated.file).rope.scale).toBe(1);
    expect(refusal(model().remove('rope_factors_short.weight')).message).toBe(
      `Expected tensor "rope_factors_short.weight" of "paper.gguf" to be there, but found no such tensor; ${damaged}.`,
    );
  });

  it('know the sliding-window layers of gemma3, where the file states a window', () => {
    const gemma = (nLayer = 12) =>
      new PaperModel({ arch: 'gemma3', nLayer }).set('.rope.freq_base', 'f32', 1e6);
    expect(readSpec(gemma().file).slidingWindow).toBeUndefined();
    const stated = gemma().set('.attention.sliding_window', 'u32', 512);
    const five = [true, true, true, true, true];
    expect(readSpec(stated.file).slidingWindow).toEqual({
      window: 512,
      layers: [...five, false, ...five, false],
      ropeBase: 10_000,
    });
    stated.set('.rope.freq_base_swa', 'f32', 20_000);
    stated.set('.attention.sliding_window_pattern', 'u32', 2);
    expect(readSpec(stated.file).slidingWindow).toMatchObject({
      layers: Array.from({ length: 12 }, (_, i) => i % 2 === 0),
      ropeBase: 20_000,
    });
    const each = gemma(3)
      .set('.attention.sliding_window', 'u32', 4)
      .setArray('.attention.sliding_window_pattern', 'bool', [0, 1, 0]);
    expect(readSpec(each.file).slidingWindow?.layers).toEqual([false, true, false]);
    const llama = new PaperModel({ arch: 'llama' }).set('.attention.sliding_window', 'u32', 512);
    expect(readSpec(llama.file).slidingWindow).toBeUndefined();
  });

  it('know the experts of maple, and that only its sliding-window layers have positions', () => {
    const maple = () => new PaperModel({ arch: 'maple', nLayer: 4 });
    const layers = [true, true, true, false];
    const spec = readSpec(maple().file);
    expect(spec).toMatchObject({
      ffnDim: 192,
      experts: { count: 4, used: 2, clamps: [7, 7, 7, 7] },
      slidingWindow: { window: 512, layers, ropeBase: 10_000, ropeOnly: true },
    });
    expect(spec.decisions.some(({ warning }) => warning)).toBe(false);
    const stated = maple()
      .set('.feed_forward_length', 'u32', 5)
      .set('.rope.dimension_count', 'u32', 20)
      .set('.rope.freq_base', 'f32', 500)
      .setArray('.swiglu_clamp_exp', 'f32', [1, 0, 2, 1e-7]);
    expect(readSpec(stated.file)).toMatchObject({
      ffnDim: 192,
      experts: { clamps: [1, 0, 2, 0] },
      rope: { dim: 20, base: 500 },
      slidingWindow: { ropeBase: 500 },
    });
    stated.set('.rope.dimension_count_swa', 'u32', 10).set('.rope.freq_base_swa', 'f32', 700);
    expect(readSpec(stated.file).rope).toMatchObject({ dim: 10, base: 700 });
  });

  it('compute the rotary factors of Llama 3.1, unless the file has them as a tensor', () => {
    const model = () =>
      new PaperModel({ arch: 'llama', headDim: 128 })
        .set('.rope.freq_base', 'f32', 500_000)
        .set('.rope.scaling.type', 'string', 'llama3')
        .set('.rope.scaling.factor', 'f32', 8);
    const { scale, factors } = readSpec(model().file).rope;
    expect(scale).toBe(1);
    expect(factors).toHaveLength(64);
    // Waves of up to 8192 / 4 positions stay, from 8192 on they are stretched by 8.
    const wave = (j: number) => 2 * Math.PI * 500_000 ** (j / 64);
    factors!.forEach((factor, j) => {
      if (wave(j) < 2048) expect(factor).toBe(1);
      else if (wave(j) > 8192) expect(factor).toBe(8);
      else expect(factor > 1 && factor < 8, `${j}`).toBe(true);
    });
    // Half way between one and four waves in 8192 positions: 1 / ((1 - s) / 8 + s).
    const middle = factors!.findIndex((factor) => factor > 1);
    const s = (8192 / wave(middle) - 1) / 3;
    expect(factors![middle]).toBeCloseTo(1 / ((1 - s) / 8 + s), 12);
    const other = model()
      .set('.rope.scaling.original_context_length', 'u32', 4096)
      .set('.rope.scaling.low_freq_factor', 'f32', 2);
    expect(readSpec(other.file).rope.factors?.filter((factor) => factor === 8)).toHaveLength(
      Array.from({ length: 64 }, (_, j) => wave(j)).filter((length) => length > 2048).length,
    );
    const given = model().add('rope_freqs.weight', [64], 'F32');
    expect(readSpec(given.file).rope).toMatchObject({ scale: 1 });
    expect(readSpec(given.file).rope.factors).toBeUndefined();
  });

  type Case = [
    title: string,
    model: PaperModel,
    field: string,
    expected: string,
    found: string,
    advice?: string,
  ];
  const cases: Case[] = [
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
        .set('.rope.scaling.type', 'string', 'ntk')
        .set('.rope.scaling.factor', 'f32', 1),
      '.rope.scaling.type',
      '"none", "linear", "yarn", "longrope" or "llama3"',
      'the text "ntk"',
      notYet,
    ],
    [
      'scaling that is no text',
      new PaperModel().set('.rope.scaling.type', 'u32', 0),
      '.rope.scaling.type',
      '"none", "linear", "yarn", "longrope" or "llama3"',
      'the u32 0',
    ],
    [
      'a negative factor',
      new PaperModel().set('.rope.scaling.factor', 'f32', -1),
      '.rope.scaling.factor',
      'a number from 0.001 to 1000000',
      'the f32 -1',
    ],
    [
      'an original context of half a position',
      new PaperModel()
        .set('.rope.scaling.type', 'string', 'yarn')
        .set('.rope.scaling.original_context_length', 'f32', 0.5),
      '.rope.scaling.original_context_length',
      'an integer from 0 to 16777216',
      'the f32 0.5',
    ],
    [
      'a negative attention factor',
      new PaperModel().set('.rope.scaling.attn_factor', 'f32', -1.5),
      '.rope.scaling.attn_factor',
      'a number from 0.001 to 1000',
      'the f32 -1.5',
    ],
    [
      'experts',
      new PaperModel({ arch: 'llama' }).set('.expert_count', 'u32', 8),
      '.expert_count',
      '0, a model without experts',
      'the u32 8',
      notYet,
    ],
    ...(
      [
        ['no experts', '.expert_count', 0, 'an integer from 1 to 1024'],
        ['no experts for a token', '.expert_used_count', 0, 'an integer from 1 to 4'],
        [
          'more experts for a token than there are',
          '.expert_used_count',
          5,
          'an integer from 1 to 4',
        ],
        [
          'experts without neurons',
          '.expert_feed_forward_length',
          0,
          'an integer from 1 to 262144',
        ],
        ['a window of nothing', '.attention.sliding_window', 0, 'an integer from 1 to 16777216'],
        [
          'a period of windows',
          '.attention.sliding_window_pattern',
          4,
          'an array of 2 booleans, one per layer',
        ],
      ] as const
    ).map(
      ([title, key, value, expected]): Case => [
        title,
        new PaperModel({ arch: 'maple' }).set(key, 'u32', value),
        ...([key, expected, `the u32 ${value}`] as const),
      ],
    ),
    [
      'more experts than memory can name',
      new PaperModel({ arch: 'maple', nLayer: 70, experts: 1000 }),
      ...(['.expert_count', 'at most 65536 in all layers', '1000 in each of 70'] as const),
    ],
    [
      'clamps of other layers',
      new PaperModel({ arch: 'maple' }).setArray('.swiglu_clamp_exp', 'f32', [7, 7, 7]),
      ...(['.swiglu_clamp_exp', 'one number or 2, one per layer', 'an array of 3'] as const),
    ],
    [
      'a clamp below 0',
      new PaperModel({ arch: 'maple' }).setArray('.swiglu_clamp_exp', 'f32', [7, -7]),
      ...(['.swiglu_clamp_exp', 'a number from 0 to 1000000', 'the f32 -7'] as const),
    ],
    ...(
      [
        ['.expert_gating_func', '1, softmax', 'u32', 2],
        ['.expert_weights_norm', 'true', 'bool', false],
        ['.expert_weights_scale', '1', 'f32', 2.5],
        ['.expert_group_count', '1', 'u32', 8],
        ['.expert_shared_count', '0', 'u32', 1],
      ] as const
    ).map(
      ([key, expected, type, value]): Case => [
        `experts of another kind: ${key}`,
        new PaperModel({ arch: 'maple' }).set(key, type, value),
        ...([key, expected, `the ${type} ${value}`, notYet] as const),
      ],
    ),
    [
      'attention in both directions',
      new PaperModel().set('.attention.causal', 'bool', false),
      '.attention.causal',
      'true',
      'the bool false',
      notYet,
    ],
    [
      'a negative soft cap',
      new PaperModel({ arch: 'gemma3' }).set('.final_logit_softcapping', 'f32', -30),
      '.final_logit_softcapping',
      'a number from 0.001 to 1000000',
      'the f32 -30',
    ],
    [
      'a window of -1',
      new PaperModel({ arch: 'gemma3' }).set('.attention.sliding_window', 'i32', -1),
      '.attention.sliding_window',
      'an integer from 0 to 16777216',
      'the i32 -1',
    ],
    [
      'windows for too few layers',
      new PaperModel({ arch: 'gemma3' })
        .set('.attention.sliding_window', 'u32', 512)
        .setArray('.attention.sliding_window_pattern', 'bool', [1]),
      '.attention.sliding_window_pattern',
      'one number or 2 booleans, one per layer',
      'an array of 1',
    ],
    [
      'a pooling rule for rankings',
      new PaperModel({ arch: 'qwen3' }).set('.pooling_type', 'u32', 4),
      '.pooling_type',
      '0 (none), 1 (mean), 2 (first token) or 3 (last token)',
      'the u32 4',
      notYet,
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
