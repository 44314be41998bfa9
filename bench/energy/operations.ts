import { isTernary } from '../../lib/model/spec/graph-tensors.js';
import { attendingLayers } from '../../lib/model/spec/recurrent.js';
import type { ModelSpec, TensorBinding } from '../../lib/model/spec/spec.js';

/** Additions and multiplications by the numbers they are done with. */
export interface Operations {
  readonly int8Add: number;
  readonly fp16Add: number;
  readonly fp16Multiply: number;
  readonly fp32Add: number;
  readonly fp32Multiply: number;
}

/** A model's operations for one token, part by part. */
export interface TokenOperations {
  /** The matrices of all layers. */
  readonly linear: Operations;
  /** Scores and weighted values; softmax is not counted. In recurrent layers what is done with their states, in FP32. */
  readonly attention: Operations;
  readonly head: Operations;
  /** Norms, and the scales around ternary products; activations and rotations are not counted. */
  readonly rest: Operations;
}

const none: Operations = {
  ...{ int8Add: 0, fp16Add: 0, fp16Multiply: 0 },
  ...{ fp32Add: 0, fp32Multiply: 0 },
};

/**
 * Counts what the BitNet papers count, as they do: a ternary weight is one addition of int8 numbers, a weight of any other type a
 * multiplication and an addition in FP16 (F32: in FP32), and so is everything between the matrices. That is the arithmetic of the
 * model, not of this machine, which has no additions of single int8 numbers.
 *
 * @param positions positions the token attends to, itself included; an average may be fractional
 */
export function tokenOperations(spec: ModelSpec, positions: number): TokenOperations {
  const { nLayer, nHead, headDim, recurrent, tensors } = spec;
  const recurrentLayers = recurrent?.layers.filter(Boolean).length ?? 0;
  // A state fades, predicts (that of a gated delta net), learns and answers.
  const states = recurrent
    ? (recurrent.stateSpace ? 3 : 4) *
      (recurrentLayers * recurrent.nValueHead * recurrent.headDim * recurrent.keyDim)
    : 0;
  const matrices = tensors
    .filter(({ layer, rows }) => layer >= 0 && rows > 1)
    .flatMap((tensor) =>
      tensor.experts === undefined ? [tensor] : new Array(spec.experts!.used).fill(tensor),
    ) as TensorBinding[];
  const ternary = matrices.filter(({ type }) => isTernary(type));
  const head =
    tensors.find(({ role }) => role === 'output') ??
    tensors.find(({ role }) => role === 'token_embd');
  const normed = total(
    tensors.filter(({ role }) => role.endsWith('norm')),
    size,
  );
  // Every input of a ternary matrix is scaled to int8, every output is scaled back.
  const scaled = total(ternary, ({ rows, cols }) => rows + cols);
  const rest = {
    ...none,
    fp16Add: normed, // of squares
    fp16Multiply: 2 * normed + scaled, // squares, then the norm with its weight
  };
  return {
    linear: sumOperations(matrices.map(productOperations)),
    attention: sumOperations([
      floatProducts(2 * attendingLayers(nLayer, recurrent) * nHead * headDim * positions, 'F16'),
      floatProducts(states, 'F32'),
    ]),
    head: head ? productOperations(head) : none,
    rest,
  };
}

/** The sum, field by field. */
export function sumOperations(parts: readonly Operations[]): Operations {
  return Object.fromEntries(
    Object.keys(none).map((name) => [name, total(parts, (part) => part[name as keyof Operations])]),
  ) as unknown as Operations;
}

/** As many times over. */
export function timesOperations(times: number, operations: Operations): Operations {
  return Object.fromEntries(
    Object.entries(operations).map(([name, count]) => [name, times * count]),
  ) as unknown as Operations;
}

function productOperations(tensor: TensorBinding): Operations {
  const { type } = tensor;
  return isTernary(type) ? { ...none, int8Add: size(tensor) } : floatProducts(size(tensor), type);
}

function floatProducts(count: number, type: string): Operations {
  return type === 'F32'
    ? { ...none, fp32Add: count, fp32Multiply: count }
    : { ...none, fp16Add: count, fp16Multiply: count };
}

function size({ rows, cols }: TensorBinding): number {
  return rows * cols;
}

function total<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}
