// What was published about ternary models beside FP16 ones, as data: each number with its source, the machine it comes from, and how
// sure we are of having it right.
import type { ShapeName } from '../synth/shapes.js';

/** How a published number came here: read in its source, seen in several places that cite it, or remembered from the paper. */
export type Confidence = 'read' | 'cited' | 'remembered';

/** What a number was obtained on: nothing for 'modeled' ones. */
export type Hardware = 'gpu' | 'cpu' | 'modeled';

export interface Published {
  /** FP16 ÷ ternary. */
  readonly ratio: number;
  readonly hardware: Hardware;
  readonly confidence: Confidence;
  readonly source: string;
}

/** Sizes of the papers' tables, in their order. */
export const paperSizes = [
  ...(['700m', '1.3b', '3b', '3.9b', '7b', '13b', '30b', '70b'] as const),
] satisfies ShapeName[];

const era = 'Ma et al. 2024, arXiv:2402.17764';
const cpp = 'Wang et al. 2024, arXiv:2410.16144';

function gpu(confidence: Confidence, table: string): (ratio: number) => Published {
  return (ratio) => ({ ratio, hardware: 'gpu', confidence, source: `${era}, ${table}` });
}

const table = gpu('remembered', 'table 1');
const cited = gpu('cited', 'table 1');
const figure = gpu('remembered', 'figure 2');

/** Memory of the model. LLaMA in FP16 against BitNet b1.58 with 2-bit weights, embeddings of both in FP16. */
export const publishedMemory: Partial<Record<ShapeName, Published>> = {
  '700m': table(2.6),
  '1.3b': table(2.93),
  '3b': cited(3.55),
  '3.9b': table(3.32),
  '7b': figure(4.4),
  '13b': figure(5.12),
  '70b': figure(7.16),
};

/** Time of a decoded token, the same models on a GPU, with FasterTransformer and Ladder. The 3.9B is held against the FP16 3B. */
export const publishedLatency: Partial<Record<ShapeName, Published>> = {
  '700m': table(1.23),
  '1.3b': table(1.67),
  '3b': cited(2.71),
  '3.9b': table(2.4),
  '7b': figure(2.9),
  '13b': figure(3.68),
  '70b': figure(4.1),
};

const arithmetic = (ratio: number): Published => ({
  ...{ ratio, hardware: 'modeled', confidence: 'remembered', source: `${era}, figure 3` },
});

/** Energy of a model's arithmetic at 512 tokens, by a table of operations at 7 nm (energy.ts). Nobody measured it. */
export const publishedModeledEnergy: Partial<Record<ShapeName, Published>> = {
  '1.3b': arithmetic(18.6),
  '3b': arithmetic(21.7),
  '7b': arithmetic(29.1),
  '13b': arithmetic(32.9),
  '70b': arithmetic(41.2),
};

const i7 = (ratio: number): Published => ({
  ...{ ratio, hardware: 'cpu', confidence: 'remembered' },
  source: `${cpp}: J/token on an i7-13700H, against llama.cpp in FP16`,
});

/** Energy of a decoded token as measured on a laptop: 1.367 against 0.384 J, 11.305 against 2.017 J. */
export const publishedMeasuredEnergy: Partial<Record<ShapeName, Published>> = {
  '700m': i7(1.367 / 0.384),
  '7b': i7(11.305 / 2.017),
};

/** 70B on two A100 with 80 GB each, 512 tokens a sequence: 16 sequences against 176, 333 tokens/s against 2977. */
export const publishedBatch = {
  size: '70b',
  batch: { ...gpu('cited', 'table 3')(11), fp16: 16, ternary: 176 },
  throughput: { ...gpu('cited', 'table 3')(8.9), fp16: 333, ternary: 2977 },
} as const;

/** Pairs of which the ternary model is said to be cheaper in memory, latency and energy. */
export const publishedCrossovers = [
  { ternary: '13b', fp16: '3b' },
  { ternary: '30b', fp16: '7b' },
  { ternary: '70b', fp16: '13b' },
] as const satisfies readonly { readonly ternary: ShapeName; readonly fp16: ShapeName }[];

/** Where `publishedCrossovers` stands. */
export const crossoverSource = `${era}, section 3, on a GPU`;

/** Said again and again about ternary models; claims.ts holds each against arithmetic. */
export const publishedClaims = {
  sixteenTimesSmaller: { text: '16 times smaller than FP16', ratio: 16, source: 'press' },
  matrixEnergy: {
    ...{ text: '71.4 times less energy for matrix products', ratio: 71.4, source: era },
  },
  hundredBillion: {
    ...{ text: '100B at 5 to 7 tokens/s on one CPU', tokensPerSecond: 5, source: cpp },
  },
} as const;
