import { rm } from 'node:fs/promises';
import { newPart, partDone } from '../../lib/files/part-files.js';
import { tiltBetween } from './gate.js';
import { inactiveNeurons } from './inactive-neurons.js';
import type { SynthModel } from './model.js';
import { type WriteOptions, writeSynthModel } from './write.js';

/** Gates as they will be written. */
export interface TunedGates {
  /** `[nLayer]`, for `SynthModel.tilts`. */
  readonly tilts: readonly number[];
  /** `[nLayer]` measured fractions of gate outputs that are at most 0. */
  readonly closed: readonly number[];
}

/** Trials go on until every layer is this near. */
const tolerance = 0.01;

/** The first is nearly right (within 0.01 for 24 layers of `700m`); more than a few would mean that tilts are clamped. */
const maxPasses = 4;

/** Rows of the embedding in a trial: enough for the tokens that are counted. */
const trialVocab = 512;

/**
 * Finds the tilts that close a fraction `sparsity` of each layer's gates.
 *
 * The formula behind `tiltBetween` does not know how attention mixes tokens and how norms and int8 change values. So a trial model (the
 * same layers in I2_S under a short vocabulary) is written beside `path`, run, corrected and in the end deleted.
 */
export async function tuneGates(
  path: string,
  model: SynthModel,
  sparsity: number,
  { signal, onFraction }: WriteOptions,
): Promise<TunedGates> {
  const { nLayer, dim } = model.shape;
  const shape = { ...model.shape, vocabSize: trialVocab };
  let tilts: readonly number[] = Array.from({ length: nLayer }, (_, layer) =>
    bounded(tiltBetween(0.5, sparsity, dim, layer)),
  );
  const trial = newPart(path);
  try {
    for (let pass = 1; ; pass++) {
      await writeSynthModel(
        trial,
        { ...model, shape, format: 'i2_s', scales: 'tensor', tilts },
        { signal, onFraction },
      );
      const closed = await inactiveNeurons(trial, trialVocab, model.seed);
      const done = closed.every((fraction) => Math.abs(fraction - sparsity) <= tolerance);
      if (done || pass === maxPasses) return { tilts, closed };
      tilts = tilts.map((tilt, layer) => {
        // A fraction of exactly 0 or 1 has no quantile.
        const measured = Math.max(0.001, Math.min(0.999, closed[layer]!));
        return bounded(tilt + tiltBetween(measured, sparsity, dim, layer));
      });
    }
  } finally {
    await rm(trial, { force: true });
    partDone(trial);
  }
}

/** A probability of 1/4 cannot be moved by more. */
function bounded(tilt: number): number {
  return Math.max(-0.25, Math.min(0.25, tilt));
}
