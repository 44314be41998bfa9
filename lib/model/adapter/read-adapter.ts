import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { ModelSpec } from '../spec/spec.js';
import type { AdapterPlan } from './adapter-plan.js';
import { readGgufAdapter } from './gguf-adapter.js';
import { readPeftAdapter } from './peft-adapter.js';

/**
 * The plan of an adapter: a GGUF file, or a folder of PEFT or one of its two files.
 *
 * @throws ERR_BITNET_FILE, ERR_BITNET_GGUF, ERR_BITNET_SAFETENSORS, ERR_BITNET_MODEL, ERR_BITNET_TYPE
 */
export async function readAdapter(path: string, spec: ModelSpec): Promise<AdapterPlan> {
  const plan = (await isPeft(path))
    ? await readPeftAdapter(path, spec)
    : await readGgufAdapter(path, spec);
  return plan.name === '' ? { ...plan, name: basename(resolve(path)) } : plan;
}

async function isPeft(path: string): Promise<boolean> {
  if (/\.(json|safetensors)$/i.test(path)) return true;
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
