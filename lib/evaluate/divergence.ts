import { BitnetError } from '../errors.js';
import type { Divergence } from './results.js';

/** What one position says. */
export interface PositionScores {
  /** ln p of the token that follows, in each model. */
  readonly logProbs: readonly [number, number];
  readonly divergence: number;
  readonly sameTop: boolean;
  readonly logitDifference: number;
}

/** Compares the logits of two models `[vocabSize]` for the token `next`. */
export function scorePosition(a: Float32Array, b: Float32Array, next: number): PositionScores {
  const [first, second] = [normalizer(a), normalizer(b)];
  let divergence = 0;
  let logitDifference = 0;
  for (let i = 0; i < a.length; i++) {
    const [logitA, logitB] = [a[i]!, b[i]!];
    if (logitA === logitB && first.logSum === second.logSum) continue;
    const logP = logitA - first.logSum;
    const p = Math.exp(logP);
    if (p > 0) divergence += p * (logP - (logitB - second.logSum));
    const difference = Math.abs(logitB - logitA);
    if (difference > logitDifference) logitDifference = difference;
  }
  const logProbs = [a[next]! - first.logSum, b[next]! - second.logSum] as const;
  if (![...logProbs, divergence].every(Number.isFinite)) throw notNumbers();
  // Below zero only by rounding.
  return {
    ...{ logProbs, divergence: Math.max(divergence, 0), logitDifference },
    sameTop: first.top === second.top,
  };
}

/** ln Σ exp(logit), and the likeliest token. */
function normalizer(logits: Float32Array): { logSum: number; top: number } {
  let top = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[top]!) top = i;
  const largest = logits[top]!;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - largest);
  return { logSum: largest + Math.log(sum), top };
}

/** Collects positions: 8 bytes for each. */
export class DivergenceTally {
  #values = new Float64Array(1024);
  #count = 0;
  #same = 0;
  #change = 0;
  #changeSquares = 0;
  #probabilitySquares = 0;
  #largest = 0;

  add({ logProbs: [a, b], divergence, sameTop, logitDifference }: PositionScores): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(2 * this.#count);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = divergence;
    if (sameTop) this.#same++;
    this.#change += a - b;
    this.#changeSquares += (a - b) ** 2;
    this.#probabilitySquares += (Math.exp(b) - Math.exp(a)) ** 2;
    this.#largest = Math.max(this.#largest, logitDifference);
  }

  result(): Divergence {
    const n = this.#count;
    const sorted = this.#values.slice(0, n).sort();
    const at = (share: number) => sorted[Math.min(n - 1, Math.max(0, Math.ceil(share * n) - 1))]!;
    const sum = sorted.reduce((total, value) => total + value, 0);
    const squares = sorted.reduce((total, value) => total + value * value, 0);
    const agreement = this.#same / n;
    return {
      klDivergence: {
        mean: sum / n,
        error: meanError(sum, squares, n),
        ...{ median: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) },
      },
      logRatio: {
        value: this.#change / n,
        error: meanError(this.#change, this.#changeSquares, n),
      },
      topAgreement: {
        value: agreement,
        error: n > 1 ? Math.sqrt((agreement * (1 - agreement)) / (n - 1)) : null,
      },
      rmsProbability: Math.sqrt(this.#probabilitySquares / n),
      largestLogitDifference: this.#largest,
    };
  }
}

/** Standard error of a mean: sample standard deviation over √n. */
function meanError(sum: number, squares: number, n: number): number | null {
  if (n < 2) return null;
  const mean = sum / n;
  return Math.sqrt(Math.max(squares / n - mean * mean, 0) / (n - 1));
}

function notNumbers(): BitnetError {
  return new BitnetError(
    'ERR_BITNET_NUMERIC',
    'Expected probabilities from both models, but some are not numbers: the weights of one are damaged; get the file again.',
  );
}
