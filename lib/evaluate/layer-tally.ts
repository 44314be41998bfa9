import { argumentError } from '../checks/options.js';
import type { ModelSpec } from '../model/spec/spec.js';
import type { LayerError } from './results.js';

/** Collects how far the residual streams of two models are apart, layer by layer. */
export class LayerTally {
  readonly #dim: number;
  /** [nLayer, 4] Σ a², Σ b², Σ a b, Σ (b − a)². */
  readonly #sums: Float64Array;

  /** @throws ERR_BITNET_ARGUMENT for models whose layers have no counterparts */
  constructor(a: ModelSpec, b: ModelSpec) {
    if (a.nLayer !== b.nLayer || a.dim !== b.dim) {
      const found = `${a.nLayer} of ${a.dim} and ${b.nLayer} of ${b.dim}`;
      throw argumentError('models with as many layers of the same width', 'option layers', found);
    }
    this.#dim = a.dim;
    this.#sums = new Float64Array(4 * a.nLayer);
  }

  /** Streams `[nLayer, n, dim]` of both. */
  add(a: Float32Array, b: Float32Array): void {
    const sums = this.#sums;
    const perLayer = a.length / (sums.length / 4);
    for (let layer = 0; 4 * layer < sums.length; layer++) {
      let [squaresA, squaresB, products, errors] = [0, 0, 0, 0];
      for (let i = layer * perLayer; i < (layer + 1) * perLayer; i++) {
        const [x, y] = [a[i]!, b[i]!];
        squaresA += x * x;
        squaresB += y * y;
        products += x * y;
        errors += (y - x) * (y - x);
      }
      sums[4 * layer]! += squaresA;
      sums[4 * layer + 1]! += squaresB;
      sums[4 * layer + 2]! += products;
      sums[4 * layer + 3]! += errors;
    }
  }

  /** Bytes that the streams of a token take. */
  get tokenBytes(): number {
    return this.#sums.length * this.#dim;
  }

  result(): LayerError[] {
    return Array.from({ length: this.#sums.length / 4 }, (_, layer) => {
      const [squaresA, squaresB, products, errors] = this.#sums.subarray(4 * layer);
      const same = errors === 0; // also where both are zeros
      return {
        error: same ? 0 : Math.sqrt(errors! / squaresA!),
        cosine: same ? 1 : products! / Math.sqrt(squaresA! * squaresB!),
      };
    });
  }
}
