import type { ChunkedTensor } from '../../gguf/rewrite.js';
import { readTensor } from '../../safetensors/read-tensor.js';
import type { SafetensorsTensor } from '../../safetensors/types.js';
import { checkpointError } from '../tensors/checkpoint.js';
import { type RowOrder, sameOrder } from '../tensors/orders.js';
import { storedRows } from '../weights/dense-data.js';
import { type DenseType, denseBytes, encodeFloats, ownType } from '../weights/dense-types.js';
import { floatsOf, indexOfNonFinite, plainFloats } from '../weights/floats.js';
import type { AdapterPair } from './plan-adapter.js';

type Reading = { readonly signal?: AbortSignal };

/** How one matrix becomes a tensor of the file. */
interface Made {
  readonly path: string;
  readonly source: SafetensorsTensor;
  readonly type: DenseType;
  readonly factor: number;
  readonly order: RowOrder;
  readonly reading: Reading;
}

/**
 * The tensors of a GGUF adapter, read when they are written: A as it is, B with its rows where the base has them.
 *
 * @param path of the adapter's folder, for errors
 * @param alpha of the file; B is multiplied where a pair has another
 * @throws ERR_BITNET_MODEL for a number that is infinite or none, once it is read
 */
export function adapterTensors(
  path: string,
  pairs: readonly AdapterPair[],
  alpha: number,
  reading: Reading,
): (ChunkedTensor & { readonly type: DenseType })[] {
  return pairs.flatMap(({ name, a, b, order = sameOrder, alpha: own }) => {
    const factor = Math.fround(own) === alpha ? 1 : own / alpha;
    const made = { path, reading };
    return [
      chunked(`${name}.lora_a`, {
        ...made,
        source: a,
        type: ownType(a),
        factor: 1,
        order: sameOrder,
      }),
      chunked(`${name}.lora_b`, {
        ...{ ...made, source: b, factor, order },
        type: factor === 1 ? ownType(b) : 'F32',
      }),
    ];
  });
}

function chunked(name: string, made: Made): ChunkedTensor & { readonly type: DenseType } {
  const { source, type } = made;
  const [rows, cols] = source.shape as [number, number];
  const data = { bytes: rows * cols * denseBytes[type], chunks: chunksOf(made) };
  return { name, dims: [cols, rows], type, data };
}

async function* chunksOf({
  path,
  source,
  type,
  factor,
  order,
  reading,
}: Made): AsyncGenerator<Uint8Array> {
  const [rows, cols] = source.shape as [number, number];
  const floats = floatsOf(source, await readTensor(source, reading));
  if (indexOfNonFinite(floats) >= 0) throw notFinite(path, source, 'one that is not');
  const moved = storedRows(floats, cols, order)(0, rows);
  if (factor === 1) return yield encodeFloats(moved, ownType(source), type);
  const scaled = plainFloats(moved).map((value) => value * factor);
  if (!scaled.every(Number.isFinite)) throw notFinite(path, source, 'one too large for its alpha');
  yield new Uint8Array(scaled.buffer);
}

function notFinite(path: string, { name }: SafetensorsTensor, found: string) {
  const advice = 'the adapter is damaged, download it again';
  return checkpointError({ path }, name, 'of finite numbers', found, advice);
}
