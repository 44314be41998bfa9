import { quote } from '../../gguf/malformed.js';
import type { GgufFile, GgufTensor } from '../../gguf/types.js';
import type { Graph } from './architectures.js';
import {
  type GraphTensor,
  globalTensors,
  layerTensors,
  meaningfulTensors,
  type Sizes,
  supportedTypes,
  type TensorRole,
} from './graph-tensors.js';
import { modelError, notYet } from './model-error.js';
import { scaleNameOf, scaleTensorOf } from './scale-tensors.js';
import type { TensorBinding } from './spec.js';
import { type StorageOverrides, storageOf } from './ternary-storage.js';

/**
 * Finds every tensor of the graph in the file and checks its shape and type. `unused` are the
 * names of the others. `storage` says what the file does not about ternary tensors.
 *
 * @throws ERR_BITNET_MODEL for a tensor that is missing, has another shape, or would have to be
 * used and cannot be; ERR_BITNET_TYPE for a type the engine does not read
 */
export function bindTensors(
  file: GgufFile,
  graph: Graph,
  sizes: Sizes & { readonly nLayer: number },
  storage: StorageOverrides = {},
): { tensors: TensorBinding[]; unused: string[] } {
  const byName = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
  const tensors: TensorBinding[] = [];
  const bind = (row: GraphTensor<TensorRole>, layer: number, name: string, otherName?: string) => {
    if (row.when !== undefined && !row.when(graph)) return;
    const recurrent = sizes.recurrent?.layers[layer] ?? false;
    const attends = !recurrent || sizes.recurrent?.stateSpace === true;
    if (!{ attention: attends, recurrence: recurrent, all: true }[row.of ?? 'all']) return;
    const tensor = byName.get(name) ?? byName.get(otherName ?? name);
    if (tensor !== undefined) {
      const binding = bindTensor(file, row, layer, tensor, sizes);
      tensors.push(
        row.kind === 'projection' ? bindStorage(file, binding, byName, storage) : binding,
      );
    } else if (!row.optional?.(graph)) throw missingTensor(file, name);
  };
  for (const row of globalTensors) bind(row, -1, row.name);
  for (let layer = 0; layer < sizes.nLayer; layer++) {
    const nameOf = (name: string) => `blk.${layer}.${name}`;
    for (const row of layerTensors) {
      bind(row, layer, nameOf(row.name), row.otherName && nameOf(row.otherName));
    }
  }
  const used = new Set(
    tensors.flatMap(({ name, scaleOffset }) =>
      scaleOffset === undefined ? [name] : [name, scaleNameOf(name)],
    ),
  );
  const unused = file.tensors.map(({ name }) => name).filter((name) => !used.has(name));
  // The blocks behind the layers are for speculation: they change no logits.
  const ofLayers = (name: string) => Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? 0) < sizes.nLayer;
  refuseMeaningful(file, graph, graph.deltaNet ? unused.filter(ofLayers) : unused);
  return { tensors, unused };
}

export function missingTensor(file: GgufFile, name: string) {
  return modelError(file.path, `tensor ${quote(name)}`, 'there', 'no such tensor');
}

function bindTensor(
  file: GgufFile,
  { role, kind, shape, dims: dimsOf }: GraphTensor<TensorRole>,
  layer: number,
  { name, dims, type, offset, bytes, shard }: GgufTensor,
  sizes: Sizes,
): TensorBinding {
  const [rows, cols, experts] = shape(sizes);
  const field = `tensor ${quote(name)}`;
  const usual = kind === 'vector' ? [cols] : [cols, rows, ...(experts ? [experts] : [])];
  const expected = dimsOf?.(sizes) ?? usual;
  const same = expected.every((dim, i) => (dims[i] ?? 1) === dim);
  if (!same || dims.slice(expected.length).some((dim) => dim !== 1)) {
    const wanted = `of shape [${expected.join(', ')}] to fit the metadata`;
    throw modelError(file.path, field, wanted, `[${dims.join(', ')}]`);
  }
  const types = supportedTypes[kind];
  if (!types.includes(type)) {
    const wanted = `of type ${types.slice(0, -1).join(', ')} or ${types.at(-1)}`;
    throw modelError(file.path, field, wanted, type, adviceFor(type), 'ERR_BITNET_TYPE');
  }
  const stacked = experts === undefined ? {} : { experts };
  const binding = { role, layer, name, type, rows, cols, ...stacked, offset, bytes };
  return shard === undefined ? binding : { ...binding, shard };
}

/** A projection with how it is stored and where a scale of its own lies. */
function bindStorage(
  file: GgufFile,
  binding: TensorBinding,
  byName: ReadonlyMap<string, GgufTensor>,
  storage: StorageOverrides,
): TensorBinding {
  const scale = scaleTensorOf(file, binding, byName);
  return {
    ...binding,
    ...storageOf(file, binding, storage),
    ...(scale && { scaleOffset: scale.offset }),
    ...(scale?.shard !== undefined && { scaleShard: scale.shard }),
  };
}

function adviceFor(type: string): string {
  if (otherQuantized.test(type)) {
    return 'get the model as one of these types, which llama-quantize makes of an F16 file';
  }
  return (
    typeAdvice.get(type) ?? 'convert the model with weights of one of these types, I2_S if ternary'
  );
}

/** Quantized types of weights that are not ternary: I2_S could not hold them. */
const otherQuantized = /^(Q[238]_K|Q8_1|Q6_0|IQ[1234]_(XXS|XS|S|M|NL_4_4)|Q4_0_\d_\d|MXFP4|NVFP4)$/;

const typeAdvice: ReadonlyMap<string, string> = new Map([
  [
    'STQ1_0',
    'models of this type (1.25 bits a weight, one zero in four) cannot run yet: get the model as TQ1_0, TQ2_0 or F16',
  ],
]);

function refuseMeaningful(file: GgufFile, graph: Graph, unused: readonly string[]): void {
  for (const name of unused) {
    const match = meaningfulTensors.find(
      ([pattern, , when = () => true]) => pattern.test(name) && when(graph),
    );
    if (match === undefined) continue;
    const architecture = String(file.metadata.get('general.architecture'));
    const expected = `absent from a model of architecture ${architecture}`;
    const found = `${match[1]} that the model was trained with`;
    throw modelError(file.path, `tensor ${quote(name)}`, expected, found, notYet);
  }
}
