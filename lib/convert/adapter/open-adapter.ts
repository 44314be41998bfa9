import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BitnetError } from '../../errors.js';
import { openCheckpoint } from '../../safetensors/checkpoint.js';
import type { TensorDirectory } from '../../safetensors/types.js';

/** The folder of an adapter of PEFT. @param path the same, or one of the files in it */
export async function adapterFolder(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? dirname(path) : path;
}

/**
 * The tensors of an adapter of PEFT, and the file that they are in.
 *
 * @throws ERR_BITNET_SAFETENSORS, ERR_BITNET_FILE, also where the weights are a pickle, which can run programs
 */
export async function openAdapter(
  folder: string,
): Promise<{ readonly path: string; readonly tensors: TensorDirectory }> {
  const path = join(folder, 'adapter_model.safetensors');
  const found = await stat(path).catch((cause) => cause.code);
  if (found !== 'ENOENT') return { path, tensors: await openCheckpoint(path) };
  const message = `Expected "adapter_model.safetensors" in "${folder}", but there is none; download it, or save the adapter as safetensors (no .bin file is read).`;
  throw new BitnetError('ERR_BITNET_FILE', message, { path });
}
