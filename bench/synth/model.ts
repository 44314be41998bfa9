import { argumentError } from '../../lib/checks/options.js';
import { text, u32 } from '../../lib/gguf/typed.js';
import type { GgufTensorData, GgufTyped } from '../../lib/gguf/writer.js';
import { architectures } from '../../lib/model/spec/architectures.js';
import {
  blockWeights,
  formatTypes,
  hasBlockScales,
  isSynthFormat,
  type SynthFormat,
  type SynthScales,
  storedBytes,
  synthFormats,
  synthScales,
} from './formats.js';
import { branchGain, commonShare, gateTensor } from './gate.js';
import { WeightRandom } from './random.js';
import {
  attentionInterval,
  headColumns,
  type Shape,
  type ShapeName,
  shapes,
  stateColumns,
} from './shapes.js';
import { byteVocabulary } from './vocabulary.js';
import { f16Embedding, f32Trits, tritTensor } from './weights.js';

/** Tokens that convolutions of recurrent layers see. */
const taps = 4;

/** Everything that decides the bytes of a synthetic model. */
export interface SynthModel {
  readonly name: string;
  readonly shape: Shape;
  readonly format: SynthFormat;
  readonly scales: SynthScales;
  readonly seed: number;
  /** `[nLayer]` tilts of the gates; without them all trits are plain random ones. */
  readonly tilts?: readonly number[];
}

/** A model as callers ask for it. */
export interface SynthDescription {
  /** Whose hyper-parameters to take. */
  readonly shape: ShapeName;
  /**
   * How linear layers are stored; the embedding is F16, but for shapes of Bonsai in types with scales of blocks.
   * @default 'i2_s'
   */
  readonly format?: SynthFormat | undefined;
  /**
   * What has a scale of its own: the tensor, or in types whose blocks hold trits and a scale each row or each block.
   * @default 'tensor'
   */
  readonly scales?: SynthScales | undefined;
  /**
   * 1 to 1024.
   * @default those of the shape
   */
  readonly layers?: number | undefined;
  /**
   * From 0 to 2³² − 1; the same options give the same model.
   * @default 0
   */
  readonly seed?: number | undefined;
}

/** @throws ERR_BITNET_ARGUMENT */
export function describedModel(description: SynthDescription): SynthModel {
  const { shape: name, format = 'i2_s', scales = 'tensor', seed = 0 } = description;
  if (!Object.hasOwn(shapes, name)) {
    throw argumentError(`one of ${Object.keys(shapes).join(', ')}`, 'option shape', name);
  }
  const shape: Shape = shapes[name];
  if (!isSynthFormat(format)) {
    throw argumentError(`one of ${synthFormats.join(', ')}`, 'option format', format);
  }
  if (!synthScales.includes(scales)) {
    throw argumentError(`one of ${synthScales.join(', ')}`, 'option scales', scales);
  }
  if (scales !== 'tensor' && !hasBlockScales(format)) {
    const fit = synthFormats.filter(hasBlockScales).join(', ');
    throw argumentError(
      `a format that has scales of a ${scales} (${fit})`,
      'option format',
      format,
    );
  }
  const unfit = whyUnfit(name, format);
  if (unfit) throw argumentError(unfit, 'option format', format);
  const { layers = shape.nLayer } = description;
  if (!Number.isInteger(layers) || layers < 1 || layers > 1024) {
    throw argumentError('an integer from 1 to 1024', 'option layers', layers);
  }
  if (!(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)) {
    throw argumentError('an integer from 0 to 4294967295', 'option seed', seed);
  }
  return { name, shape: { ...shape, nLayer: layers }, format, scales, seed };
}

/** What format would be needed instead, where the rows of a shape are not whole blocks of this one. */
export function whyUnfit(name: ShapeName, format: SynthFormat): string | undefined {
  const shape: Shape = shapes[name];
  const { dim, ffnDim, states } = shape;
  const widths = [dim, ffnDim, headColumns(shape).queries];
  if (states) widths.push(stateColumns(states).values);
  const fits = (other: SynthFormat) => widths.every((n) => n % blockWeights(other) === 0);
  if (fits(format)) return undefined;
  const rows = `rows of ${dim} and ${ffnDim} weights, as ${name} has them, are whole blocks`;
  return `a format in which ${rows} (${synthFormats.filter(fits).join(', ')})`;
}

export function synthMetadata({ name, shape, format }: SynthModel): [string, GgufTyped][] {
  const { architecture: arch } = shape;
  return [
    ['general.architecture', text(arch)],
    ['general.name', text(`synthetic ${name}`)],
    ['general.file_type', u32(formatTypes(format).fileType)],
    ['general.quantization_version', u32(2)],
    [`${arch}.vocab_size`, u32(shape.vocabSize)],
    [`${arch}.context_length`, u32(shape.contextLength)],
    [`${arch}.embedding_length`, u32(shape.dim)],
    [`${arch}.block_count`, u32(shape.nLayer)],
    [`${arch}.feed_forward_length`, u32(shape.ffnDim)],
    [`${arch}.attention.head_count`, u32(shape.nHead)],
    [`${arch}.attention.head_count_kv`, u32(shape.nKvHead)],
    [`${arch}.rope.dimension_count`, u32(rotated(shape))],
    [`${arch}.rope.freq_base`, { type: 'f32', value: shape.ropeBase }],
    [`${arch}.attention.layer_norm_rms_epsilon`, { type: 'f32', value: 1e-5 }],
    ...Object.entries(shape.scales ?? {}).map(([part, value]): [string, GgufTyped] => [
      `${arch}.${part}_scale`,
      { type: 'f32', value },
    ]),
    ...headMetadata(shape),
    ...yarnMetadata(shape),
    ...expertMetadata(shape),
    ...stateMetadata(shape),
    ...byteVocabulary(shape.vocabSize),
  ];
}

/** Columns of a head that rotate: of Maple half of them, of Qwen 3.5 a quarter. */
function rotated({ architecture, dim, nHead, headDim = dim / nHead }: Shape): number {
  return headDim / (architecture === 'maple' ? 2 : architecture === 'qwen35' ? 4 : 1);
}

function yarnMetadata({
  architecture: arch,
  yarnFactor,
  contextLength,
}: Shape): [string, GgufTyped][] {
  if (!yarnFactor) return [];
  return [
    [`${arch}.rope.scaling.type`, text('yarn')],
    [`${arch}.rope.scaling.factor`, { type: 'f32', value: yarnFactor }],
    [`${arch}.rope.scaling.original_context_length`, u32(contextLength / yarnFactor)],
  ];
}

function headMetadata({ architecture: arch, headDim }: Shape): [string, GgufTyped][] {
  if (!headDim) return [];
  return ['key', 'value'].map((part) => [`${arch}.attention.${part}_length`, u32(headDim)]);
}

/** The recurrent layers of Qwen 3.5. */
function stateMetadata({ architecture: arch, states }: Shape): [string, GgufTyped][] {
  if (!states) return [];
  const u32 = (key: string, value: number): [string, GgufTyped] => [
    `${arch}.${key}`,
    { type: 'u32', value },
  ];
  return [
    // Of the rotated half of a head: text, height and width of images; other engines require them.
    [
      `${arch}.rope.dimension_sections`,
      { type: 'array', elementType: 'i32', values: [11, 11, 10, 0] },
    ],
    u32('full_attention_interval', attentionInterval),
    u32('ssm.conv_kernel', taps),
    u32('ssm.state_size', states.dim),
    u32('ssm.group_count', states.keyHeads),
    u32('ssm.time_step_rank', states.valueHeads),
    u32('ssm.inner_size', stateColumns(states).values),
  ];
}

/** The experts of Maple, and its windows: of four layers the last sees everything. */
function expertMetadata({
  architecture: arch,
  experts,
  ffnDim,
  nLayer,
}: Shape): [string, GgufTyped][] {
  if (!experts) return [];
  const layers = Array.from({ length: nLayer }, (_, layer) => layer);
  return [
    [`${arch}.expert_count`, u32(experts.count)],
    [`${arch}.expert_used_count`, u32(experts.used)],
    [`${arch}.expert_feed_forward_length`, u32(ffnDim)],
    [
      `${arch}.swiglu_clamp_exp`,
      { type: 'array', elementType: 'f32', values: layers.map(() => 7) },
    ],
    [`${arch}.attention.sliding_window`, u32(512)],
    [
      `${arch}.attention.sliding_window_pattern`,
      { type: 'array', elementType: 'bool', values: layers.map((layer) => layer % 4 !== 3) },
    ],
  ];
}

/** The tensors in file order; their data is made when it is written. */
export function synthTensors(model: SynthModel): GgufTensorData[] {
  const { shape, tilts } = model;
  const { dim, ffnDim } = shape;
  const { queries, keys } = headColumns(shape);
  const { subNorms, headNorms } = architectures.get(shape.architecture)!;
  const share = tilts ? commonShare : 0;
  const direction = commonDirection(dim, share, model.seed);
  const linear = (name: string, rows: number, cols: number): GgufTensorData =>
    linearTensor(model, name, rows, cols);
  const gate = (name: string, layer: number): GgufTensorData => {
    if (!tilts) return linear(name, ffnDim, dim);
    const scale = tritScale(name, dim);
    const chunks = gateTensor(ffnDim, direction, tilts[layer]!, scale, model, model.seed, name);
    return matrix(name, model.format, ffnDim, dim, chunks);
  };
  const table = (name: string): GgufTensorData =>
    shape.ternaryTables && hasBlockScales(model.format)
      ? linear(name, shape.vocabSize, dim)
      : embeddingTensor(model, name, direction, share);
  const { experts } = shape;
  const headNormTensors = (name: (part: string) => string) => [
    constant(name('attn_q_norm'), queries / shape.nHead),
    constant(name('attn_k_norm'), queries / shape.nHead),
  ];
  return [
    table('token_embd.weight'),
    constant('output_norm.weight', dim),
    ...(shape.ownHead ? [table('output.weight')] : []),
    ...Array.from({ length: shape.nLayer }, (_, layer) => {
      const name = (part: string) => `blk.${layer}.${part}.weight`;
      const attention = [
        linear(name('attn_q'), shape.states ? 2 * queries : queries, dim),
        linear(name('attn_k'), keys, dim),
        linear(name('attn_v'), keys, dim),
        linear(name('attn_output'), dim, queries),
      ];
      if (shape.states) {
        const attends = (layer + 1) % attentionInterval === 0;
        return [
          constant(name('attn_norm'), dim),
          constant(name('post_attention_norm'), dim),
          ...(attends
            ? [...attention, ...headNormTensors(name)]
            : stateTensors(model, layer, shape.states)),
          gate(name('ffn_gate'), layer),
          linear(name('ffn_up'), ffnDim, dim),
          linear(name('ffn_down'), dim, ffnDim),
        ];
      }
      if (experts) {
        return [
          constant(name('attn_norm'), dim),
          ...headNormTensors(name),
          constant(name('ffn_norm'), dim),
          ...attention,
          routerTensor(model, name('ffn_gate_inp'), experts.count),
          expertTensor(model, name('ffn_gate_exps'), ffnDim, dim, experts.count),
          expertTensor(model, name('ffn_up_exps'), ffnDim, dim, experts.count),
          expertTensor(model, name('ffn_down_exps'), dim, ffnDim, experts.count),
        ];
      }
      return [
        constant(name('attn_norm'), dim),
        ...(subNorms ? [constant(name('attn_sub_norm'), dim)] : []),
        constant(name('ffn_norm'), dim),
        ...(subNorms ? [constant(name('ffn_sub_norm'), ffnDim)] : []),
        ...(headNorms ? headNormTensors(name) : []),
        ...attention,
        gate(name('ffn_gate'), layer),
        linear(name('ffn_up'), ffnDim, dim),
        linear(name('ffn_down'), dim, ffnDim),
      ];
    }).flat(),
  ];
}

/** The matrices of all experts, one after the other. */
function expertTensor(
  model: SynthModel,
  name: string,
  rows: number,
  cols: number,
  experts: number,
): GgufTensorData {
  return { ...linearTensor(model, name, rows * experts, cols), dims: [cols, rows, experts] };
}

/** F32, as in all files. */
function routerTensor(model: SynthModel, name: string, experts: number): GgufTensorData {
  return f32Tensor(model, name, experts, model.shape.dim);
}

function f32Tensor({ seed }: SynthModel, name: string, rows: number, cols: number): GgufTensorData {
  const chunks = f32Trits(rows, cols, tritScale(name, cols), seed, name);
  const data = { bytes: rows * cols * 4, chunks };
  return { name, dims: [cols, rows], type: 'F32', data };
}

/** What a recurrent layer has in front of its feed-forward network; what is small is F32. */
function stateTensors(
  model: SynthModel,
  layer: number,
  states: NonNullable<Shape['states']>,
): GgufTensorData[] {
  const { dim } = model.shape;
  const { values, channels } = stateColumns(states);
  const { valueHeads } = states;
  const name = (part: string) => `blk.${layer}.${part}`;
  return [
    linearTensor(model, name('attn_qkv.weight'), channels, dim),
    linearTensor(model, name('attn_gate.weight'), values, dim),
    f32Tensor(model, name('ssm_alpha.weight'), valueHeads, dim),
    f32Tensor(model, name('ssm_beta.weight'), valueHeads, dim),
    f32Tensor(model, name('ssm_conv1d.weight'), channels, taps),
    constant(name('ssm_dt.bias'), valueHeads),
    constant(name('ssm_a'), valueHeads),
    constant(name('ssm_norm.weight'), states.dim),
    linearTensor(model, name('ssm_out.weight'), dim, values),
  ];
}

function linearTensor(model: SynthModel, name: string, rows: number, cols: number): GgufTensorData {
  const chunks = tritTensor(model, rows, cols, tritScale(name, cols), model.seed, name);
  return matrix(name, model.format, rows, cols, chunks);
}

function matrix(
  name: string,
  format: SynthFormat,
  rows: number,
  cols: number,
  chunks: Iterable<Uint8Array>,
): GgufTensorData {
  const bytes = storedBytes(format, rows, cols)!;
  return { name, dims: [cols, rows], type: formatTypes(format).type, data: { bytes, chunks } };
}

/**
 * The scale of a matrix of trits: their product with values around one is around one, or a small part of a residual stream. Those of
 * an embedding have a deviation of one.
 */
export function tritScale(name: string, cols: number): number {
  if (name === 'token_embd.weight') return Math.SQRT2;
  return (/attn_output|ffn_down|ssm_out/.test(name) ? branchGain : 1) * unitScale(cols);
}

/** A row of trits times values around one has a deviation of scale · √(cols / 2): this scale makes it one. */
function unitScale(cols: number): number {
  return Math.sqrt(2 / cols);
}

function embeddingTensor(
  { shape, seed }: SynthModel,
  name: string,
  direction: Float64Array,
  share: number,
): GgufTensorData {
  const { vocabSize, dim } = shape;
  const chunks = f16Embedding(vocabSize, direction, Math.sqrt(1 - share), seed, name);
  return {
    name,
    dims: [dim, vocabSize],
    type: 'F16',
    data: { bytes: vocabSize * dim * 2, chunks },
  };
}

function constant(name: string, length: number): GgufTensorData {
  const data = new Uint8Array(new Float32Array(length).fill(constantOf(name)).buffer);
  return { name, dims: [length], type: 'F32', data };
}

/** Every value of a vector: norms do nothing, and the states of recurrent layers fade. */
export function constantOf(name: string): number {
  return name.endsWith('ssm_a') ? -1 : 1;
}

/** ±√share in every component. */
function commonDirection(dim: number, share: number, seed: number): Float64Array {
  const words = new Uint32Array(dim);
  new WeightRandom(seed, 'common direction').fill(words);
  return Float64Array.from(words, (word) => (word & 1 ? 1 : -1) * Math.sqrt(share));
}
