import { stat } from 'node:fs/promises';
import { argumentError, checkOptionNames } from '../../lib/checks/options.js';
import { writableTarget } from '../../lib/files/target.js';
import { halfValue } from '../../lib/gguf/half.js';
import { f32, text } from '../../lib/gguf/typed.js';
import { type GgufTensorData, writeGguf } from '../../lib/gguf/writer.js';
import { describedModel, type SynthDescription, synthTensors } from './model.js';
import { normalTensor } from './weights.js';

export interface SynthAdapterOptions extends Pick<SynthDescription, 'shape' | 'layers' | 'seed'> {
  /** Columns of every B. */
  readonly rank: number;
  /** @default 'f16' */
  readonly type?: 'f16' | 'f32' | undefined;
  /**
   * Whether a file that is there may be replaced.
   * @default false
   */
  readonly overwrite?: boolean | undefined;
}

/** What was written. */
export interface AdapterSynthesis {
  readonly path: string;
  /** Bytes of the file. */
  readonly bytes: number;
  readonly rank: number;
  readonly layers: number;
}

const optionNames = ['shape', 'layers', 'seed', 'rank', 'type', 'overwrite'];

const adapted = /^blk\.\d+\.(attn_(q|k|v|output)|ffn_(gate|up|down))\.weight$/;

/**
 * Writes a LoRA adapter for a synthetic model, with random matrices beside all of its projections.
 *
 * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_FILE
 */
export async function synthesizeAdapter(
  path: string,
  options: SynthAdapterOptions,
): Promise<AdapterSynthesis> {
  checkOptionNames(options, optionNames);
  const { rank, type = 'f16', overwrite = false } = options;
  if (!(Number.isInteger(rank) && rank >= 1 && rank <= 1024)) {
    throw argumentError('an integer from 1 to 1024', 'option rank', rank);
  }
  const { shape, layers, seed: given } = options;
  const model = describedModel({ shape, layers, seed: given });
  const { seed } = model;
  await writableTarget(path, { overwrite, remedy: 'allow it to be replaced (--force)' });
  const matrix = (name: string, cols: number, rows: number, size: number): GgufTensorData => ({
    ...{ name, dims: [cols, rows], type: type.toUpperCase() },
    data: {
      bytes: rows * cols * (type === 'f16' ? 2 : 4),
      chunks: typed(normalTensor(rows * cols, size, seed, name), type),
    },
  });
  const tensors = synthTensors(model).flatMap(({ name, dims }) => {
    if (!adapted.test(name)) return [];
    const [cols, rows] = dims as [number, number];
    return [
      matrix(`${name}.lora_a`, cols, rank, 1 / Math.sqrt(cols)),
      matrix(`${name}.lora_b`, rank, rows, 0.1 / Math.sqrt(rank)),
    ];
  });
  const metadata = [
    ['general.architecture', text(model.shape.architecture)],
    ['general.type', text('adapter')],
    ['adapter.type', text('lora')],
    ['general.name', text(`synthetic ${model.name} rank ${rank}`)],
    ['adapter.lora.alpha', f32(rank)],
  ] as const;
  await writeGguf(path, { metadata, tensors }, { overwrite });
  return { path, bytes: (await stat(path)).size, rank, layers: model.shape.nLayer };
}

function* typed(halves: Iterable<Uint8Array>, type: 'f16' | 'f32'): Generator<Uint8Array> {
  for (const bytes of halves) {
    if (type === 'f16') {
      yield bytes;
      continue;
    }
    const words = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    yield new Uint8Array(Float32Array.from(words, halfValue).buffer);
  }
}
