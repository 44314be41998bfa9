import { BitnetError } from '../errors.js';
import type { LogitChanges } from './changes.js';
import { isAllowed } from './constraint.js';
import type { TopLogits } from './evaluator.js';

/** A token that may come next. Lists of them go from the best logit down, ties to the lower id. */
export interface Candidate {
  readonly id: number;
  readonly logit: number;
}

/**
 * The `k` best tokens after changes, from the best raw logits.
 *
 * Exact when `top` holds the k + p best of those allowed and, as extra ones, the p that change:
 * an unchanged token among the k best has at most p + k - 1 tokens before it in raw order.
 */
export function bestAfterChanges(
  k: number,
  top: TopLogits,
  changes: LogitChanges,
  allowed: Uint32Array | undefined,
): Candidate[] {
  const candidates: Candidate[] = [];
  let finite = false;
  const show = (id: number, raw: number, logit: number) => {
    finite ||= raw !== -Infinity;
    candidates.push({ id, logit });
  };
  for (let i = 0; i < top.ids.length && top.ids[i]! >= 0; i++) {
    const id = top.ids[i]!;
    const logit = checked(top.logits[i]!);
    if (changes.ids.length === 0 || !changes.has(id)) show(id, logit, logit);
  }
  for (const [i, id] of changes.ids.entries()) {
    const logit = checked(top.extraLogits[i]!);
    if (isAllowed(allowed, id)) show(id, logit, changes.apply(logit, id));
  }
  if (changes.ids.length > 0) candidates.sort((a, b) => b.logit - a.logit || a.id - b.id);
  const best = candidates.slice(0, k).filter(({ logit }) => logit !== -Infinity);
  if (best.length > 0) return best;
  throw finite ? nothingLeft() : numericError('no token has a finite logit');
}

/** All logits after changes, -Infinity where a token is not allowed: `logits` itself when nothing changes. */
export function allAfterChanges(
  logits: Float32Array,
  changes: LogitChanges,
  allowed: Uint32Array | undefined,
): Float32Array {
  if (changes.ids.length === 0 && !allowed) return logits;
  const copy = logits.slice();
  for (const id of changes.ids) copy[id] = changes.apply(copy[id]!, id);
  for (let id = 0; allowed && id < copy.length; id++) {
    if (!isAllowed(allowed, id) && !Number.isNaN(copy[id]!)) copy[id] = -Infinity;
  }
  if (logits.some((logit) => logit !== -Infinity) && copy.every((logit) => logit === -Infinity))
    throw nothingLeft();
  return copy;
}

/** The largest of all logits `[vocabSize]`; throws `ERR_BITNET_NUMERIC` if one is NaN or none is finite. */
export function largestLogit(logits: Float32Array): number {
  let largest = -Infinity;
  for (let id = 0; id < logits.length; id++) {
    const logit = checked(logits[id]!);
    if (logit > largest) largest = logit;
  }
  if (largest === -Infinity) throw numericError('no token has a finite logit');
  return largest;
}

/**
 * All tokens from the best down, sorted only as far as the caller reads: band after band of falling
 * logits is gathered and sorted, each band twice as wide as the one before.
 */
export function* descending(logits: Float32Array, largest: number): Generator<Candidate, void> {
  let above = Number.POSITIVE_INFINITY;
  let best = largest; // of the tokens below `above`
  for (let width = 1; best !== -Infinity; width *= 2) {
    const lowest = best - width;
    const band: number[] = [];
    best = -Infinity;
    for (let id = 0; id < logits.length; id++) {
      const logit = logits[id]!;
      if (logit < lowest) best = Math.max(best, logit);
      else if (logit < above) band.push(id);
    }
    for (const id of sortedByLogit(band, logits)) yield { id, logit: logits[id]! };
    above = lowest;
  }
}

/** Above every token id; small enough that 32 bits of rank and an id fit a double's 53. */
const idRange = 2 ** 22;

/**
 * Best logit first, ties to the lower id. Many times faster than a comparison function: the bits of
 * an f32 without its sign are ordered like its magnitude, so they make a number, and numbers sort
 * natively.
 */
function* sortedByLogit(ids: readonly number[], logits: Float32Array): Generator<number, void> {
  const float = new Float32Array(1);
  const bits = new Int32Array(float.buffer);
  const keys = Float64Array.from(ids, (id) => {
    float[0] = logits[id]!;
    const magnitude = bits[0]! & 0x7fffffff;
    const rank = bits[0]! < 0 ? magnitude : -magnitude;
    return rank * idRange + id;
  });
  for (const key of keys.sort()) yield key - Math.floor(key / idRange) * idRange;
}

function checked(logit: number): number {
  if (logit < Number.POSITIVE_INFINITY) return logit;
  throw numericError(`one of them is ${logit}`);
}

function nothingLeft(): BitnetError {
  return new BitnetError(
    'ERR_BITNET_ARGUMENT',
    'Expected some token that may come next, but the options that forbid tokens (logitBias, bannedTokens, minTokens, ignoreEnd, a grammar) leave none; forbid fewer.',
  );
}

function numericError(reason: string): BitnetError {
  return new BitnetError(
    'ERR_BITNET_NUMERIC',
    `Expected finite logits from the model, but ${reason}; the model file is probably damaged or uses weights this version misreads.`,
  );
}
