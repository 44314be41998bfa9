import type { ModelSpec } from '../../lib/model/spec/spec.js';
import { shapes } from '../synth/shapes.js';
import type { ModelShape } from './report.js';

/** The numbers that decide what a model costs, and their public name. */
export function shapeOf(spec: ModelSpec): ModelShape {
  const { nLayer, dim, ffnDim, experts, nHead, nKvHead, headDim, vocabSize } = spec;
  const numbers = { nLayer, dim, ffnDim, nHead, nKvHead, vocabSize };
  const [name = null] =
    Object.entries(shapes).find(([, shape]) =>
      Object.entries(numbers).every(([key, n]) => shape[key as keyof typeof numbers] === n),
    ) ?? [];
  return { name, ...numbers, headDim, ...(experts && { experts: experts.count }) };
}

/** The type that holds most of the linear layers' bytes, in lower case as `bitnet synth --format` has it. */
export function weightFormat(spec: ModelSpec): string {
  const bytes = new Map<string, number>();
  for (const tensor of spec.tensors) {
    if (tensor.layer < 0 || tensor.rows === 1) continue;
    bytes.set(tensor.type, (bytes.get(tensor.type) ?? 0) + tensor.bytes);
  }
  const [[type]] = [...bytes].sort((a, b) => b[1] - a[1]) as [[string, number]];
  return type.toLowerCase();
}
