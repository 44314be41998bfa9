import { kvBytesPerPosition, memoryOf } from '../../lib/model/load/memory.js';
import { isTernary } from '../../lib/model/spec/graph-tensors.js';
import { stateBytes } from '../../lib/model/spec/recurrent.js';
import type { ModelSpec } from '../../lib/model/spec/spec.js';
import type { PlannedTensor } from '../../lib/native-types.js';

/**
 * Bytes that decoding `tokens` tokens after `depth` others must read for one of them, on average: every layer with the experts that
 * a token uses, the head (or the copy by which it is searched, without the few rows that are then looked at exactly), the keys and
 * values so far, and the states of recurrent layers.
 */
export function bytesPerToken(
  spec: ModelSpec,
  plan: readonly PlannedTensor[],
  tokens: number,
  depth = 0,
): number {
  const used = plan.map((tensor) => ({ ...tensor, bytes: tensor.bytes * usedPart(spec, tensor) }));
  const { ternary, dense, head, norms } = memoryOf(used);
  const kv = kvBytesPerPosition(spec) * (depth + (tokens + 1) / 2); // the i-th token sees i positions
  const states = stateBytes(spec.recurrent);
  return ternary + dense + norms + (head - bytesOfUntiedEmbedding(plan)) + kv + states;
}

/** Multiply-adds of a token in ternary layers, which are int8; dense layers, attention and the head are not counted. */
export function ternaryMacsPerToken(spec: ModelSpec): number {
  return spec.tensors
    .filter(({ layer, rows, type }) => layer >= 0 && rows > 1 && isTernary(type))
    .reduce((sum, { rows, cols, experts }) => {
      const matrices = experts === undefined ? 1 : spec.experts!.used;
      return sum + matrices * rows * cols;
    }, 0);
}

/** The part of a tensor that one token uses. */
function usedPart({ experts }: ModelSpec, { experts: matrices }: PlannedTensor): number {
  return experts && matrices !== undefined ? experts.used / experts.count : 1;
}

/** Of an embedding that is not the head only one row is read per token. */
function bytesOfUntiedEmbedding(plan: readonly PlannedTensor[]): number {
  const of = (role: PlannedTensor['role']) => plan.find((tensor) => tensor.role === role);
  return of('output') ? of('token_embd')!.bytes : 0;
}
