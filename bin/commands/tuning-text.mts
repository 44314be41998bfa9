import type { ShapeTiming } from '../../lib/index.js';

/** `2560 × 640: base3-avx512vnni (Gweights/s: base3-avx512vnni 101, mad2-avx512vnni 83.2)`. */
export function tuningText({ rows, cols, kernel, timings }: ShapeTiming): string {
  const rates = timings.map((each) => `${each.kernel} ${each.token.toPrecision(3)}`).join(', ');
  return `${rows} × ${cols}: ${kernel} (Gweights/s: ${rates})`;
}

/** `inactive neurons in 28 of 30 layers`. */
export function skippingText(skipsInactive: readonly boolean[]): string {
  const count = skipsInactive.filter(Boolean).length;
  return `inactive neurons in ${count} of ${skipsInactive.length} layers`;
}
