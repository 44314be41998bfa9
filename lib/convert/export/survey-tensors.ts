import { throwIfAborted } from '../../gguf/rewrite.js';
import type { TensorFiles } from '../../gguf/tensor-files.js';
import type { GgufFile, GgufTensor } from '../../gguf/types.js';
import type { ModelSpec, TensorBinding } from '../../model/spec/spec.js';
import { encodedTensor } from '../../quantize/encode-tensor.js';
import type { SafetensorsData } from '../../safetensors/writer.js';
import type { ConvertProgress } from '../convert-options.js';
import { rotatedHeads } from '../tensors/orders.js';
import { checkpointName, partOf } from './checkpoint-names.js';
import { exactTypeOf, type FloatType } from './exact-type.js';
import type { ExportedFamily } from './exported-families.js';
import { reorderedHeads } from './head-rows.js';

/** A model that is read to be written as a checkpoint. */
export interface ExportWork {
  readonly file: GgufFile;
  readonly spec: ModelSpec;
  readonly family: ExportedFamily;
  readonly files: TensorFiles;
  readonly control: Int32Array;
  readonly options: {
    readonly threads: number;
    readonly signal: AbortSignal | undefined;
    readonly onProgress: ((progress: ConvertProgress) => void) | undefined;
  };
}

/** Every tensor with the type that holds it, and the one that holds all. */
export async function surveyTensors(work: ExportWork) {
  const { file, spec, family } = work;
  const tensors: SafetensorsData[] = [];
  let ropeFactors: Float32Array | undefined;
  const watch = progressOf(work);
  const byName = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
  for (const binding of spec.tensors) {
    const tensor = byName.get(binding.name)!;
    if (binding.role === 'rope_freqs') {
      ropeFactors = await floatsOf(work, tensor, binding);
      continue;
    }
    const survey = watch(tensor, binding, chunksOf(work, tensor, binding, 'F32'));
    const dtype = await exactTypeOf(survey);
    const { rows, cols } = binding;
    tensors.push({
      name: checkpointName(binding, spec, family),
      dtype,
      shape: tensor.dims.length === 1 ? [cols] : [rows, cols],
      chunks: () =>
        arranged(
          work,
          binding,
          dtype,
          watch(tensor, binding, chunksOf(work, tensor, binding, dtype)),
        ),
    });
  }
  return { tensors, dtype: widest(tensors), ropeFactors };
}

/** The name that config.json has for the type in which a model loads without a loss. */
function widest(tensors: readonly SafetensorsData[]): string {
  const dtypes = new Set(tensors.map(({ dtype }) => dtype));
  if (dtypes.size > 1 || dtypes.has('F32')) return 'float32';
  return dtypes.has('BF16') ? 'bfloat16' : 'float16';
}

/** The numbers of a tensor in the order of the file. */
function chunksOf(
  { file, files, control, options: { threads } }: ExportWork,
  tensor: GgufTensor,
  { rows, cols, type, tile, offset }: TensorBinding,
  to: FloatType,
): AsyncIterable<Uint8Array> {
  const source = {
    from: { stamp: files.stampOf(tensor) },
    offset,
    rows,
    cols,
    type,
    ...(tile && { tile }),
  };
  const how = { force: false, allowRounding: false, threads, control };
  const encoded = { path: file.path, tensor, type: to, source };
  return encodedTensor(encoded, how, {}).chunks as AsyncIterable<Uint8Array>;
}

async function floatsOf(work: ExportWork, tensor: GgufTensor, binding: TensorBinding) {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunksOf(work, tensor, binding, 'F32')) parts.push(chunk);
  const bytes = new Uint8Array(Buffer.concat(parts));
  return new Float32Array(bytes.buffer);
}

/** The numbers in the order of the checkpoint: graphs that rotate neighbors have them side by side. */
function arranged(
  { spec: { rope, headDim } }: ExportWork,
  { name, rows, cols }: TensorBinding,
  dtype: FloatType,
  chunks: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  const { order } = rope.type === 'norm' ? rotatedHeads(partOf(name), { headDim }) : {};
  if (order === undefined) return chunks;
  const rowBytes = (dtype === 'F32' ? 4 : 2) * (rows === 1 ? 1 : cols);
  return reorderedHeads(chunks, { rowBytes, headRows: headDim, order });
}

/** Reports how far the work has come, and ends it when the signal says so. */
function progressOf({ spec, options: { signal, onProgress } }: ExportWork) {
  const total = spec.tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  let before = 0;
  return async function* (
    { name, bytes }: GgufTensor,
    { rows, cols }: TensorBinding,
    chunks: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let done = 0;
    try {
      for await (const chunk of chunks) {
        throwIfAborted(signal);
        done = Math.min(done + chunk.length, 4 * rows * cols);
        onProgress?.({
          bytes: Math.floor(before + bytes * (done / (8 * rows * cols))),
          total,
          tensor: name,
        });
        yield chunk;
      }
    } finally {
      before += bytes / 2; // also where the first numbers tell all
    }
  };
}
