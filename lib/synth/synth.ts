import { randomUUID } from 'node:crypto';
import { access, stat } from 'node:fs/promises';
import { BitnetError } from '../errors.js';
import { argumentError, checkOptionNames } from '../generate/option-checks.js';
import type { SynthModel } from './model.js';
import { type Shape, type ShapeName, shapes } from './shapes.js';
import { tuneGates } from './tune-gates.js';
import type { SynthFormat } from './weights.js';
import { writeSynthModel } from './write.js';

export interface SynthOptions {
  /** Whose hyper-parameters to take. */
  readonly shape: ShapeName;
  /**
   * How linear layers are stored; the embedding is F16.
   * @default 'i2_s'
   */
  readonly format?: SynthFormat | undefined;
  /**
   * Fraction of each layer's gate outputs that shall be at most 0, from 0.05 to 0.95.
   * @default plain random trits, about 0.5
   */
  readonly gateSparsity?: number | undefined;
  /**
   * Layers to write, 1 to 1024.
   * @default those of the shape
   */
  readonly layers?: number | undefined;
  /**
   * From 0 to 2³² − 1; the same options give the same file.
   * @default 0
   */
  readonly seed?: number | undefined;
  /**
   * Whether a file that is there may be replaced.
   * @default false
   */
  readonly overwrite?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with what is being written and the fraction of it that is, from 0 to 1. */
  readonly onProgress?: ((step: 'trial' | 'model', fraction: number) => void) | undefined;
}

/** What was written. */
export interface Synthesis {
  readonly path: string;
  /** Bytes of the file. */
  readonly bytes: number;
  readonly shape: Shape;
  readonly format: SynthFormat;
  readonly seed: number;
  /** `[nLayer]` measured fractions of gate outputs that are at most 0, with `gateSparsity`. */
  readonly closedGates?: readonly number[];
}

const optionNames = [
  ...['shape', 'format', 'gateSparsity', 'layers', 'seed', 'overwrite', 'signal', 'onProgress'],
];

/**
 * Writes a GGUF model with seeded random weights: trits −1, 0, +1 with probabilities 1/4, 1/2, 1/4, scales that keep activations near
 * one. It computes at the speed of a trained model of that shape and talks nonsense.
 *
 * With `gateSparsity` all embeddings share a direction and the gates lean against it, so that a large part of them is closed for most
 * tokens, as in trained squared-ReLU models; how much is measured on a trial model beside `path`, which is deleted.
 *
 * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_FILE, ERR_BITNET_ABORTED; with `gateSparsity` also as `loadModel`
 */
export async function synthesise(path: string, options: SynthOptions): Promise<Synthesis> {
  checkOptionNames(options, optionNames);
  const { format = 'i2_s', gateSparsity, seed = 0, signal, onProgress } = options;
  const shape = checkedShape(options);
  if (format !== 'i2_s' && format !== 'f16') {
    throw argumentError("'i2_s' or 'f16'", 'option format', format);
  }
  if (!(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)) {
    throw argumentError('an integer from 0 to 4294967295', 'option seed', seed);
  }
  if (gateSparsity !== undefined && !(gateSparsity >= 0.05 && gateSparsity <= 0.95)) {
    throw argumentError('a number from 0.05 to 0.95', 'option gateSparsity', gateSparsity);
  }
  if (options.overwrite !== true && (await exists(path))) {
    throw new BitnetError(
      'ERR_BITNET_FILE',
      `Expected no file at "${path}", but there is one; choose another name, or allow it to be replaced (--force).`,
      { path },
    );
  }
  const plain: SynthModel = { name: options.shape, shape, format, seed };
  const watch = (step: 'trial' | 'model') => ({
    signal,
    onFraction: (fraction: number) => onProgress?.(step, fraction),
  });
  const trial = `${path}.${randomUUID().slice(0, 8)}.trial`;
  const tuned =
    gateSparsity === undefined
      ? undefined
      : await tuneGates(trial, plain, gateSparsity, watch('trial'));
  const model = tuned ? { ...plain, tilts: tuned.tilts } : plain;
  await writeSynthModel(path, model, watch('model'));
  const { size: bytes } = await stat(path);
  return { path, bytes, shape, format, seed, ...(tuned && { closedGates: tuned.closed }) };
}

function checkedShape(options: SynthOptions): Shape {
  if (!Object.hasOwn(shapes, options.shape)) {
    const names = Object.keys(shapes).join(', ');
    throw argumentError(`one of ${names}`, 'option shape', options.shape);
  }
  const shape: Shape = shapes[options.shape];
  const { layers = shape.nLayer } = options;
  if (!Number.isInteger(layers) || layers < 1 || layers > 1024) {
    throw argumentError('an integer from 1 to 1024', 'option layers', layers);
  }
  return { ...shape, nLayer: layers };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
