import { quote } from '../gguf/malformed.js';
import type { GgufFile, GgufTensor } from '../gguf/types.js';
import type { Architecture } from './architectures.js';
import {
  type GraphTensor,
  globalTensors,
  layerTensors,
  meaningfulTensors,
  type Sizes,
  supportedTypes,
} from './graph-tensors.js';
import { modelError, notYet } from './model-error.js';
import type { TensorBinding } from './spec.js';

/**
 * Finds every tensor of the graph in the file and checks its shape and type. `unused` are the
 * names of the others.
 *
 * @throws ERR_BITNET_MODEL for a tensor that is missing, has another shape, or would have to be
 * used and cannot be; ERR_BITNET_TYPE for a type the engine does not read
 */
export function bindTensors(
  file: GgufFile,
  architecture: Architecture,
  sizes: Sizes & { readonly nLayer: number },
): { tensors: TensorBinding[]; unused: string[] } {
  const byName = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
  const tensors: TensorBinding[] = [];
  const bind = (row: GraphTensor, layer: number, name: string) => {
    if (row.when !== undefined && !row.when(architecture)) return;
    const tensor = byName.get(name);
    if (tensor !== undefined) tensors.push(bindTensor(file, row, layer, tensor, sizes));
    else if (!row.optional) throw missingTensor(file, name);
  };
  for (const row of globalTensors) bind(row, -1, row.name);
  for (let layer = 0; layer < sizes.nLayer; layer++) {
    for (const row of layerTensors) bind(row, layer, `blk.${layer}.${row.name}.weight`);
  }
  const used = new Set(tensors.map(({ name }) => name));
  const unused = file.tensors.map(({ name }) => name).filter((name) => !used.has(name));
  refuseMeaningful(file, unused);
  return { tensors, unused };
}

export function missingTensor(file: GgufFile, name: string) {
  return modelError(file.path, `tensor ${quote(name)}`, 'there', 'no such tensor');
}

function bindTensor(
  file: GgufFile,
  { role, kind, shape }: GraphTensor,
  layer: number,
  { name, dims, type, offset, bytes }: GgufTensor,
  sizes: Sizes,
): TensorBinding {
  const [rows, cols] = shape(sizes);
  const field = `tensor ${quote(name)}`;
  const expected = kind === 'vector' ? [cols] : [cols, rows];
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
  if (type === 'I2_S' && (rows * cols) % 128 !== 0) {
    const wanted = 'a multiple of 128 elements, because I2_S stores them by 128';
    const advice = 'the file lacks the last of them, convert the model to another type';
    const found = `${rows} × ${cols}`;
    throw modelError(file.path, field, wanted, found, advice, 'ERR_BITNET_TYPE');
  }
  return { role, layer, name, type, rows, cols, offset, bytes };
}

function adviceFor(type: string): string {
  return (
    typeAdvice.get(type) ?? 'convert the model with weights of one of these types, I2_S if ternary'
  );
}

const tileAdvice =
  'this type depends on tables that are not in the file, convert the model to I2_S instead';

const typeAdvice: ReadonlyMap<string, string> = new Map([
  ['TL1', tileAdvice],
  ['TL2', tileAdvice],
  ['IQ2_BN_R4', 'requantise the model to IQ2_BN'],
  ['IQ1_BN without scales', 'convert the model again with a current ik_llama.cpp'],
  ['IQ2_BN without scales', 'convert the model again with a current ik_llama.cpp'],
]);

function refuseMeaningful(file: GgufFile, unused: readonly string[]): void {
  for (const name of unused) {
    const match = meaningfulTensors.find(([pattern]) => pattern.test(name));
    if (match === undefined) continue;
    const architecture = String(file.metadata.get('general.architecture'));
    const expected = `absent from a model of architecture ${architecture}`;
    const found = `${match[1]} that the model was trained with`;
    throw modelError(file.path, `tensor ${quote(name)}`, expected, found, notYet);
  }
}
