import { type ShapeName, shapes, weightsPerLayer } from '../synth/shapes.js';
import { packedTritBits, timesSmaller, tritBits } from './arithmetic.js';
import { publishedClaims } from './published.js';

/** A figure that goes round, and what arithmetic has to say. */
export interface Claim {
  readonly claim: string;
  readonly source: string;
  /** 'impossible': on any machine; 'impossible here': on this one; 'modeled': nothing that a machine could show. */
  readonly verdict: 'impossible' | 'impossible here' | 'possible here' | 'modeled';
  readonly why: string;
}

/** What the claims are held against. */
export interface ClaimFacts {
  /** The largest model that was counted, and how many times smaller than FP16 all of it is. */
  readonly whole: { readonly size: ShapeName; readonly ratio: number } | null;
  /** Measured read bandwidth of this machine, in 10⁹ bytes per second. */
  readonly gbPerSecond: number;
}

/** @throws never: every claim gets an answer */
export function claims({ whole, gbPerSecond }: ClaimFacts): Claim[] {
  const { sixteenTimesSmaller, matrixEnergy, hundredBillion } = publishedClaims;
  const packed = timesSmaller(packedTritBits).toFixed(0);
  const least = timesSmaller(tritBits).toFixed(1);
  const all = whole ? `; all of the ${whole.size} is ${whole.ratio.toFixed(1)} times smaller` : '';
  const bytes = packedBytes('100b');
  const most = (gbPerSecond * 1e9) / bytes;
  const read = `${(bytes / 1e9).toFixed(1)} GB of linear weights a token at 1.6 bits`;
  return [
    {
      ...{ claim: sixteenTimesSmaller.text, source: sixteenTimesSmaller.source },
      verdict: 'impossible',
      why: `${packed} times for linear weights at 1.6 bits, ${least} at log2(3) bits, which nothing stores; embeddings and norms stay as they are${all}`,
    },
    {
      ...{ claim: matrixEnergy.text, source: matrixEnergy.source },
      verdict: 'modeled',
      why: 'additions of int8 against FP16 multiplications and additions in a table for 7 nm; memory traffic is not in it',
    },
    {
      ...{ claim: hundredBillion.text, source: hundredBillion.source },
      verdict: most >= hundredBillion.tokensPerSecond ? 'possible here' : 'impossible here',
      why: `${read} and the ${gbPerSecond.toFixed(1)} GB/s that this machine reads are at most ${most.toFixed(1)} tokens/s, whatever the program`,
    },
  ];
}

/** What a token reads at least, whatever the kernel: the linear weights in their densest form, without head, keys and values. */
function packedBytes(size: ShapeName): number {
  const shape = shapes[size];
  return (shape.nLayer * weightsPerLayer(shape) * packedTritBits) / 8;
}
