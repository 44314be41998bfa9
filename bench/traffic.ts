import { bytesHeld, isTernary, kvBytesPerPosition } from '../lib/model/memory.js';
import type { ModelSpec } from '../lib/model/spec.js';
import type { MemoryUse } from '../lib/native-types.js';

/**
 * Bytes that decoding `tokens` tokens after `depth` others must read for one of them, on average: every layer, the head (or the
 * shadow by which it is searched, without the few rows that are then looked at exactly) and the keys and values so far.
 */
export function bytesPerToken(
  spec: ModelSpec,
  memory: MemoryUse,
  tokens: number,
  depth = 0,
): number {
  const { ternary, dense, head, norms } = memory;
  const kv = kvBytesPerPosition(spec) * (depth + (tokens + 1) / 2); // the i-th token sees i positions
  return ternary + dense + norms + (head - bytesOfUntiedEmbedding(spec)) + kv;
}

/** Multiply-adds of a token in ternary layers, which are int8; dense layers, attention and the head are not counted. */
export function ternaryMacsPerToken(spec: ModelSpec): number {
  return spec.tensors
    .filter(({ layer, rows, type }) => layer >= 0 && rows > 1 && isTernary(type))
    .reduce((sum, { rows, cols }) => sum + rows * cols, 0);
}

/** Of an embedding that is not the head only one row is read per token. */
function bytesOfUntiedEmbedding(spec: ModelSpec): number {
  if (!spec.tensors.some(({ role }) => role === 'output')) return 0;
  const embedding = spec.tensors.find(({ role }) => role === 'token_embd')!;
  return bytesHeld(embedding, 'looked up');
}
