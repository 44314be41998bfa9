import type { Graph, Scales } from './architectures.js';
import type { Keys } from './keys.js';
import * as limits from './limits.js';
import type { ModelSpec } from './spec.js';

/** What embeddings, branches and logits are scaled by: what the file says, else what its architecture does. */
export function readScales(
  keys: Keys,
  { scales, scaledEmbedding }: Graph,
  sizes: { readonly nLayer: number; readonly dim: number },
): Pick<ModelSpec, 'embeddingScale' | 'residualScale' | 'logitScale'> {
  if (!scales) return { embeddingScale: scaledEmbedding ? Math.sqrt(sizes.dim) : 1 };
  const usual = scales(sizes);
  noteDefaults(keys, usual);
  // Of converters and of llama.cpp, 0 is no scale.
  const scale = (part: keyof Scales) =>
    keys.get(keyOf(part)) === 0 ? 1 : keys.number(keyOf(part), limits.graphScaleRange, usual[part]);
  return {
    embeddingScale: scale('embedding'),
    residualScale: scale('residual'),
    logitScale: scale('logit'),
  };
}

const parts = ['embedding', 'residual', 'logit'] as const;

function keyOf(part: keyof Scales): string {
  return `${part}_scale`;
}

function noteDefaults(keys: Keys, usual: Scales): void {
  const missing = parts.filter((part) => keys.get(keyOf(part)) === undefined);
  if (missing.length === 0) return;
  const choice = missing.map((part) => `${keyOf(part)} ${Number(usual[part].toPrecision(6))}`);
  const beside = missing.includes('logit')
    ? '; llama.cpp divides logits by 256 / dim then, not by dim / 256'
    : '';
  const reason = `the file does not state ${missing.length === 1 ? 'it' : 'them'}, and the first models of architecture ${keys.architecture} were trained so${beside}`;
  keys.decide('scales', choice.join(', '), reason);
}
