import { BitnetError } from '../errors.js';
import { bytesHeld, kvBytesPerPosition, memoryEstimate } from '../inspect/memory.js';
import { type LoadOptions, loadFrom, type ModelSource } from '../model/load.js';
import type { Model } from '../model/model.js';
import { type ModelSpec, modelSpec } from '../model/spec.js';
import { ternaryTile } from '../native.js';
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
    refuseTooLarge(source, options.kernel);
    return source;
  }, options);
}

/** Bytes a loaded synthetic model takes, with the keys and values of one session of `positions`. */
export function syntheticMemory(
  spec: ModelSpec,
  { kernel = '', positions = 0 }: { kernel?: string | undefined; positions?: number } = {},
): number {
  const { ternary, dense, head, norms } = memoryEstimate(spec, ternaryTile(kernel));
  const embedding = spec.tensors.find(({ role }) => role === 'token_embd')!;
  // A large embedding stands in for the file it would stay in; a small one is part of `head`.
  const kept = bytesHeld(embedding, false) === 0 ? embedding.bytes : 0;
  return ternary + dense + head + norms + kept + positions * kvBytesPerPosition(spec);
}

function refuseTooLarge({ file }: ModelSource, kernel = process.env.BITNET_KERNEL): void {
  const bytes = syntheticMemory(modelSpec(file), { kernel });
  const available = process.availableMemory();
  if (bytes <= available) return;
  const gigabytes = (n: number) => `${(n / 2 ** 30).toFixed(1)} GiB`;
  throw new BitnetError(
    'ERR_BITNET_MEMORY',
    `Expected ${gigabytes(bytes)} of free memory for ${file.path}, but there are ${gigabytes(available)}; use fewer layers.`,
  );
}
