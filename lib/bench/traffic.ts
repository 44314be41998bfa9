import { bytesHeld, kvBytesPerPosition } from '../inspect/memory.js';
import type { ModelSpec } from '../model/spec.js';
import type { MemoryUse } from '../native.js';

/**
 * Bytes that decoding `tokens` tokens from an empty context must read for one of them, on average: every layer, the head (or the
 * shadow by which it is searched, without the few rows that are then looked at exactly) and the keys and values so far.
 */
export function bytesPerToken(spec: ModelSpec, memory: MemoryUse, tokens: number): number {
  const { ternary, dense, head, norms } = memory;
  const kv = kvBytesPerPosition(spec) * ((tokens + 1) / 2); // the i-th token sees i positions
  return ternary + dense + norms + (head - bytesOfUntiedEmbedding(spec)) + kv;
}

/** Of an embedding that is not the head only one row is read per token. */
function bytesOfUntiedEmbedding(spec: ModelSpec): number {
  if (!spec.tensors.some(({ role }) => role === 'output')) return 0;
  const embedding = spec.tensors.find(({ role }) => role === 'token_embd')!;
  return bytesHeld(embedding, 'looked up');
}
