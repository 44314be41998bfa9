import type { KvType, MemoryUse, PlannedTensor } from '../../native-types.js';
import { attendingLayers, paddedFloats, stateBytes } from '../spec/recurrent.js';
import type { ModelSpec } from '../spec/spec.js';

/** Bytes a loaded model will take, told from its header. */
export interface MemoryEstimate extends MemoryUse {
  /** Keys and values of 1,000 positions of one session, by `kvType`. */
  readonly kvPer1000Positions: { readonly [type in KvType]: number };
  /** States of recurrent layers of one session: those it works with, and the snapshots of earlier ones at most. */
  readonly states: { readonly working: number; readonly snapshots: number };
}

/** Bytes of all snapshots of a session (native/graph/recurrent_states.h). */
const snapshotBudget = 2 ** 29;

/** The bytes of a plan, by what they hold, and those of keys and values. */
export function memoryEstimate(spec: ModelSpec, plan: readonly PlannedTensor[]): MemoryEstimate {
  return {
    ...memoryOf(plan),
    kvPer1000Positions: {
      f16: 1000 * kvBytesPerPosition(spec),
      q8_0: 1000 * kvBytesPerPosition(spec, 'q8_0'),
    },
    states: stateMemory(spec),
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

/** The states of one session. A step reads one, writes another, and may leave a snapshot besides all others. */
export function stateMemory({ recurrent }: Pick<ModelSpec, 'recurrent'>): MemoryEstimate['states'] {
  const bytes = stateBytes(recurrent);
  if (bytes === 0) return { working: 0, snapshots: 0 };
  return { working: 3 * bytes, snapshots: Math.max(1, Math.floor(snapshotBudget / bytes)) * bytes };
}

/** Keys and values of one position of one session. */
export function kvBytesPerPosition(
  spec: Pick<ModelSpec, 'nLayer' | 'nKvHead' | 'headDim' | 'recurrent'>,
  type: KvType = 'f16',
): number {
  const bytes = {
    f16: paddedFloats(spec.headDim) * 2,
    q8_0: Math.ceil(spec.headDim / 32) * (32 + 2),
  };
  return attendingLayers(spec.nLayer, spec.recurrent) * 2 * spec.nKvHead * bytes[type];
}

function part({ role, layout }: PlannedTensor): keyof MemoryUse {
  if (role === 'token_embd' || role === 'output') return 'head';
  if (layout === 'f32') return 'norms';
  return layout === 'dense' || layout === 'q4_0' ? 'dense' : 'ternary';
}
