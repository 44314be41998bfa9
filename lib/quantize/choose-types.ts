import type { GgufFile, GgufTensor } from '../gguf/types.js';
import { isTernary } from '../model/spec/graph-tensors.js';
import { blockOf, isFloat, mainType, type QuantizeType, type TensorTypeName } from './types.js';

export interface TypeChoices {
  readonly type: QuantizeType;
  readonly tokenEmbeddingType?: TensorTypeName | undefined;
  readonly outputType?: TensorTypeName | undefined;
  /** Of tensors that keep their type. */
  readonly isKept: (name: string) => boolean;
}

/**
 * The type each tensor gets; undefined where it stays as it is. Ternary types are for the linear layers of the blocks: all else
 * stays, unless a type is asked for. Other types follow llama-quantize, with its mixtures.
 */
export function chooseTypes(file: GgufFile, choices: TypeChoices): (TensorTypeName | undefined)[] {
  const mixture = mixtureOf(file, choices.type);
  const tied = !file.tensors.some(({ name }) => name === headName);
  return file.tensors.map((tensor) => {
    const { name } = tensor;
    if (choices.isKept(name) || !isWeight(tensor)) return undefined;
    const { tokenEmbeddingType, outputType } = choices;
    const isHead = name === headName || (tied && name === embeddingName);
    const asked =
      (name === embeddingName ? tokenEmbeddingType : undefined) ??
      (isHead ? outputType : undefined);
    if (asked !== undefined) return asked;
    const main = mainType(choices.type);
    if (isTernary(main)) return isLinear(tensor) ? main : undefined;
    if (isFloat(main)) return main;
    return fitting(tensor, isHead ? headType(main, tensor) : (mixture(name) ?? main));
  });
}

const embeddingName = 'token_embd.weight';
const headName = 'output.weight';

/** What llama-quantize leaves alone: norms, routers, small tables. */
const left =
  /_norm\.weight$|ffn_gate_inp|altup|laurel|per_layer_model_proj|^position_embd|^token_types|ssm_conv1d|shortconv\.conv|attn_rel_b|indexer\.[kq]_proj|time_mix_(?:first|[wvag]\d|decay_w\d|lerp_fused)/;

function isWeight({ name, dims }: GgufTensor): boolean {
  const isMatrix = dims.slice(1).some((dim) => dim > 1);
  return isMatrix && name.endsWith('weight') && !left.test(name);
}

/** Projections of a block; the small ones that feed a recurrence or a low rank are not trained as ternary. */
function isLinear({ name, type }: GgufTensor): boolean {
  return /^blk\./.test(name) && (isTernary(type) || !/ssm_(?:alpha|beta|x|dt)\./.test(name));
}

function headType(main: TensorTypeName, { dims }: GgufTensor): TensorTypeName {
  return main === 'Q8_0' || dims[0]! % blockOf(main) !== 0 ? 'Q8_0' : 'Q6_K';
}

/** In place of types whose blocks do not fit. */
const smaller: Partial<Record<TensorTypeName, TensorTypeName>> = {
  Q4_K: 'Q5_0',
  Q5_K: 'Q5_1',
  Q6_K: 'Q8_0',
};

function fitting({ dims }: GgufTensor, type: TensorTypeName): TensorTypeName {
  const fits = (candidate: TensorTypeName) => dims[0]! % blockOf(candidate) === 0;
  if (fits(type)) return type;
  const other = smaller[type];
  return other !== undefined && fits(other) ? other : 'F16';
}

/** What a mixture gives more bits to than to the rest. */
function mixtureOf(
  file: GgufFile,
  type: QuantizeType,
): (name: string) => TensorTypeName | undefined {
  const arch = String(file.metadata.get('general.architecture'));
  const number = (key: string) => Number(file.metadata.get(`${arch}.${key}`) ?? 0);
  const layers = number('block_count');
  const eightExperts = number('expert_count') === 8;
  const grouped = number('attention.head_count') / number('attention.head_count_kv') >= 4;
  const values = file.tensors
    .map(({ name }) => name)
    .filter((name) => valueName.test(name))
    .sort((a, b) => layerOf(a) - layerOf(b));
  const placeOf = new Map(values.map((name, i) => [name, i]));
  const medium = type === 'Q4_K_M' || type === 'Q5_K_M';
  const small = type === 'Q4_K_S';
  const nonlinear = type === 'IQ4_NL';
  return (name) => {
    const layer = layerOf(name);
    if (valueName.test(name)) {
      if (eightExperts) return 'Q8_0';
      const i = placeOf.get(name)!;
      if (nonlinear && grouped) return 'Q5_K';
      if (medium && needsMore(i, values.length)) return 'Q6_K';
      return small && i < 4 ? 'Q5_K' : undefined;
    }
    if (/attn_k\.weight$/.test(name)) return eightExperts ? 'Q8_0' : undefined;
    if (/ffn_down/.test(name)) {
      if (medium && needsMore(layer, layers)) return 'Q6_K';
      const early = layer < Math.floor(layers / 8);
      return early && (nonlinear || small) ? 'Q5_K' : undefined;
    }
    if (/attn_output\.weight$/.test(name)) {
      return eightExperts && /^I?Q4_/.test(type) && type !== 'Q4_0' ? 'Q5_K' : undefined;
    }
    return undefined;
  };
}

const valueName = /attn_(?:v|qkv|kv_b)\.weight/;

function layerOf(name: string): number {
  return Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? 0);
}

/** The first and last eighth of the layers, and every third between. */
function needsMore(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}
