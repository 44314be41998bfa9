import { quote } from '../../gguf/malformed.js';
import { type GraphTensor, layerTensors } from '../../model/spec/graph-tensors.js';
import type { SafetensorsTensor, TensorDirectory } from '../../safetensors/types.js';
import { checkpointError } from '../tensors/checkpoint.js';
import { layerNamesOf } from '../tensors/names.js';
import { type Arrangement, rotatedHeads } from '../tensors/orders.js';
import type { AdapterConfig } from './adapter-config.js';
import type { BaseModel } from './base-model.js';

/** The two matrices beside one projection. */
export interface AdapterPair extends Arrangement {
  /** Of the projection, in the GGUF file: `blk.0.attn_q.weight`. */
  readonly name: string;
  /** [rank, cols] */
  readonly a: SafetensorsTensor;
  /** [rows, rank], rows in the order of the checkpoint. */
  readonly b: SafetensorsTensor;
  readonly rank: number;
  /** B (A x) is multiplied by alpha / rank. */
  readonly alpha: number;
}

/**
 * Pairs the tensors of an adapter, and checks that each fits its projection.
 *
 * @param path of the adapter's folder, for errors
 * @throws ERR_BITNET_MODEL for a tensor that has no place or another shape, ERR_BITNET_TYPE for one of another dtype
 */
export function planAdapter(
  path: string,
  tensors: TensorDirectory,
  config: AdapterConfig,
  base: BaseModel,
): AdapterPair[] {
  const modules = new Map<string, { a?: SafetensorsTensor; b?: SafetensorsTensor }>();
  for (const [name, tensor] of tensors) {
    const [, module, half] =
      /^base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(name) ?? [];
    if (module === undefined) {
      throw fault(path, name, 'lora_A or lora_B of a linear layer', 'another one', notStored);
    }
    const pair = modules.get(module) ?? {};
    const key = half === 'A' ? 'a' : 'b';
    if (pair[key] !== undefined) throw fault(path, name, 'there once', 'another of its kind');
    modules.set(module, { ...pair, [key]: tensor });
  }
  if (modules.size === 0)
    throw fault(path, 'base_model.model.*.lora_A.weight', 'there', 'no tensor');
  const known = knownModules(base);
  return [...modules].map(([module, { a, b }]): AdapterPair => {
    const [present] = [a, b].filter((tensor) => tensor !== undefined);
    const { name, row } = placeOf(path, present!.name, module, base, known);
    if (a === undefined || b === undefined) {
      const half = `lora_${a === undefined ? 'A' : 'B'}`;
      throw fault(path, present!.name, `beside ${half} of the same layer`, 'it alone');
    }
    const { rank, alpha } = config.of(module);
    const [rows, cols] = row.shape(base.sizes);
    check(path, a, [rank, cols], base);
    check(path, b, [rows, rank], base);
    const { rope } = base.graph;
    return { name, a, b, rank, alpha, ...(rope === 'norm' && rotatedHeads(row.name, base.sizes)) };
  });
}

type Known = ReadonlyMap<string, GraphTensor<string>>;

/** The projections of a layer by what they are called in checkpoints: `self_attn.q_proj`. */
function knownModules({ graph }: BaseModel): Known {
  return new Map(
    layerTensors
      .filter(({ kind, when }) => kind === 'projection' && (when?.(graph) ?? true))
      .flatMap((row) =>
        layerNamesOf(row.name, graph).map((name) => [name.replace(/\.weight$/, ''), row] as const),
      ),
  );
}

function placeOf(
  path: string,
  tensor: string,
  module: string,
  { sizes, architecture }: BaseModel,
  known: Known,
) {
  const [, digits = '', part = ''] =
    /^(?:model\.|language_model\.)*layers\.(\d{1,9})\.(.+)$/.exec(module) ?? [];
  const row = known.get(part);
  if (row === undefined) {
    throw fault(
      path,
      tensor,
      `of a linear layer that ${architecture} has`,
      `${quote(module)}`,
      other,
    );
  }
  const layer = Number(digits);
  const recurrent = sizes.recurrent?.layers[layer] ?? false;
  const fits = row.of === undefined || (row.of === 'recurrence') === recurrent;
  if (layer < sizes.nLayer && fits) return { name: `blk.${layer}.${row.name}`, row };
  throw fault(
    path,
    tensor,
    `of a layer of the base, which has ${sizes.nLayer}`,
    `layer ${layer}`,
    other,
  );
}

const floats: readonly string[] = ['F16', 'BF16', 'F32', 'F64'];

function check(
  path: string,
  { name, dtype, shape }: SafetensorsTensor,
  expected: readonly number[],
  base: BaseModel,
): void {
  if (!floats.includes(dtype)) {
    throw checkpointError(
      { path },
      name,
      `of dtype ${floats.join(', ')}`,
      dtype,
      damaged,
      'ERR_BITNET_TYPE',
    );
  }
  if (shape.length === 2 && shape.every((dim, i) => dim === expected[i])) return;
  const wanted = `of shape [${expected.join(', ')}] to fit adapter_config.json and ${quote(base.path)}`;
  throw fault(path, name, wanted, `[${shape.join(', ')}]`, other);
}

function fault(path: string, name: string, expected: string, found: string, advice = damaged) {
  return checkpointError({ path }, name, expected, found, advice);
}

const damaged = 'the adapter is damaged, download it again';
const other = 'the adapter is damaged or of another model';
const notStored = 'adapters like this cannot be used';
