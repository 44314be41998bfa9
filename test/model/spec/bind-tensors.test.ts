import { describe, expect, it } from 'vitest';
import { readSpec } from '../../../lib/model/spec/read-spec.js';
import { damaged, notYet, PaperModel, refusal } from '../paper-model.js';

const dense = [
  'F16',
  'BF16',
  'F32',
  'Q8_0',
  'Q6_K',
  'Q4_0',
  'Q4_K',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q5_K',
  'IQ4_NL',
];

describe('tensors', () => {
  const shapes: [name: string, dims: number[], expected: string][] = [
    ['token_embd.weight', [64, 300], '[128, 300]'],
    ['output_norm.weight', [129], '[128]'],
    ['blk.0.attn_norm.weight', [128, 2], '[128]'],
    ['blk.1.attn_sub_norm.weight', [192], '[128]'],
    ['blk.1.ffn_sub_norm.weight', [128], '[192]'],
    ['blk.0.ffn_norm.weight', [1], '[128]'],
    ['blk.0.attn_q.weight', [128, 64], '[128, 128]'],
    ['blk.0.attn_k.weight', [128, 128], '[128, 64]'],
    ['blk.0.attn_v.weight', [64, 128], '[128, 64]'],
    ['blk.0.attn_output.weight', [128], '[128, 128]'],
    ['blk.1.ffn_gate.weight', [192, 128], '[128, 192]'],
    ['blk.1.ffn_up.weight', [128, 192, 2], '[128, 192]'],
    ['blk.1.ffn_down.weight', [128, 192], '[192, 128]'],
  ];
  it.each(shapes)('are refused in another shape: %s', (name, dims, expected) => {
    const error = refusal(new PaperModel().change(name, { dims }));
    expect(error.message).toBe(
      `Expected tensor "${name}" of "paper.gguf" to be of shape ${expected} to fit the metadata, but found [${dims.join(', ')}]; ${damaged}.`,
    );
    expect(error.code).toBe('ERR_BITNET_MODEL');
  });

  it.each([
    ['blk.0.ffn_gate_inp.weight', [128, 5], '[128, 4]'],
    ['blk.0.ffn_gate_exps.weight', [128, 192], '[128, 192, 4]'],
    ['blk.0.ffn_up_exps.weight', [128, 192, 3], '[128, 192, 4]'],
    ['blk.1.ffn_up_exps.weight', [128, 768], '[128, 192, 4]'],
    ['blk.1.ffn_up_exps.weight', [128, 192, 4, 2], '[128, 192, 4]'],
    ['blk.1.ffn_down_exps.weight', [128, 192, 4], '[192, 128, 4]'],
  ] as [string, number[], string][])(
    'of experts are refused in another shape: %s %j',
    (name, dims, expected) => {
      const error = refusal(new PaperModel({ arch: 'maple' }).change(name, { dims }));
      expect(error.message).toBe(
        `Expected tensor "${name}" of "paper.gguf" to be of shape ${expected} to fit the metadata, but found [${dims.join(', ')}]; ${damaged}.`,
      );
    },
  );

  it('of experts are bound with their number, and in I2_S fill whole blocks together', () => {
    const file = new PaperModel({ arch: 'maple', dim: 96, nHead: 2, nKvHead: 2, ffnDim: 3 }).file;
    const of = (name: string) => readSpec(file).tensors.find((tensor) => tensor.role === name);
    expect(of('ffn_gate_exps')).toMatchObject({ rows: 3, cols: 96, experts: 4, type: 'I2_S' });
    expect(of('ffn_down_exps')).toMatchObject({ rows: 96, cols: 3, experts: 4 });
    expect(of('ffn_gate_inp')).toMatchObject({ rows: 4, cols: 96 });
    expect(of('ffn_gate_inp')).not.toHaveProperty('experts');
  });

  it('may have further dimensions of 1', () => {
    const model = new PaperModel()
      .change('blk.0.attn_norm.weight', { dims: [128, 1, 1] })
      .change('blk.0.attn_q.weight', { dims: [128, 128, 1] });
    expect(readSpec(model.file).tensors).toHaveLength(24);
  });

  it.each([
    'output_norm.weight',
    ...['attn_norm', 'attn_q', 'attn_k', 'attn_v', 'attn_sub_norm', 'attn_output'].map(
      (name) => `blk.1.${name}.weight`,
    ),
    ...['ffn_norm', 'ffn_gate', 'ffn_up', 'ffn_sub_norm', 'ffn_down'].map(
      (name) => `blk.0.${name}.weight`,
    ),
  ])('must not be missing: %s', (name) => {
    expect(refusal(new PaperModel().remove(name)).message).toBe(
      `Expected tensor "${name}" of "paper.gguf" to be there, but found no such tensor; ${damaged}.`,
    );
  });

  it.each([
    ...['I2_S', 'TQ1_0', 'TQ2_0', 'IQ1_BN', 'IQ2_BN', 'IQ2_BN_R4', 'Q2_0', 'Q2_0_G128', 'PQ2_0'],
    'PTQ1_0',
    ...dense,
  ])('of projections may be %s', (weightType) => {
    const model = new PaperModel({ weightType, dim: 256, ffnDim: 512 });
    expect(readSpec(model.file).tensors.some(({ type }) => type === weightType)).toBe(true);
  });

  it.each([...dense, 'TQ1_0', 'TQ2_0', 'Q2_0', 'PQ2_0', 'PTQ1_0'])(
    'of embedding and head may be %s',
    (headType) => {
      const { tensors } = readSpec(new PaperModel({ headType, dim: 256, tied: false }).file);
      expect(
        tensors.filter(({ type, cols, rows }) => type === headType && cols === 256 && rows === 300),
      ).toHaveLength(2);
    },
  );

  it.each(['F16', 'BF16', 'F32'])('of norms may be %s', (type) => {
    const model = new PaperModel().change('blk.0.attn_norm.weight', { type });
    expect(readSpec(model.file).tensors.find(({ role }) => role === 'attn_norm')?.type).toBe(type);
  });

  const denseList = 'F16, BF16, F32, Q8_0, Q6_K, Q4_0, Q4_K, Q4_1, Q5_0, Q5_1, Q5_K';
  const projections = `I2_S, TL1, TL2, TQ1_0, TQ2_0, Q2_0, Q2_0_G128, PQ2_0, PTQ1_0, IQ1_BN, IQ2_BN, IQ2_BN_R4, IQ1_BN without scales, IQ2_BN without scales, ${denseList} or IQ4_NL`;
  const tables = `${denseList}, IQ4_NL, TQ1_0, TQ2_0, Q2_0, Q2_0_G128, PQ2_0 or PTQ1_0`;
  const quantize = 'get the model as one of these types, which llama-quantize makes of an F16 file';
  const convert = 'convert the model with weights of one of these types, I2_S if ternary';
  it.each([
    ...[
      ...['Q2_K', 'Q3_K', 'Q8_K', 'Q8_1', 'Q6_0', 'IQ1_S', 'IQ1_M', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S'],
      ...['IQ3_XXS', 'IQ3_S', 'IQ4_XS', 'MXFP4', 'NVFP4', 'Q4_0_4_4', 'Q4_0_8_8', 'IQ4_NL_4_4'],
    ].flatMap((type): [string, string, string, string][] => [
      ['blk.0.ffn_up.weight', type, projections, quantize],
      ['token_embd.weight', type, tables, quantize],
    ]),
    ['blk.0.ffn_up.weight', 'type 77', projections, convert],
    ['token_embd.weight', 'I2_S', tables, convert],
    ['token_embd.weight', 'IQ2_BN_R4', tables, convert],
    [
      'blk.0.ffn_up.weight',
      'STQ1_0',
      projections,
      'models of this type (1.25 bits a weight, one zero in four) cannot run yet: get the model as TQ1_0, TQ2_0 or F16',
    ],
    ['output_norm.weight', 'Q8_0', 'F32, F16 or BF16', convert],
  ])('%s is refused as %s', (name, type, expected, advice) => {
    const error = refusal(new PaperModel().change(name, { type }));
    expect(error.message).toBe(
      `Expected tensor "${name}" of "paper.gguf" to be of type ${expected}, but found ${type}; ${advice}.`,
    );
    expect(error.code).toBe('ERR_BITNET_TYPE');
  });

  it('of type I2_S must have a multiple of 128 elements, but not of columns', () => {
    expect(readSpec(new PaperModel({ ffnDim: 97 }).file).ffnDim).toBe(97);
    const error = refusal(new PaperModel({ dim: 96, ffnDim: 97, nHead: 2, nKvHead: 2 }));
    expect(error.message).toBe(
      'Expected tensor "blk.0.ffn_gate.weight" of "paper.gguf" to be a multiple of 128 elements, because I2_S stores them by 128, but found 97 × 96; the file lacks the last of them, convert the model to another type.',
    );
    expect(error.code).toBe('ERR_BITNET_TYPE');
  });

  it('of type I2_S must fit the layout that was asked for', () => {
    const refused = (model: PaperModel, i2sLayout: 'arm64' | 'rows4') => {
      expect(() => readSpec(model.file, { i2sLayout })).toThrowError(
        expect.objectContaining({ code: 'ERR_BITNET_TYPE' }),
      );
      return (name: string, count: string, unit: string, found: string) =>
        expect(() => readSpec(model.file, { i2sLayout })).toThrow(
          `Expected tensor "${name}" of "paper.gguf" to be a multiple of ${count}, because the layout ${i2sLayout} of I2_S stores them by ${unit}, but found ${found}; use another i2sLayout (--i2s-layout).`,
        );
    };
    const sizes = { dim: 96, ffnDim: 97, nHead: 2, nKvHead: 2 };
    refused(new PaperModel(sizes), 'arm64')(
      'blk.0.ffn_gate.weight',
      '64 elements',
      '64',
      '97 × 96',
    );
    refused(new PaperModel(sizes), 'rows4')('blk.0.ffn_gate.weight', '4 rows', '4', '97 × 96');
    const { tensors } = readSpec(new PaperModel().file, { i2sLayout: 'arm64' });
    expect(tensors.filter(({ type }) => type === 'I2_S arm64')).toHaveLength(14);
  });

  it('of scales are bound to their matrix', () => {
    const model = new PaperModel().add('blk.1.ffn_down.scale', [1], 'F32');
    const { tensors, unused, decisions } = readSpec(model.file);
    const { offset } = model.file.tensors.find(({ name }) => name === 'blk.1.ffn_down.scale')!;
    const scaled = tensors.filter(({ scaleOffset }) => scaleOffset !== undefined);
    expect(scaled).toMatchObject([{ name: 'blk.1.ffn_down.weight', scaleOffset: offset }]);
    expect(unused).toEqual([]);
    expect(decisions.at(-1)?.choice).toBe('1 tensor "….scale"');
  });

  it.each([
    ['blk.0.attn_norm.bias', 'a bias', 'bitnet-b1.58'],
    ['output.bias', 'a bias', 'llama'],
    ['output.scale', 'a scale', 'bitnet'],
    ['blk.7.ffn_down.scale', 'a scale', 'bitnet'],
    ['blk.1.ffn_down.input_scale', 'a scale', 'llama'],
    ['blk.0.attn_q_norm_in.weight', 'a norm before a projection', 'llama'],
    ['blk.0.ffn_down_norm_in.weight', 'a norm before a projection', 'llama'],
    ['blk.0.attn_q_norm.weight', 'a norm of query or key heads', 'llama'],
    ['blk.0.attn_k_norm.weight', 'a norm of query or key heads', 'bitnet'],
    ['blk.0.attn_sub_norm.weight', 'a norm before the last projection', 'llama'],
    ['blk.0.post_attention_norm.weight', 'a norm after a layer', 'llama'],
    ['blk.0.attn_sub_norm.weight', 'a norm before the last projection', 'qwen3'],
    ['blk.1.attn_q_norm_in.weight', 'a norm before a projection', 'qwen3'],
    ['blk.0.post_ffw_norm.weight', 'a norm after a layer', 'qwen3'],
    ['blk.0.ffn_gate_inp.weight', 'experts', 'llama'],
    ['blk.0.ffn_up_exps.weight', 'experts', 'qwen3'],
    ['blk.0.ffn_up_shexp.weight', 'experts', 'maple'],
    ['blk.0.ffn_gate_exps.bias', 'a bias', 'maple'],
    ['blk.0.ffn_gate.bias', 'a bias', 'maple'],
    ['blk.0.ffn_up.bias', 'a bias', 'maple'],
    ['blk.1.ffn_down.bias', 'a bias', 'maple'],
    ['blk.0.ffn_norm.weight', 'a norm before a layer', 'qwen35'],
  ])('that the graph lacks are refused when they mean something: %s', (name, what, arch) => {
    const error = refusal(new PaperModel({ arch }).add(name, [128], 'F32'));
    expect(error.message).toBe(
      `Expected tensor "${name}" of "paper.gguf" to be absent from a model of architecture ${arch}, but found ${what} that the model was trained with; ${notYet}.`,
    );
    expect(error.code).toBe('ERR_BITNET_MODEL');
  });

  it('of biases may be there for every projection of every graph', () => {
    const model = new PaperModel();
    const names = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'];
    const lengths = [128, 64, 64, 128, 192, 192, 128];
    names.forEach((name, i) => {
      model.add(`blk.1.${name}.bias`, [lengths[i]!], 'F32');
    });
    const bound = readSpec(model.file).tensors.filter(({ role }) => role.endsWith('_bias'));
    expect(bound.map(({ role, layer, cols }) => [role, layer, cols])).toEqual(
      names.map((name, i) => [`${name}_bias`, 1, lengths[i]]),
    );
  });

  it.each([
    ['qwen2', 'blk.1.attn_v.bias'],
    ['qwen3', 'blk.1.attn_k_norm.weight'],
    ['qwen3', 'blk.1.ffn_down_norm_in.weight'],
    ['gemma3', 'blk.0.post_ffw_norm.weight'],
    ['gemma3', 'blk.0.attn_output_norm_in.weight'],
    ['maple', 'output.weight'],
    ['maple', 'blk.1.ffn_gate_inp.weight'],
    ['maple', 'blk.0.ffn_down_exps.weight'],
  ])('of %s must not be missing: %s', (arch, name) => {
    const model = new PaperModel({ arch, projectionNorms: name.includes('norm_in') });
    expect(readSpec(model.file).unused).toEqual([]);
    expect(refusal(model.remove(name)).message).toBe(
      `Expected tensor "${name}" of "paper.gguf" to be there, but found no such tensor; ${damaged}.`,
    );
  });

  it('of norms before the last projections are sub-norms under another name', () => {
    const { tensors } = readSpec(new PaperModel({ arch: 'qwen3', projectionNorms: true }).file);
    const nameOf = (role: string) => tensors.find((tensor) => tensor.role === role)?.name;
    expect(nameOf('attn_sub_norm')).toBe('blk.0.attn_output_norm_in.weight');
    expect(nameOf('ffn_sub_norm')).toBe('blk.0.ffn_down_norm_in.weight');
    expect(nameOf('attn_v_norm_in')).toBe('blk.0.attn_v_norm_in.weight');
  });

  it('that the graph does not need are listed', () => {
    const model = new PaperModel({ arch: 'llama' })
      .add('blk.0.attn_rot_embd.inv_freq', [16], 'F32')
      .add('blk.9.attn_q.weight', [7], 'type 77');
    expect(readSpec(model.file).unused).toEqual([
      'blk.0.attn_rot_embd.inv_freq',
      'blk.9.attn_q.weight',
    ]);
  });
});
