import type { KernelNames, MemoryUse, ShapeTiming } from '../native.js';

/** Everything `bench` found out. Rates are per second, sizes in bytes, GB are 10⁹ bytes. */
export interface BenchReport {
  /** When it began, ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  readonly build: Build;
  /** The command line, when there was one. */
  readonly command: string | null;
  /** Model by model, setting by setting, test by test. */
  readonly results: readonly BenchResult[];
}

export interface Machine {
  readonly cpu: string;
  /** Logical cores of the machine. */
  readonly cores: number;
  /** Cores this process may use: affinity and container quota counted. */
  readonly usableCores: number;
  readonly memoryBytes: number;
  /** 'linux', 'darwin', 'win32'. */
  readonly platform: string;
  readonly osRelease: string;
  readonly arch: string;
  readonly isa: readonly string[];
  /** Measured in this run, before and after the tests; the better one. */
  readonly readBandwidth: readonly { readonly threads: number; readonly gbPerSecond: number }[];
}

export interface Build {
  readonly version: string;
  readonly compiler: string;
  readonly node: string;
}

export interface BenchResult {
  /** Path of the file. */
  readonly model: string;
  readonly shape: ModelShape;
  /** Type of the linear layers, such as 'i2_s'. */
  readonly format: string;
  /** 'pp512': a prompt of 512 tokens at once; 'tg128': 128 tokens one by one, from an empty context. */
  readonly test: string;
  readonly threads: number;
  readonly kernel: KernelNames;
  /** Ternary kernels by matrix shape, where they were measured. */
  readonly tuning: readonly ShapeTiming[];
  /** As the options of the same names. */
  readonly screenHead: boolean;
  readonly skipZeros: boolean;
  readonly tokensPerSecond: Spread;
  /** In the order they were measured. */
  readonly samples: readonly number[];
  /** Of the median. */
  readonly millisecondsPerToken: number;
  readonly loadMilliseconds: number;
  /** What a decoded token must read: weights, head and half of the final KV cache; null for prompts, whose tokens share a read. */
  readonly bytesPerToken: number | null;
  /** bytesPerToken × median. */
  readonly gbPerSecond: number | null;
  /** gbPerSecond ÷ measured read bandwidth; can exceed 1 where a model fits into caches. */
  readonly fractionOfReadBandwidth: number | null;
  /** Most physical memory the trial's process had, over all of its tests; null where the system does not tell. */
  readonly peakRssBytes: number | null;
  readonly memory: TrialMemory;
  readonly joulesPerToken: number | null;
  readonly energySource: string | null;
  /** Why there is no energy. */
  readonly energyReason: string | null;
}

export interface ModelShape {
  /** Name of the synthetic shape with these numbers, if any. */
  readonly name: string | null;
  readonly nLayer: number;
  readonly dim: number;
  readonly ffnDim: number;
  readonly nHead: number;
  readonly nKvHead: number;
  readonly headDim: number;
  readonly vocab: number;
}

export interface TrialMemory extends MemoryUse {
  /** KV cache at the longest position of the tests. */
  readonly kv: number;
  /** Physical memory at the end of the trial that is not backed by a file; null where the system does not tell. */
  readonly anonymousRss: number | null;
}

export interface Spread {
  readonly median: number;
  readonly mean: number;
  /** Sample standard deviation; 0 for one sample. */
  readonly sd: number;
}
