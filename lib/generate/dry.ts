import { addition, type History, type LogitChange } from './changes.js';
import type { DryBreakers } from './dry-breakers.js';

/** How strongly tokens are penalized that would continue a repetition; see `GenerateOptions`. */
export interface DrySettings {
  readonly dryMultiplier: number;
  readonly dryBase: number;
  readonly dryAllowedLength: number;
  readonly dryPenaltyLastN: number;
}

/** ln of the largest float32: what a penalty stays below. */
const largestExponent = 88.7228391;

/**
 * "Don't repeat yourself" (p-e-w), as llama.cpp has it: a token that stood behind an earlier occurrence of the
 * last n tokens loses multiplier · base^(n − allowed length), if n is at least the allowed length. The longest
 * occurrence counts. None reaches back over a sequence breaker.
 */
export function dryPenalties(
  history: History,
  settings: DrySettings,
  breakers: DryBreakers,
): LogitChange {
  const { dryMultiplier, dryBase, dryAllowedLength, dryPenaltyLastN } = settings;
  const count = dryPenaltyLastN < 0 ? history.length : Math.min(dryPenaltyLastN, history.length);
  const back = (i: number) => history.tokens[history.length - 1 - i]!; // 0: the last token
  const penalties = new Map<number, number>();
  if (count <= dryAllowedLength) return addition(penalties);
  const limit = breakers.distance(back, count);
  if (limit < dryAllowedLength) return addition(penalties);

  const repeats = new Map<number, number>(); // the longest behind which a token stood
  for (const [k, length] of commonWithShifted(back, count).entries()) {
    const repeated = Math.min(length, limit);
    if (k === 0 || repeated < dryAllowedLength) continue;
    const id = back(k - 1);
    repeats.set(id, Math.max(repeats.get(id) ?? 0, repeated));
  }
  const most = dryBase > 1.000001 ? Math.floor(largestExponent / Math.log(dryBase)) : 0;
  for (const [id, length] of repeats) {
    if (breakers.isBreaker(id)) continue;
    const exponent = length - dryAllowedLength;
    const penalty = dryMultiplier * dryBase ** (most > 0 ? Math.min(exponent, most) : exponent);
    penalties.set(id, -penalty);
  }
  return addition(penalties);
}

/** The Z-function: for every k how many tokens from `k` on are the same as from 0 on, in linear time. */
function commonWithShifted(at: (i: number) => number, count: number): Int32Array {
  const common = new Int32Array(count);
  let left = 0;
  let right = 0; // [left, right) is the rightmost stretch known to be the same as one at 0
  for (let k = 1; k < count; k++) {
    let length = k < right ? Math.min(right - k, common[k - left]!) : 0;
    while (k + length < count && at(length) === at(k + length)) length++;
    common[k] = length;
    if (k + length > right) {
      left = k;
      right = k + length;
    }
  }
  return common;
}
