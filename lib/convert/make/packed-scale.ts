import type { BitnetError } from '../../errors.js';
import { quote } from '../../gguf/malformed.js';
import type { ScaleRule } from '../scale-rule.js';

/** Scales of trained layers; the other rule makes something far from it of each. */
const plausible = { min: 1e-4, max: 10 };

/** 32-bit floats below it have fewer bits, and reciprocals that are infinite. */
const leastNormal = 2 ** -126;

/**
 * The scale of packed trits from the number beside them.
 *
 * @param fail makes the error for a number that is no scale
 */
export function scaleOf(
  stated: number,
  rule: ScaleRule,
  fail: (expected: string, found: string) => BitnetError,
): number {
  const scale = rule === 'divide' ? Math.fround(1 / stated) : stated;
  if (stated >= leastNormal && Number.isFinite(stated) && scale >= leastNormal) return scale;
  throw fail(`a number from ${leastNormal} on whose reciprocal is one too`, `${stated}`);
}

/** What is odd about a scale; undefined when nothing is. */
export function oddScale(name: string, scale: number): string | undefined {
  if (scale >= plausible.min && scale <= plausible.max) return undefined;
  const other = Math.fround(1 / scale);
  const fits = other >= plausible.min && other <= plausible.max;
  const hint = fits ? `; by the other rule they would be ±${short(other)}` : '';
  return `the weights of ${quote(name)} are ±${short(scale)}${hint}`;
}

function short(value: number): string {
  return `${Number(value.toPrecision(4))}`;
}
