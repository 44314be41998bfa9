import { join } from 'node:path';
import { readAdapterConfig } from '../../convert/adapter/adapter-config.js';
import { baseModelOf } from '../../convert/adapter/base-model.js';
import { adapterFolder, openAdapter } from '../../convert/adapter/open-adapter.js';
import { type AdapterPair, planAdapter } from '../../convert/adapter/plan-adapter.js';
import { largestOf } from '../../extremes.js';
import { quote } from '../../gguf/malformed.js';
import { type AdapterType, adapterTypes, type NativePair } from '../../native-types.js';
import type { SafetensorsTensor } from '../../safetensors/types.js';
import { modelError } from '../spec/model-error.js';
import type { ModelSpec } from '../spec/spec.js';
import { adaptedLayers } from './adapted-layers.js';
import type { AdapterPlan } from './adapter-plan.js';

/**
 * The plan of an adapter that PEFT has written: what `convertAdapter` makes a GGUF file of, with the factor of each layer as it is.
 *
 * @param path of its folder, or of one of its two files
 * @throws ERR_BITNET_FILE, ERR_BITNET_SAFETENSORS, ERR_BITNET_MODEL for an adapter that is more than LoRA, or not of this model,
 * ERR_BITNET_TYPE
 */
export async function readPeftAdapter(path: string, spec: ModelSpec): Promise<AdapterPlan> {
  const folder = await adapterFolder(path);
  const config = await readAdapterConfig(folder);
  const { tensors, path: weights } = await openAdapter(folder);
  const base = baseModelOf(spec.name ?? spec.architecture, spec);
  const layerOf = adaptedLayers(folder, spec);
  const pairs = planAdapter(folder, tensors, config, base).map((pair): NativePair => {
    const { name, a, b, rank, alpha, order } = pair;
    const { slot, rows, cols } = layerOf(a.name, name);
    return {
      ...{ slot, rank, width: cols, rows },
      ...{ factor: alpha / rank, halvesApart: order !== undefined },
      a: { offset: a.begin, type: typeOf(folder, a) },
      b: { offset: b.begin, type: typeOf(folder, b) },
    };
  });
  return {
    name: '',
    stamp: firstOf(tensors).file,
    pairs,
    rank: largestOf(pairs.map(({ rank }) => rank)),
    files: [join(folder, 'adapter_config.json'), weights],
    decisions: [],
  };
}

function firstOf(tensors: ReadonlyMap<string, SafetensorsTensor>): SafetensorsTensor {
  return tensors.values().next().value!; // planAdapter has refused what has none
}

function typeOf(path: string, { name, dtype }: AdapterPair['a']): AdapterType {
  if ((adapterTypes as readonly string[]).includes(dtype)) return dtype as AdapterType;
  const advice = 'convert the adapter first (bitnet convert, convertAdapter)';
  const expected = 'of dtype F16, BF16 or F32';
  throw modelError(path, `tensor ${quote(name)}`, expected, dtype, advice, 'ERR_BITNET_TYPE');
}
