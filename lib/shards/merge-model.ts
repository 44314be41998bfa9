import { stat } from 'node:fs/promises';
import { booleanOption, functionOption, givenOptions, signalOption } from '../checks/options.js';
import { BitnetError } from '../errors.js';
import { metadataEntries } from '../gguf/entries.js';
import { readGguf } from '../gguf/reader.js';
import { checkOutput, checkPath, throwIfAborted, watched } from '../gguf/rewrite.js';
import { TensorFiles } from '../gguf/tensor-files.js';
import type { WriteOptions } from '../gguf/write-options.js';
import { writeGguf } from '../gguf/writer.js';

export interface MergeResult {
  readonly path: string;
  readonly bytes: number;
  readonly shards: number;
  readonly tensors: number;
}

/**
 * Writes the shards of a split model as one file.
 *
 * @param input any of the shards
 * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_FILE, ERR_BITNET_GGUF, ERR_BITNET_ABORTED
 */
export async function mergeModel(
  input: string,
  output: string,
  given?: WriteOptions,
): Promise<MergeResult> {
  const options = givenOptions(given, ['overwrite', 'signal', 'onProgress']);
  const overwrite = booleanOption('overwrite', options.overwrite, false);
  const signal = signalOption(options.signal);
  const onProgress = functionOption('onProgress', options.onProgress);
  checkPath('output', output);
  const file = await readGguf(input);
  if (file.shards === undefined) throw whole(input);
  await checkOutput(file, output, overwrite);
  throwIfAborted(signal);
  const files = await TensorFiles.open(file);
  try {
    const copies = file.tensors.map((tensor) => {
      const { name, dims, typeId: type } = tensor;
      return { name, dims, type, data: files.copy(tensor) };
    });
    const { tensors, verify } = watched(copies, { signal, onProgress });
    const contents = { metadata: metadataEntries(file), tensors };
    await writeGguf(output, contents, { overwrite, verify });
    const { size: bytes } = await stat(output);
    return { path: output, bytes, shards: file.shards.length, tensors: tensors.length };
  } finally {
    await files.close();
  }
}

function whole(path: string): BitnetError {
  const message = `Expected a shard of a split model, but "${path}" is a whole model; there is nothing to merge.`;
  return new BitnetError('ERR_BITNET_ARGUMENT', message, { path });
}
