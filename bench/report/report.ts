import type { Build, Machine } from '../../lib/machine/description.js';
import type { MachineLimits } from '../../lib/machine/peaks.js';
import type { KernelNames, MemoryUse, ShapeTiming } from '../../lib/native-types.js';
import type { TestEnergy } from '../energy/measured.js';
import type { ModeledJoules } from '../energy/model.js';
import type { Spread } from './spread.js';

/** Everything `bench` found out. Rates are per second, sizes in bytes, GB are 10⁹ bytes. */
export interface BenchReport {
  /** When it began, ISO 8601. */
  readonly date: string;
  /** The limits were measured in this run, before and after the tests; the better ones. */
  readonly machine: Machine & MachineLimits;
  readonly build: Build;
  /** The command line, when there was one. */
  readonly command: string | null;
  /** There when it was aborted: tests are missing, or have fewer samples. */
  readonly cut?: true;
  /** Model by model, setting by setting, test by test. */
  readonly results: readonly BenchResult[];
}

export interface BenchResult extends TestEnergy {
  /** Path of the file, or of a synthetic model its name: 'synthetic 3b i2_s'. */
  readonly model: string;
  /** Set when the result was computed from those of fewer layers; null: it was measured. */
  readonly extrapolated: Extrapolated | null;
  /** SHA-256 of the file, of all shards of a split model in order, in hexadecimal digits; null where there is none. */
  readonly modelSha256: string | null;
  readonly shape: ModelShape;
  /** Type of the linear layers, such as 'i2_s'. */
  readonly format: string;
  /**
   * 'pp512': a prompt of 512 tokens at once; 'tg128': 128 tokens one by one; 'pp512+tg128': one after the other; from an empty
   * context or '@ d4096', after 4096 others; 'x16': in 16 sequences side by side.
   */
  readonly test: string;
  readonly nPrompt: number;
  readonly nGenerate: number;
  readonly depth: number;
  readonly sequences: number;
  /** Tokens of a prompt that were evaluated at once, at most. */
  readonly batch: number;
  readonly threads: number;
  readonly kernel: KernelNames;
  /** Ternary kernels by matrix shape, where they were measured. */
  readonly tuning: readonly ShapeTiming[];
  /** As the options of the same names. */
  readonly headPrefilter: boolean;
  readonly skipInactive: boolean;
  readonly tokensPerSecond: Spread;
  /** Tokens per second, all sequences together, in the order they were measured. */
  readonly samples: readonly number[];
  /** Whether the samples' standard deviation is above 5 % of their mean: too much to compare by. */
  readonly noisy: boolean;
  /** Of the median. */
  readonly millisecondsPerToken: number;
  /** Median time from a prompt's begin to the logits after its last token; null without a prompt. */
  readonly timeToFirstTokenMilliseconds: number | null;
  readonly loadMilliseconds: number;
  /**
   * What a decoded token must read: weights, head and the KV cache so far, on average; null where tokens share a read, in prompts
   * and in several sequences.
   */
  readonly bytesPerToken: number | null;
  /** bytesPerToken × median. */
  readonly gbPerSecond: number | null;
  /** gbPerSecond ÷ measured read bandwidth; can exceed 1 where a model fits into caches. */
  readonly fractionOfReadBandwidth: number | null;
  /** int8 multiply-adds in ternary layers, in 10⁹ per second; null for tests without a prompt and for dense models. */
  readonly gmacPerSecond: number | null;
  /** gmacPerSecond ÷ measured peak: attention, norms, dense products and the head count as time that does not multiply. */
  readonly fractionOfMultiplyPeak: number | null;
  /** Most physical memory the trial's process had, over all of its tests; null where the system does not tell. */
  readonly peakRssBytes: number | null;
  readonly memory: TrialMemory;
  /** The arithmetic alone by published tables, as the BitNet papers have it: a model, no measurement of this machine. */
  readonly modeledJoulesPerToken: ModeledJoules;
  /** Power that the user stated, in watts; null without. */
  readonly assumedWatts: number | null;
  /** assumedWatts ÷ tokens per second: an estimate that is as good as the statement. */
  readonly assumedJoulesPerToken: number | null;
  readonly assumedEnergySource: 'estimate:assumed-watts' | null;
}

/** Says of a result that it was not measured but computed from measurements of fewer layers. */
export interface Extrapolated {
  /** Layers of the two models that were measured. */
  readonly layers: readonly [number, number];
  /** Layers of the model the result is for. */
  readonly of: number;
}

export interface ModelShape {
  /** Name of the synthetic shape with these numbers, if any. */
  readonly name: string | null;
  readonly nLayer: number;
  readonly dim: number;
  readonly ffnDim: number;
  /** Of a mixture of experts: how many networks of that width a layer has. */
  readonly experts?: number;
  readonly nHead: number;
  readonly nKvHead: number;
  readonly headDim: number;
  readonly vocabSize: number;
}

export interface TrialMemory extends MemoryUse {
  /** KV caches of all sequences, at the longest context of the tests. */
  readonly kv: number;
  /** What the process had before it loaded the model: Node and the library. */
  readonly node: number | null;
  /** Everything else that it has: intermediate values, buffers, garbage. */
  readonly scratch: number | null;
  /** Physical memory at the end of the trial that is not backed by a file; null where the system does not tell. */
  readonly anonymousRss: number | null;
  /** The same for what is: programs, libraries, mapped files. */
  readonly mappedFile: number | null;
}
