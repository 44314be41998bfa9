import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import {
  booleanOption,
  functionOption,
  givenOptions,
  nameOption,
  signalOption,
} from '../../checks/options.js';
import { count } from '../../count.js';
import type { Decision } from '../../decision.js';
import { writableTarget } from '../../files/target.js';
import { throwIfAborted, watched } from '../../gguf/rewrite.js';
import type { WriteOptions } from '../../gguf/write-options.js';
import { writeGguf } from '../../gguf/writer.js';
import { pathOf } from '../../model/load/model-path.js';
import { refuseFile, refuseInput } from '../refuse-input.js';
import { readAdapterConfig } from './adapter-config.js';
import { adapterTensors } from './adapter-tensors.js';
import { readBaseModel } from './base-model.js';
import { adapterFolder, openAdapter } from './open-adapter.js';
import { type AdapterPair, planAdapter } from './plan-adapter.js';

export interface ConvertAdapterOptions extends WriteOptions {
  /** The model that the adapter was made for: a GGUF file, or a folder with its config.json. @default what adapter_config.json names, if that is a path */
  readonly base?: string | undefined;
}

/** What was written. */
export interface AdapterResult {
  readonly path: string;
  readonly bytes: number;
  /** Of the base. */
  readonly architecture: string;
  /** `adapter.lora.alpha`. */
  readonly alpha: number;
  /** How many tensors have each type. */
  readonly types: Readonly<Record<string, number>>;
  /** How factors became one alpha. */
  readonly decisions: readonly Decision[];
}

/**
 * Makes a GGUF adapter of a LoRA adapter of PEFT. The file appears when it is complete and has been read back.
 *
 * @param source a folder with adapter_config.json and adapter_model.safetensors, or one of these
 * @throws ERR_BITNET_SAFETENSORS, ERR_BITNET_MODEL and ERR_BITNET_TYPE for an adapter that is not sound, not of the base or more
 * than LoRA, ERR_BITNET_FILE, ERR_BITNET_ARGUMENT, ERR_BITNET_ABORTED
 */
export async function convertAdapter(
  source: string | URL,
  output: string | URL,
  given?: ConvertAdapterOptions,
): Promise<AdapterResult> {
  const folder = await adapterFolder(pathOf(source, 'the path of an adapter'));
  const path = pathOf(output, 'the path of a file to write');
  const options = givenOptions(given, ['base', 'overwrite', 'signal', 'onProgress']);
  const overwrite = booleanOption('overwrite', options.overwrite, false);
  const signal = signalOption(options.signal);
  const onProgress = functionOption('onProgress', options.onProgress);
  const baseOption = nameOption('base', options.base);
  const remedy = 'allow it to be replaced (--overwrite, option overwrite)';
  await writableTarget(path, { overwrite, remedy });
  const config = await readAdapterConfig(folder);
  const { tensors } = await openAdapter(folder);
  await refuseInput(path, { path: folder, tensors });
  const base = await readBaseModel(baseOption, config.base);
  await refuseFile(path, base.path, 'the base model');
  const pairs = planAdapter(folder, tensors, config, base);
  const alpha = commonAlpha(pairs);
  const made = adapterTensors(folder, pairs, alpha, signal ? { signal } : {});
  const work = watched(made, { signal, onProgress });
  throwIfAborted(signal);
  const { architecture } = base;
  const metadata = [
    ['general.architecture', { type: 'string', value: architecture }],
    ['general.type', { type: 'string', value: 'adapter' }],
    ['adapter.type', { type: 'string', value: 'lora' }],
    ['general.name', { type: 'string', value: basename(resolve(folder)) }],
    ['adapter.lora.alpha', { type: 'f32', value: alpha }],
  ] as const;
  await writeGguf(path, { metadata, tensors: work.tensors }, { overwrite, verify: work.verify });
  const types: Record<string, number> = {};
  for (const { type } of made) types[type] = (types[type] ?? 0) + 1;
  return {
    ...{ path, bytes: (await stat(path)).size, architecture, alpha, types },
    decisions: decisionsOf(pairs, alpha),
  };
}

/** The alpha that most layers have; those with another one are scaled. */
function commonAlpha(pairs: readonly AdapterPair[]): number {
  const counts = new Map<number, number>();
  for (const { alpha } of pairs) counts.set(alpha, (counts.get(alpha) ?? 0) + 1);
  const [[most]] = [...counts].sort(([, a], [, b]) => b - a) as [[number, number]];
  return Math.fround(most);
}

function decisionsOf(pairs: readonly AdapterPair[], alpha: number): Decision[] {
  const scaled = pairs.filter((pair) => Math.fround(pair.alpha) !== alpha).length;
  if (scaled === 0) return [];
  const choice = `lora_b of ${count(scaled, 'layer')} scaled, in F32`;
  const reason = `a GGUF adapter has one alpha, ${alpha}, and they have others`;
  return [{ subject: 'alpha', choice, reason }];
}
