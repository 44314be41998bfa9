import { smallestOf } from '../../lib/extremes.js';
import { kvBytesPerPosition } from '../../lib/model/load/memory.js';
import { readSpec } from '../../lib/model/spec/read-spec.js';
import type { BenchResult } from '../report/report.js';
import { embeddingKept } from '../synth/load.js';
import { describedModel, whyUnfit } from '../synth/model.js';
import { type ShapeName, shapes, weightsPerLayer } from '../synth/shapes.js';
import { synthSource } from '../synth/source.js';
import { fitShape } from '../trial/fit.js';
import { type BenchTest, positionsFor } from '../trial/tests.js';
import { paperJoules } from './energy.js';
import type { PaperFormat } from './report.js';

/** What the tables compare, FP16 first. */
export const paperFormats = ['f16', 'q4_0', 'i2_s'] as const satisfies PaperFormat[];

const alone = { prompt: 0, generate: 0, depth: 0, sequences: 1 };

/** From an empty context: a prompt, a text, and a few tokens of several texts at once. */
export const paperTests = {
  prefill: { ...alone, prompt: 64 },
  decode: { ...alone, generate: 16 },
  batches: [
    { ...alone, generate: 2, sequences: 8 },
    { ...alone, generate: 1, sequences: 32 },
  ],
} as const satisfies Record<string, BenchTest | readonly BenchTest[]>;

export const allTests: readonly BenchTest[] = [
  paperTests.prefill,
  paperTests.decode,
  ...paperTests.batches,
];

/** Measured layers have so many weights and bytes at most, but for two of them, where layers are larger: many times a cache, and no longer to run than it takes to time them. */
const most = {
  bytes: 1.6e9,
  weights: { f16: 1.2e9, q4_0: 1.2e9, i2_s: 2.6e9 },
} as const;

/** One model of a size, as it will be run. */
export interface FormatPlan {
  readonly format: PaperFormat;
  /** Bytes of an embedding that the engine does not count as its own, because it would stay in a file. */
  readonly embeddingBytes: number;
  /** Joules of a token by the paper's model. */
  readonly modeledJoules: number;
  /** Layers to run, in increasing order: all of them, or two numbers to draw a line through. */
  readonly layers: readonly number[];
  /** Bytes and weights of `layers` together. */
  readonly loadBytes: number;
  readonly weights: number;
}

/** How a size is run in one format within `available` bytes, or why it is not. */
export async function formatPlan(
  size: ShapeName,
  format: PaperFormat,
  available: number,
  kernel: string,
): Promise<FormatPlan | string> {
  if (whyUnfit(size, format)) return 'its rows are no whole blocks of this format';
  const { of, memory } = await fitShape(size, format, available, { kernel });
  const weights = weightsPerLayer(shapes[size]);
  const layers = layersToRun(of, memory.perLayer, weights, format);
  const spec = readSpec((await synthSource(describedModel({ shape: size, format }))).file);
  const total = layers.reduce((sum, count) => sum + count, 0);
  const loadBytes = layers.length * memory.rest + total * memory.perLayer;
  const kv = (total / of) * positionsFor(allTests) * kvBytesPerPosition(spec);
  if (loadBytes + kv > available) {
    return `no room for ${layers.join(' and ')} layers in the free memory`;
  }
  return {
    format,
    embeddingBytes: embeddingKept(spec),
    modeledJoules: paperJoules(spec),
    layers,
    loadBytes,
    weights: total * weights,
  };
}

/**
 * All `of` layers where they are small, else as many as take about a second for a test, and a quarter of them: the further apart the
 * two numbers are, the less the noise of either turns a line through them.
 */
export function layersToRun(
  of: number,
  bytesPerLayer: number,
  weights: number,
  format: PaperFormat,
): readonly number[] {
  const more = Math.floor(Math.min(most.bytes / bytesPerLayer, most.weights[format] / weights));
  if (more >= of) return [of];
  return more < 2 ? [1, 2] : [Math.max(1, Math.round(more / 4)), more];
}

/** What a calm machine with two cores does, to begin an estimate with: bytes and multiply-adds per second. */
const pace = {
  load: 0.4e9,
  read: 20e9,
  multiply: { f16: 60e9, q4_0: 60e9, i2_s: 200e9 },
} as const;

/** Seconds for what does not depend on the models: limits of the machine, starting processes. */
const fixedSeconds = 4;

/** Seconds that a size takes on a machine as above, with so many repetitions after the warm-up. */
export function estimateSeconds(plans: readonly FormatPlan[], repetitions: number): number {
  const seconds = plans.map(({ format, loadBytes, weights }) => {
    const { prefill, decode, batches } = paperTests;
    const together = [prefill, ...batches].map(({ prompt, generate, sequences }) => {
      return prompt + generate * sequences;
    });
    const multiplied = together.reduce((sum, tokens) => sum + tokens, 0) * weights;
    const run = multiplied / pace.multiply[format] + (decode.generate * loadBytes) / pace.read;
    return loadBytes / pace.load + (1 + repetitions) * run;
  });
  return seconds.reduce((sum, one) => sum + one, fixedSeconds);
}

/** How many times longer than estimated a size took, with the repetitions that were really done before it was late. */
export function slownessOf(
  plans: readonly FormatPlan[],
  results: readonly Pick<BenchResult, 'samples'>[],
  seconds: number,
): number {
  const done = smallestOf(results.map(({ samples }) => samples.length));
  return seconds / estimateSeconds(plans, done);
}

/** What a size is given at least, whatever its share of the time: samples without a spread say little. */
export const leastRepetitions = 2;

/** Repetitions of a size: as many as its share of the time allows, within limits. */
export function repetitionsWithin(
  secondsFor: (repetitions: number) => number,
  share: number,
): number {
  const most = 5;
  for (let repetitions = most; repetitions > leastRepetitions; repetitions--) {
    if (secondsFor(repetitions) <= share) return repetitions;
  }
  return leastRepetitions;
}
