import { gigabytes } from '../../lib/byte-size.js';
import { variable } from '../../lib/environment.js';
import { BitnetError } from '../../lib/errors.js';
import { loadFrom, type ModelSource } from '../../lib/model/load/load.js';
import type { LoadOptions } from '../../lib/model/load/load-options.js';
import { kvBytesPerPosition, memoryOf, stateMemory } from '../../lib/model/load/memory.js';
import type { Model } from '../../lib/model/model.js';
import { readSpec } from '../../lib/model/spec/read-spec.js';
import type { ModelSpec } from '../../lib/model/spec/spec.js';
import { planLoad } from '../../lib/native.js';
import { describedModel, type SynthDescription } from './model.js';
import { synthSource } from './source.js';

/**
 * Loads the model that `bitnet synth` would write for a description, without a file: its weights are made on native threads straight
 * into the layout of the kernels. They depend on the description only. What it will take is estimated first, and refused where the
 * machine has less free.
 *
 * @throws as `loadModel`; ERR_BITNET_MEMORY before anything is made
 */
export async function loadSynthetic(
  description: SynthDescription,
  options: LoadOptions = {},
): Promise<Model> {
  const model = describedModel(description);
  return loadFrom(async () => {
    const source = await synthSource(model);
    refuseTooLarge(source, options);
    return source;
  }, options);
}

/** How a synthetic model will be used, as far as that decides its memory. */
export interface SyntheticUse
  extends Pick<LoadOptions, 'kernel' | 'headPrefilter' | 'skipInactive'> {
  /**
   * Positions of the KV cache.
   * @default 0
   */
  readonly positions?: number | undefined;
}

/** Bytes a loaded synthetic model takes, with its keys and values, and the states of one session. */
export function syntheticMemory(spec: ModelSpec, use: SyntheticUse = {}): number {
  const { kernel = variable('BITNET_KERNEL') ?? '', skipInactive = true } = use;
  const { headPrefilter = true, positions = 0 } = use;
  const prefilterFrom = headPrefilter ? {} : { prefilterFrom: Number.POSITIVE_INFINITY };
  const plan = planLoad(spec, { kernel, skipInactive, ...prefilterFrom });
  const { ternary, dense, head, norms } = memoryOf(plan);
  const kept = embeddingKept(spec);
  const states = positions > 0 ? stateMemory(spec) : { working: 0, snapshots: 0 };
  const kv = positions * kvBytesPerPosition(spec) + states.working + states.snapshots;
  return ternary + dense + head + norms + kept + kv;
}

/** Bytes of a large embedding and head, which stand in for the file they would stay in; of small ones, which are part of `head`, none. */
export function embeddingKept(spec: ModelSpec): number {
  return planLoad(spec, { kernel: '' }).reduce(
    (sum, { layout }, i) =>
      ['file', 'prefilter'].includes(layout) ? sum + spec.tensors[i]!.bytes : sum,
    0,
  );
}

function refuseTooLarge({ file }: ModelSource, use: SyntheticUse): void {
  const bytes = syntheticMemory(readSpec(file), use);
  const available = process.availableMemory();
  if (bytes <= available) return;
  throw new BitnetError(
    'ERR_BITNET_MEMORY',
    `Expected ${gigabytes(bytes)} of free memory for ${file.path}, but there are ${gigabytes(available)}; use fewer layers.`,
  );
}
