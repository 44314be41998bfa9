import type { MetadataOverrides } from '../../lib/model/spec/metadata-overrides.js';
import type { SynthDescription } from '../synth/model.js';

/** The path of a file, or a synthetic model; undefined for the embedded one. */
export type BenchModel = string | SynthDescription | undefined;

/** One model as it is run. */
export interface Setting {
  readonly model: BenchModel;
  readonly threads: number;
  /** Empty for the best. */
  readonly kernel: string;
  readonly autotune: boolean;
  readonly headPrefilter: boolean;
  readonly skipInactive: boolean;
  readonly metadataOverrides?: MetadataOverrides;
  /** As of `loadModel`; without, no limit. */
  readonly kvMemory?: number;
  /** Paths of the adapters that tests may use. */
  readonly adapters?: readonly string[];
  /** How many are registered beside them, to be read when they are used. */
  readonly coldAdapters?: number;
  /** Bytes for those that are in memory. */
  readonly adapterMemory?: number;
  /** Layers of the shape that the results of this setting and the one before it are extrapolated to. */
  readonly extrapolateTo?: number;
}
