import { basename, resolve } from 'node:path';
import { fileTypes } from '../gguf/file-types.js';
import { typeNamed } from '../gguf/tensor-types.js';
import { text, u32 } from '../gguf/typed.js';
import type { GgufTyped } from '../gguf/writer.js';
import { readOptionalSettings } from './config/json-file.js';
import type { Checkpoint, PlannedTensor } from './tensors/checkpoint.js';

type Entry = readonly [key: string, value: GgufTyped];

/** Everything a file says but its tokenizer, by the types of the planned tensors. */
export async function fileMetadata(
  { path, family, parameters }: Checkpoint,
  planned: readonly PlannedTensor[],
): Promise<(types: readonly string[]) => Entry[]> {
  const pooling = await poolingType(path);
  return (types) => [
    ['general.architecture', text(family.architecture)],
    ['general.type', text('model')],
    ['general.name', text(nameOf(path))],
    ['general.file_type', u32(fileType(planned, types))],
    ['general.quantization_version', u32(2)],
    ...parameters.entries,
    ...(pooling === undefined
      ? []
      : [[`${family.architecture}.pooling_type`, u32(pooling)] as const]),
  ];
}

/** The name of the folder, or of the repository whose snapshot in the cache of Hugging Face it is. */
function nameOf(path: string): string {
  const full = resolve(path);
  const [, repository] = /models--[^/\\]+--([^/\\]+)[/\\]snapshots[/\\][^/\\]+$/.exec(full) ?? [];
  return repository ?? basename(full);
}

/** That of the type that most bytes of linear layers have. */
function fileType(planned: readonly PlannedTensor[], types: readonly string[]): number {
  const bytes = new Map<string, number>();
  for (const [i, { kind, rows, cols }] of planned.entries()) {
    const type = types[i];
    if (kind !== 'projection' || type === undefined) continue;
    bytes.set(type, (bytes.get(type) ?? 0) + typeNamed(type)!.bytes(rows, cols)!);
  }
  const [most] = [...bytes].sort(([, a], [, b]) => b - a);
  return fileTypes[(most?.[0] ?? 'F32') as keyof typeof fileTypes];
}

/** How Sentence Transformers makes one vector of a text: 1 mean, 2 first token, 3 last token. */
async function poolingType(folder: string): Promise<number | undefined> {
  const settings = await readOptionalSettings(folder, '1_Pooling/config.json');
  const modes = ['mean_tokens', 'cls_token', 'lasttoken'];
  const mode = modes.findIndex((name) => settings?.get(`pooling_mode_${name}`) === true);
  return mode < 0 ? undefined : mode + 1;
}
