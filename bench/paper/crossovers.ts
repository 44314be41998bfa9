import { ratioOf } from '../report/estimate.js';
import { cheaper } from './arithmetic.js';
import { crossoverSource, publishedCrossovers } from './published.js';
import type { Crossover, CrossoverRow, SizeRow } from './report.js';
import { ofFormat } from './sizes.js';

const costs = ['memory', 'decode', 'prefill', 'energy', 'prefillEnergy'] as const;

/** The pairs of the paper of which both sizes were measured. */
export function crossovers(sizes: readonly SizeRow[]): Crossover[] {
  const row = (size: string, format: 'f16' | 'i2_s') => {
    const found = sizes.find((one) => one.size === size);
    return found && ofFormat(found.formats, format);
  };
  return publishedCrossovers.flatMap(({ ternary, fp16 }) => {
    const [large, small] = [row(ternary, 'i2_s'), row(fp16, 'f16')];
    if (!large || !small) return [];
    const rows = costs.flatMap((cost): CrossoverRow[] => {
      const [a, b] = [large[cost], small[cost]];
      if (!a || !b) return [];
      const { value: ratio } = ratioOf(a, b);
      return [{ cost, ternary: a, fp16: b, ratio, verdict: cheaper(a, b) }];
    });
    return [{ ternary, fp16, source: crossoverSource, rows }];
  });
}
