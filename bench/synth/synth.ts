import { stat } from 'node:fs/promises';
import { argumentError, checkOptionNames } from '../../lib/checks/options.js';
import { writableTarget } from '../../lib/files/target.js';
import type { SynthFormat, SynthScales } from './formats.js';
import { describedModel, type SynthDescription } from './model.js';
import type { Shape } from './shapes.js';
import { tuneGates } from './tune-gates.js';
import { writeSynthModel } from './write.js';

export interface SynthOptions extends SynthDescription {
  /**
   * Fraction of each layer's gate outputs that shall be at most 0, from 0.05 to 0.95.
   * @default plain random trits, about 0.5
   */
  readonly activationSparsity?: number | undefined;
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
  readonly scales: SynthScales;
  readonly seed: number;
  /** `[nLayer]` measured fractions of gate outputs that are at most 0, with `activationSparsity`. */
  readonly inactiveNeurons?: readonly number[];
}

const optionNames = [
  ...[
    'shape',
    'format',
    'scales',
    'activationSparsity',
    'layers',
    'seed',
    'overwrite',
    'signal',
    'onProgress',
  ],
];

/**
 * Writes a GGUF model with seeded random weights: trits −1, 0, +1 with probabilities 1/4, 1/2, 1/4, scales that keep activations near
 * one. It computes at the speed of a trained model of that shape and talks nonsense.
 *
 * With `activationSparsity` all embeddings share a direction and the gates lean against it, so that a large part of them is closed for most
 * tokens, as in trained squared-ReLU models; how much is measured on a trial model beside `path`, which is deleted.
 *
 * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_FILE, ERR_BITNET_ABORTED; with `activationSparsity` also as `loadModel`
 */
export async function synthesize(path: string, options: SynthOptions): Promise<Synthesis> {
  checkOptionNames(options, optionNames);
  const { activationSparsity, signal, onProgress } = options;
  const plain = describedModel(options);
  const { shape, format, scales, seed } = plain;
  if (activationSparsity !== undefined && shape.experts) {
    throw argumentError(
      'absent for a mixture of experts, whose gates are not squared',
      'option activationSparsity',
      activationSparsity,
    );
  }
  if (
    activationSparsity !== undefined &&
    !(activationSparsity >= 0.05 && activationSparsity <= 0.95)
  ) {
    throw argumentError(
      'a number from 0.05 to 0.95',
      'option activationSparsity',
      activationSparsity,
    );
  }
  const overwrite = options.overwrite === true;
  await writableTarget(path, { overwrite, remedy: 'allow it to be replaced (--force)' });
  const watch = (step: 'trial' | 'model') => ({
    signal,
    onFraction: (fraction: number) => onProgress?.(step, fraction),
  });
  const tuned =
    activationSparsity === undefined
      ? undefined
      : await tuneGates(path, plain, activationSparsity, watch('trial'));
  const model = tuned ? { ...plain, tilts: tuned.tilts } : plain;
  await writeSynthModel(path, model, { overwrite, ...watch('model') });
  const { size: bytes } = await stat(path);
  return {
    path,
    bytes,
    shape,
    format,
    scales,
    seed,
    ...(tuned && { inactiveNeurons: tuned.closed }),
  };
}
