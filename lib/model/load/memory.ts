import type { KvType, MemoryUse, PlannedTensor } from '../../native-types.js';
import type { ModelSpec } from '../spec/spec.js';

/** Bytes a loaded model will take, told from its header. */
export interface MemoryEstimate extends MemoryUse {
  /** Keys and values of 1,000 positions of one session, by `kvType`. */
  readonly kvPer1000Positions: { readonly [type in KvType]: number };
}

/** Cached heads are padded to this many values. */
const floatPad = 16;

/** The bytes of a plan, by what they hold, and those of keys and values. */
export function memoryEstimate(spec: ModelSpec, plan: readonly PlannedTensor[]): MemoryEstimate {
  return {
    ...memoryOf(plan),
    kvPer1000Positions: {
      f16: 1000 * kvBytesPerPosition(spec),
      q8_0: 1000 * kvBytesPerPosition(spec, 'q8_0'),
    },
  };
}

/** The bytes of a plan, by what they hold. */
export function memoryOf(plan: readonly PlannedTensor[]): MemoryUse {
  const sum = { ternary: 0, dense: 0, head: 0, norms: 0 };
  for (const tensor of plan) sum[part(tensor)] += tensor.bytes;
  return sum;
}

/** `[nLayer]` in which layers zeros are skipped. */
export function skippingLayers(plan: readonly PlannedTensor[]): readonly boolean[] {
  return plan
    .filter(({ role }) => /^ffn_up(_exps)?$/.test(role))
    .map(({ layout }) => layout === 'neuron rows');
}

/** Keys and values of one position of one session. */
export function kvBytesPerPosition(
  spec: Pick<ModelSpec, 'nLayer' | 'nKvHead' | 'headDim'>,
  type: KvType = 'f16',
): number {
  const bytes = {
    f16: padded(spec.headDim, floatPad) * 2,
    q8_0: Math.ceil(spec.headDim / 32) * (32 + 2),
  };
  return spec.nLayer * 2 * spec.nKvHead * bytes[type];
}

function part({ role, layout }: PlannedTensor): keyof MemoryUse {
  if (role === 'token_embd' || role === 'output') return 'head';
  if (layout === 'f32') return 'norms';
  return layout === 'dense' || layout === 'q4_0' ? 'dense' : 'ternary';
}

function padded(length: number, to: number): number {
  return Math.ceil(length / to) * to;
}
