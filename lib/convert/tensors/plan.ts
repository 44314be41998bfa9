import {
  type GraphTensor,
  globalTensors,
  layerTensors,
  type Sizes,
  type TensorKind,
} from '../../model/spec/graph-tensors.js';
import type { SafetensorsTensor, TensorDirectory } from '../../safetensors/types.js';
import { describeSome } from '../config/config.js';
import type { CheckpointSizes } from '../config/sizes.js';
import type { Family } from '../families.js';
import { type Checkpoint, checkpointError, type PlannedTensor } from './checkpoint.js';
import { refuseLeftovers } from './leftovers.js';
import { expertNames, globalNames, headName, layerNamesOf } from './names.js';
import { rotatedHeads, valueHeads } from './orders.js';

/**
 * Pairs every tensor of the graph with one of the checkpoint, and checks shapes and dtypes; nothing is read.
 *
 * @throws ERR_BITNET_MODEL for a tensor that is missing, of another shape or not known, ERR_BITNET_TYPE for a dtype that it
 * cannot have
 */
export function planTensors(checkpoint: Checkpoint): PlannedTensor[] {
  const { tensors, prefix, graph, parameters } = checkpoint;
  const { sizes } = parameters;
  const planned: PlannedTensor[] = [];
  const plan = (row: GraphTensor<string>, name: string, names: readonly string[]) => {
    if (names.length === 0 || (row.when !== undefined && !row.when(graph))) return;
    const found = names.find((candidate) => tensors.has(candidate));
    if (found !== undefined) {
      planned.push(planTensor(checkpoint, row, name, tensors.get(found)!));
    } else if (!row.optional?.(graph)) {
      throw checkpointError(checkpoint, names[0]!, 'there', 'no such tensor', incomplete);
    }
  };
  for (const row of globalTensors) {
    const names = (globalNames[row.name] ?? []).map((name) => prefix + name);
    plan(row, row.name, row.name === 'output.weight' ? headNames(checkpoint) : names);
  }
  for (let layer = 0; layer < sizes.nLayer; layer++) {
    for (const row of layerTensors) {
      if (expertNames[row.name] !== undefined && sizes.experts !== undefined) {
        planned.push(planExperts(checkpoint, row, layer, sizes.experts.count));
      }
      if (row.of !== undefined && (row.of === 'recurrence') !== isRecurrent(sizes, layer)) continue;
      const names = layerNamesOf(row.name, graph).map((name) => `${prefix}layers.${layer}.${name}`);
      plan(row, `blk.${layer}.${row.name}`, names);
    }
  }
  refuseLeftovers(checkpoint, planned);
  return planned;
}

/** The matrices of all experts, as one tensor. */
function planExperts(
  checkpoint: Checkpoint,
  row: GraphTensor<string>,
  layer: number,
  count: number,
): PlannedTensor {
  const name = `blk.${layer}.${row.name}`;
  const parts = Array.from({ length: count }, (_, expert) => {
    const experts = `${checkpoint.prefix}layers.${layer}.mlp.experts`;
    const partName = `${experts}.${expert}.${expertNames[row.name]}`;
    const source = checkpoint.tensors.get(partName);
    if (source !== undefined) return planTensor(checkpoint, row, name, source);
    throw checkpointError(checkpoint, partName, 'there', 'no such tensor', incomplete);
  });
  const [first] = parts;
  return { ...first!, rows: first!.rows * count, parts };
}

const incomplete = 'the checkpoint is incomplete or of another model, download it again';

/** Names that the head may have; none where it is the embedding, or the model has none. */
function headNames(checkpoint: Checkpoint): string[] {
  const { tensors, prefix, parameters } = checkpoint;
  if (parameters.tied) return [];
  const names = [headName, `language_model.${headName}`, prefix + headName];
  // A bare model, such as one for embeddings, was saved without what comes after it.
  if (prefix === '' || names.some((name) => tensors.has(name))) return names;
  const found = 'no such tensor, though tie_word_embeddings is false';
  throw checkpointError(checkpoint, headName, 'there', found, incomplete);
}

function planTensor(
  checkpoint: Checkpoint,
  { name: part, kind, shape }: GraphTensor<string>,
  name: string,
  source: SafetensorsTensor,
): PlannedTensor {
  const { graph, family, parameters } = checkpoint;
  const { sizes } = parameters;
  const [rows, cols] = shape(shapeSizes(checkpoint));
  const map = mapOf(part, kind, family);
  const scaled =
    kind === 'projection' ? storedRule(checkpoint, source) : { rule: 'stored' as const };
  const packed = scaled.scale !== undefined;
  checkDtype(checkpoint, source, packed ? packedTrits : floats);
  checkShape(checkpoint, source, kind, packed ? Math.ceil(rows / 4) : rows, cols);
  return {
    ...{ name, kind, rows, cols, source },
    ...scaled,
    ...(graph.rope === 'norm' && rotatedHeads(part, sizes)),
    ...valueHeads(part, sizes),
    ...(map && { map }),
    ...(/^ssm_(alpha|beta)\./.test(part) && { plain: true as const }),
  };
}

function isRecurrent({ recurrent }: CheckpointSizes, layer: number): boolean {
  return recurrent?.layers[layer] ?? false;
}

function shapeSizes({ graph, parameters: { sizes } }: Checkpoint): Sizes {
  const { gatedAttention } = graph;
  return { ...sizes, rope: { dim: sizes.headDim }, ...(gatedAttention && { gatedAttention }) };
}

/** What each number of a vector becomes. */
function mapOf(part: string, kind: TensorKind, { normsFromOne }: Family): PlannedTensor['map'] {
  if (part === 'ssm_a') return (value) => -Math.exp(value);
  const isNorm = kind === 'vector' && /norm\.weight$/.test(part) && part !== 'ssm_norm.weight';
  return normsFromOne && isNorm ? (value) => value + 1 : undefined;
}

/** How one linear layer comes about: by the checkpoint's rule, unless it is an exception that is stored as it is. */
function storedRule(
  checkpoint: Checkpoint,
  { name, dtype }: SafetensorsTensor,
): Pick<PlannedTensor, 'rule' | 'scale'> {
  const { rule, except } = checkpoint.decision;
  const module = `.${name.replace(/\.weight$/, '')}.`;
  if (except.some((part) => module.includes(`.${part}.`))) return { rule: 'stored' };
  if (rule === 'absmean' || rule === 'stored') return { rule };
  const scaleName = `${name}_scale`;
  const scale = checkpoint.tensors.get(scaleName);
  if (scale === undefined && dtype !== 'U8') return { rule: 'stored' };
  if (scale === undefined) {
    throw checkpointError(checkpoint, scaleName, 'there', 'no such tensor', incomplete);
  }
  if (scale.shape.some((dim) => dim !== 1)) {
    const found = `the shape [${scale.shape.join(', ')}]`;
    throw checkpointError(checkpoint, scaleName, 'one number', found, incomplete);
  }
  checkDtype(checkpoint, scale, floats);
  return { rule, scale };
}

function checkShape(
  checkpoint: Checkpoint,
  { name, shape }: SafetensorsTensor,
  kind: TensorKind,
  rows: number,
  cols: number,
): void {
  // A convolution has one input for each output.
  const expected = kind === 'vector' ? [cols] : kind === 'filter' ? [rows, 1, cols] : [rows, cols];
  if (shape.length === expected.length && shape.every((dim, i) => dim === expected[i])) return;
  const wanted = `of shape [${expected.join(', ')}] to fit config.json`;
  throw checkpointError(checkpoint, name, wanted, `[${shape.join(', ')}]`, incomplete);
}

/** Dtypes of numbers that are taken as they are, and those of four trits a byte. */
const floats: readonly string[] = ['F16', 'BF16', 'F32', 'F64'];
const packedTrits: readonly string[] = ['U8'];

function checkDtype(
  checkpoint: Checkpoint,
  { name, dtype }: SafetensorsTensor,
  known: readonly string[],
): void {
  if (known.includes(dtype)) return;
  const list = known.length > 1 ? `${known.slice(0, -1).join(', ')} or ${known.at(-1)}` : known[0];
  const expected = `of dtype ${list} to fit config.json`;
  const advice = 'the checkpoint is damaged or of a kind that cannot be converted yet';
  throw checkpointError(checkpoint, name, expected, dtype, advice, 'ERR_BITNET_TYPE');
}

/** The prefix of all names, which differs with the class that a model was saved as. */
export function prefixOf(path: string, tensors: TensorDirectory): string {
  const ending = 'embed_tokens.weight';
  const known = [...tensors.keys()].filter((name) =>
    new RegExp(`^((model|language_model|text_model)\\.)*${ending}$`).test(name),
  );
  if (known.length === 1) return known[0]!.slice(0, -ending.length);
  const found = known.length === 0 ? 'no such tensor' : describeSome(known);
  throw checkpointError({ path }, `model.${ending}`, 'there, once', found, incomplete);
}
