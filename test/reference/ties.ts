import { roundHalfEven } from '../fixtures/half.js';
import { difference } from './difference.js';
import { engineRounding, ReferenceSequence, type Rounding } from './forward.js';
import type { ReferenceModel } from './weights.js';

/** How far an engine is from the reference that decides ties as the engine did. */
export interface Comparison {
  /** Worst position's error as a fraction of its largest logit. */
  readonly error: number;
  /** Ties that had to be decided the other way. */
  readonly ties: number;
}

/**
 * Steps from the middle within which an f32 result may round the other way: f32 sums are wrong by
 * some 1e-7 of their largest terms, and halves are up to 2048 steps.
 */
const tieDistance = 0.01;

/** No tie explains a larger error than this. */
const ceiling = 0.1;

/**
 * Compares an engine's logits with the reference that rounds where the engine does. A number in
 * the middle between two int8 codes or halves falls on either side for the last bit of a sum. One
 * such flip of a half moves logits by 1e-6 to 1e-4, one of a code, which makes others flip, by
 * 1e-2; it says nothing about either side. So where the logits of a position differ, the reference
 * tries the few numbers that lie in the middle the other way round, and goes on with what helped.
 *
 * @param logits [ids.length × vocabSize]
 * @param floor error, as a fraction of the largest logit, that needs no explanation
 * @param rounding the engine's rounding points
 */
export function compareWithTies(
  model: ReferenceModel,
  ids: readonly number[],
  logits: Float32Array,
  floor: number,
  rounding: Rounding = engineRounding,
): Comparison {
  let calls = 0;
  let flipped = new Set<number>();
  let middles: { readonly call: number; readonly distance: number }[] = [];
  const round = (steps: number) => {
    const rounded = roundHalfEven(steps);
    const distance = 0.5 - Math.abs(steps - rounded);
    const call = calls++;
    if (distance < tieDistance) middles.push({ call, distance });
    return flipped.has(call) ? rounded + Math.sign(steps - rounded) : rounded;
  };
  const sequence = new ReferenceSequence(model, { ...rounding, round });
  const vocabSize = logits.length / ids.length;

  const errorAt = (position: number, flips: Set<number>) => {
    [calls, flipped, middles] = [0, flips, []];
    sequence.truncate(position);
    const expected = sequence.next(ids[position]!);
    return difference(logits.subarray(position * vocabSize, (position + 1) * vocabSize), expected)
      .max;
  };
  /** The one more flip that helps most. */
  const improve = (position: number, flips: Set<number>) => {
    const candidates = middles
      .filter(({ call }) => !flips.has(call))
      .sort((a, b) => a.distance - b.distance);
    let best = { error: Number.POSITIVE_INFINITY, flips };
    for (const { call } of candidates) {
      const tried = new Set([...flips, call]);
      const error = errorAt(position, tried);
      if (error < best.error) best = { error, flips: tried };
      if (error < floor) break;
    }
    return best;
  };

  let [worst, ties] = [0, 0];
  for (let position = 0; position < ids.length; position++) {
    let flips = new Set<number>();
    let error = errorAt(position, flips);
    while (error > floor && error < ceiling) {
      const better = improve(position, flips);
      const helps = better.error < error / 2;
      if (helps) [error, flips] = [better.error, better.flips];
      errorAt(position, flips); // the sequence goes on with the flips that helped
      if (!helps) break;
    }
    worst = Math.max(worst, error);
    ties += flips.size;
  }
  return { error: worst, ties };
}
