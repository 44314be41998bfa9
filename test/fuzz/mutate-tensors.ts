import { typeNamed } from '../../lib/gguf/tensor-types.js';
import { denseTypes, ternaryTypes } from '../fixtures/encode.js';
import type { TinyModel } from '../fixtures/tiny-model.js';
import type { TinyTensor } from '../fixtures/tiny-tensors.js';
import { awkwardIntegers, type Draw } from './draw.js';

/** Changes one entry of the tensor directory; returns what it did. */
export function mutateTensors(model: TinyModel, draw: Draw): string {
  const { tensors } = model;
  const tensor = draw.of([...tensors.values()]);
  const { name } = tensor;
  const replace = (changes: Partial<TinyTensor>) => {
    tensors.set(name, { ...tensor, ...changes });
  };
  return draw
    .weighted([
      {
        weight: 2,
        mutate: () => {
          const type = draw.of([...ternaryTypes, ...denseTypes]);
          const { dims } = tensor;
          if (!resized(tensor, dims, type, replace)) return `${name}: ${type} cannot hold it`;
          return `${name}: ${type}`;
        },
      },
      {
        weight: 2,
        mutate: () => {
          const dims = [...tensor.dims];
          dims[draw.integer(0, dims.length - 1)] = draw.of(awkwardIntegers.filter((n) => n < 5000));
          if (!resized(tensor, dims, tensor.type, replace)) return `${name}: not [${dims}]`;
          return `${name}: [${dims}]`;
        },
      },
      {
        weight: 1,
        mutate: () => {
          replace({ dims: [...tensor.dims].reverse() });
          if (!resized(tensor, [...tensor.dims].reverse(), tensor.type, replace)) {
            tensors.set(name, tensor);
          }
          return `${name}: reversed`;
        },
      },
      {
        weight: 1,
        mutate: () => {
          tensors.delete(name);
          return `without ${name}`;
        },
      },
      {
        weight: 1,
        mutate: () => {
          const extra = draw.of(['blk.99.attn_q.weight', 'output.bias', 'x', 'rope_freqs.weight']);
          tensors.set(extra, { ...tensor, name: extra });
          return `${extra} as ${name}`;
        },
      },
    ])
    .mutate();
}

/** Gives the tensor as many bytes as its type and dimensions want, repeating the ones it has. */
function resized(
  tensor: TinyTensor,
  dims: readonly number[],
  type: TinyTensor['type'],
  replace: (changes: Partial<TinyTensor>) => void,
): boolean {
  const [cols = 1, rows = 1] = dims;
  const length = typeNamed(type)?.bytes(rows, cols);
  if (length === undefined || length > 2 ** 24) return false;
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length && tensor.bytes.length > 0; at += tensor.bytes.length) {
    bytes.set(tensor.bytes.subarray(0, length - at), at);
  }
  replace({ dims, type, bytes });
  return true;
}
