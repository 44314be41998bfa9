import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BitnetError } from '../errors.js';
import type { Checkpoint } from './tensors/checkpoint.js';

/**
 * Keeps a checkpoint from being replaced by what is made of it, under whatever name or link.
 *
 * @throws ERR_BITNET_ARGUMENT
 */
export async function refuseInput(
  output: string,
  checkpoint: Pick<Checkpoint, 'path' | 'tensors'>,
): Promise<void> {
  for (const path of await inputsOf(checkpoint)) await refuseFile(output, path, 'the checkpoint');
}

/** @param model what the file at `path` is of, which is read: 'the base model' @throws ERR_BITNET_ARGUMENT where the output is that file */
export async function refuseFile(output: string, path: string, model: string): Promise<void> {
  const there = await identityOf(output);
  if (there === undefined || (await identityOf(path)) !== there) return;
  const message = `Expected another file to write to than "${output}", which is "${path}" of ${model} that is read; choose another name.`;
  throw new BitnetError('ERR_BITNET_ARGUMENT', message, { option: 'output' });
}

/** Folders of a checkpoint, within its own, with files that are read. */
const folders = ['', '1_Pooling', 'additional_chat_templates'];

/** Every file that may be read; a GGUF file beside them is none. */
async function inputsOf({
  path,
  tensors,
}: Pick<Checkpoint, 'path' | 'tensors'>): Promise<Set<string>> {
  const inputs = new Set([...tensors.values()].map(({ file }) => file.path));
  for (const folder of folders) {
    const names = await readdir(join(path, folder)).catch(() => []);
    for (const name of names) {
      if (/\.(json|jinja|model|safetensors)$/i.test(name)) inputs.add(join(path, folder, name));
    }
  }
  return inputs;
}

/** What a file has in common with its other names. */
async function identityOf(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && `${found.dev} ${found.ino}`;
}
