import type { Decision } from '../../decision.js';
import { largestOf } from '../../extremes.js';
import { quote } from '../../gguf/malformed.js';
import { readGguf } from '../../gguf/reader.js';
import type { GgufFile, GgufTensor } from '../../gguf/types.js';
import { type AdapterType, adapterTypes, type NativePair } from '../../native-types.js';
import { Keys } from '../spec/keys.js';
import { modelError } from '../spec/model-error.js';
import type { ModelSpec } from '../spec/spec.js';
import { type AdaptedLayer, adaptedLayers, otherModel } from './adapted-layers.js';
import type { AdapterPlan } from './adapter-plan.js';

/**
 * The plan of an adapter that llama.cpp's converter or this program has written.
 *
 * @throws ERR_BITNET_FILE, ERR_BITNET_GGUF, ERR_BITNET_MODEL for what is no LoRA adapter, or none of this model,
 * ERR_BITNET_TYPE
 */
export async function readGgufAdapter(path: string, spec: ModelSpec): Promise<AdapterPlan> {
  const file = await readGguf(path);
  const { stamp } = file;
  if (file.shards !== undefined || stamp === undefined) {
    throw modelError(path, 'the adapter', 'one file', 'a split one', 'merge its shards first');
  }
  const alpha = readKeys(file, spec.architecture);
  const { halves, decisions } = sorted(file);
  const layerOf = adaptedLayers(path, spec);
  const pairs = [...halves].map(([base, { a, b }]) => {
    const { name } = (a ?? b)!;
    const layer = layerOf(name, base);
    if (a === undefined || b === undefined) {
      const missing = `${base}.lora_${a === undefined ? 'a' : 'b'}`;
      throw fault(file, name, `beside ${quote(missing)}`, 'it alone');
    }
    return pairOf(file, a, b, layer, alpha);
  });
  if (pairs.length === 0) {
    throw modelError(path, 'the tensor count', 'at least 2', '0', otherModel);
  }
  const name = file.metadata.get('general.name');
  return {
    name: typeof name === 'string' ? name : '',
    stamp,
    pairs,
    rank: largestOf(pairs.map(({ rank }) => rank)),
    files: [path],
    decisions,
  };
}

/** Alpha; 0 where the scale of the caller is all there is. */
function readKeys(file: GgufFile, architecture: string): number {
  const general = new Keys(file, 'general');
  const adapter = new Keys(file, 'adapter');
  const expect = (keys: Keys, key: string, value: string, advice: string) => {
    if (keys.get(key) !== value) {
      throw keys.error(key, quote(value), keys.describe(key), advice);
    }
  };
  expect(general, 'type', 'adapter', 'this is no adapter');
  expect(adapter, 'type', 'lora', 'only LoRA adapters can be used');
  const base = general.get('architecture');
  if (base !== architecture && !(bitnetNames.includes(architecture) && isBitnet(base))) {
    const advice = 'the adapter is of another model';
    throw general.error(
      'architecture',
      quote(architecture),
      general.describe('architecture'),
      advice,
    );
  }
  if (adapter.get('alora.invocation_tokens') !== undefined) {
    const advice = 'adapters that begin in the middle of a text cannot be used yet';
    throw adapter.error('alora.invocation_tokens', 'absent', 'some', advice);
  }
  return adapter.number('lora.alpha', alphaRange, 0);
}

/**
 * Names of the 2B-4T model, whose adapters llama.cpp's converter calls `bitnet` as it does those of all BitNet models. So that name
 * tells nothing, and the shapes must fit anyway: such an adapter is taken. Where the model is `bitnet`, the other names are right.
 */
const bitnetNames: readonly string[] = ['bitnet-b1.58', 'bitnet-25'];
const isBitnet = (name: unknown) => name === 'bitnet' || bitnetNames.some((one) => one === name);

const alphaRange = { min: -(2 ** 20), max: 2 ** 20 };

interface Halves {
  readonly a?: GgufTensor;
  readonly b?: GgufTensor;
}

/** The tensors of a file by the matrix they belong to. */
function sorted(file: GgufFile): {
  readonly halves: ReadonlyMap<string, Halves>;
  readonly decisions: readonly Decision[];
} {
  const halves = new Map<string, Halves>();
  const norms: string[] = [];
  for (const tensor of file.tensors) {
    const { name } = tensor;
    const [, base, half] = /^(.+\.weight)\.lora_([ab])$/.exec(name) ?? [];
    if (base !== undefined) halves.set(base, { ...halves.get(base), [half!]: tensor });
    else if (/_norm\.weight$/.test(name)) norms.push(name);
    else throw fault(file, name, 'lora_a or lora_b of a matrix', 'another one');
  }
  if (norms.length === 0) return { halves, decisions: [] };
  const reason = 'llama.cpp does not use norms of an adapter either';
  return { halves, decisions: [{ subject: norms.join(', '), choice: 'left out', reason }] };
}

function pairOf(
  file: GgufFile,
  a: GgufTensor,
  b: GgufTensor,
  { slot, rows, cols }: AdaptedLayer,
  alpha: number,
): NativePair {
  const rank = b.dims[0] ?? 0;
  // Of an embedding A has a row for each token, and B makes rows of the embedding.
  const embedding = slot === -1;
  checkShape(file, b, [rank, embedding ? cols : rows]);
  checkShape(file, a, embedding ? [rank, rows] : [cols, rank]);
  if (rank === 0) throw fault(file, b.name, 'of a rank of at least 1', '0');
  return {
    ...{ slot, rank, factor: alpha === 0 ? 1 : alpha / rank, halvesApart: false },
    ...{ width: embedding ? rows : cols, rows: embedding ? cols : rows },
    a: { offset: a.offset, type: typeOf(file, a) },
    b: { offset: b.offset, type: typeOf(file, b) },
  };
}

function checkShape(file: GgufFile, { name, dims }: GgufTensor, expected: readonly number[]): void {
  if (dims.length === 2 && dims.every((dim, i) => dim === expected[i])) return;
  const wanted = `of shape [${expected.join(', ')}] to fit the model and its other half`;
  throw fault(file, name, wanted, `[${dims.join(', ')}]`);
}

function typeOf({ path }: GgufFile, { name, type }: GgufTensor): AdapterType {
  if ((adapterTypes as readonly string[]).includes(type)) return type as AdapterType;
  const field = `tensor ${quote(name)}`;
  const expected = `of type ${adapterTypes.slice(0, -1).join(', ')} or ${adapterTypes.at(-1)}`;
  const advice = 'convert the adapter again into one of these';
  throw modelError(path, field, expected, type, advice, 'ERR_BITNET_TYPE');
}

function fault({ path }: GgufFile, name: string, expected: string, found: string) {
  return modelError(path, `tensor ${quote(name)}`, expected, found, otherModel);
}
