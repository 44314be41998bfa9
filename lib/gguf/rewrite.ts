// What programs share that read a model to write it in another form.
import { abortError } from '../abort.js';
import { argumentError } from '../checks/options.js';
import { BitnetError } from '../errors.js';
import { writableTarget } from '../files/target.js';
import { currentStamp, sameStamp } from './file-stamp.js';
import type { GgufFile } from './types.js';
import type { OnRead } from './verify-written.js';
import type { WriteOptions } from './write-options.js';
import type { GgufChunks, GgufTensorData } from './writer.js';

/** A tensor with its bytes in chunks. */
export type ChunkedTensor = GgufTensorData & { readonly data: GgufChunks };

/** @throws ERR_BITNET_ABORTED if it is time to stop */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError('Writing the model was aborted.', signal.reason);
}

/** Tensors that report what is written and read back of them, and stop at the signal. */
export function watched(
  tensors: readonly ChunkedTensor[],
  { signal, onProgress }: WriteOptions,
): { readonly tensors: ChunkedTensor[]; readonly verify: OnRead } {
  const total = 2 * tensors.reduce((sum, { data }) => sum + data.bytes, 0);
  let done = 0;
  const report = async (tensor: string, bytes: number) => {
    throwIfAborted(signal);
    done += bytes;
    await onProgress?.({ fraction: done / total, tensor });
  };
  async function* chunks({ name, data }: ChunkedTensor): AsyncGenerator<Uint8Array> {
    for await (const chunk of data.chunks) {
      throwIfAborted(signal);
      yield chunk;
      await report(name, chunk.length);
    }
  }
  const watchedTensors = tensors.map((tensor) => ({
    ...tensor,
    data: { bytes: tensor.data.bytes, chunks: chunks(tensor) },
  }));
  return { tensors: watchedTensors, verify: report };
}

/** @throws ERR_BITNET_ARGUMENT if the path of a file to write is none */
export function checkPath(name: string, path: unknown): void {
  if (typeof path !== 'string' || path === '') throw argumentError('a path', name, path);
}

/**
 * Checks before the work that a file can be written.
 * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_FILE where there is a file that must stay, also the model itself
 */
export async function checkOutput(
  file: GgufFile,
  output: string,
  overwrite: boolean,
): Promise<void> {
  const remedy = 'allow it to be replaced (--overwrite, overwrite)';
  await writableTarget(output, { overwrite, remedy });
  const there = await currentStamp(output);
  const read = file.shards ?? [file];
  if (!read.some(({ stamp }) => stamp && sameStamp(stamp, there))) return;
  const message = `Expected another file to write to than "${output}", which is the model that is read; choose another name.`;
  throw new BitnetError('ERR_BITNET_ARGUMENT', message, { option: 'output' });
}
