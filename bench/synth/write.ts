import { abortError } from '../../lib/abort.js';
import { type GgufChunks, writeGguf } from '../../lib/gguf/writer.js';
import { type SynthModel, synthMetadata, synthTensors } from './model.js';

export interface WriteOptions {
  readonly overwrite?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the fraction written, from 0 to 1. */
  readonly onFraction?: ((fraction: number) => void) | undefined;
}

/**
 * Writes a synthetic model, never holding more than a few megabytes of it.
 * @throws ERR_BITNET_FILE, ERR_BITNET_ABORTED
 */
export async function writeSynthModel(
  path: string,
  model: SynthModel,
  { overwrite, signal, onFraction }: WriteOptions,
): Promise<void> {
  const tensors = synthTensors(model);
  const total = tensors.reduce((sum, { data }) => sum + sizeOf(data), 0);
  let written = 0;
  async function* watched(chunks: GgufChunks['chunks']) {
    for await (const chunk of chunks) {
      if (signal?.aborted) throw abortError('Writing the model was aborted.', signal.reason);
      yield chunk;
      written += chunk.length;
      onFraction?.(written / total);
    }
  }
  const counted = tensors.map((tensor) => {
    const { data } = tensor;
    if (data instanceof Uint8Array) return tensor;
    return { ...tensor, data: { bytes: data.bytes, chunks: watched(data.chunks) } };
  });
  const contents = { metadata: synthMetadata(model), tensors: counted };
  await writeGguf(path, contents, { overwrite });
}

function sizeOf(data: Uint8Array | GgufChunks): number {
  return data instanceof Uint8Array ? data.length : data.bytes;
}
