import type { FileStamp } from '../../gguf/file-stamp.js';
import type { GgufFile } from '../../gguf/types.js';
import { heldPlan, loadNativeModel, planLoad, replanNativeModel } from '../../native.js';
import type {
  LoadChoices,
  NativeModel,
  NativeSynthetic,
  PreparedFile,
  ShapeTiming,
  SkippingLayers,
} from '../../native-types.js';
import type { Tokenizer } from '../../tokenizer/types.js';
import {
  findPrepared,
  type PreparedOutcome,
  type PrepareOptions,
  settlePrepared,
} from '../prepared/prepared-weights.js';
import type { ModelSpec } from '../spec/spec.js';
import { timingsIn, tuneKernels } from '../tuning/autotune.js';
import { ZeroChoice } from '../tuning/neuron-skipping.js';
import type { CheckedLoadOptions } from './load-options.js';
import { weightsKey } from './weights-key.js';

/** Whose weights are read, and from where. */
interface Source {
  readonly file: GgufFile;
  readonly spec: ModelSpec;
  readonly stamps: readonly FileStamp[];
  readonly synthetic?: NativeSynthetic;
}

/** What is known of this machine and a model's file before its weights are read, and so how they will be held. */
export interface WeightPlan {
  readonly choices: LoadChoices;
  readonly tuning: readonly ShapeTiming[];
  /** Undefined where there is nothing to count, or an earlier load has counted. */
  readonly zeros: ZeroChoice | undefined;
  /** Loads with the same key hold the same weights; undefined for synthetic ones. */
  readonly key: string | undefined;
  /** Packed weights that an earlier load has kept. */
  readonly prepared: PreparedFile | undefined;
}

/** Plans how weights will be held; kernels are timed where this machine has not timed them. */
export async function planWeights(
  source: Source,
  options: CheckedLoadOptions,
): Promise<WeightPlan> {
  const { spec, stamps, synthetic } = source;
  const { kernel, threads, autotune, skipInactive, headPrefilter, prepare, signal } = options;
  const measure = autotune && kernel === '';
  const zeros = measure && skipInactive ? ZeroChoice.of(spec, stamps, synthetic) : undefined;
  const known = await zeros?.remembered();
  const tuning = measure ? await tuneKernels(spec, { threads, signal }) : []; // nothing else runs meanwhile
  const choices = loadChoices(kernel, tuning, known ?? skipInactive, headPrefilter);
  const key = synthetic ? undefined : await weightsKey(spec, stamps, choices, zeros !== undefined);
  const uncounted = known ? undefined : zeros;
  const prepared =
    synthetic || uncounted ? undefined : await findPrepared(spec, stamps, choices, prepare);
  return { choices, tuning, zeros: uncounted, key, prepared };
}

/** Bytes of memory that planned weights will take. */
export function plannedBytes(spec: ModelSpec, { choices }: WeightPlan): number {
  return planLoad(spec, choices).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Weights in memory. */
export interface LoadedWeights extends PreparedOutcome {
  readonly native: NativeModel;
  readonly tuning: readonly ShapeTiming[];
}

/** The weights of one model on their way: native threads carry out the plan. */
export class WeightLoad {
  readonly #source: Source;
  readonly #plan: WeightPlan;
  readonly #prepare: PrepareOptions;
  /** How they are held: as planned, but for zeros that were counted after. */
  #choices: LoadChoices;
  readonly #control = new Int32Array(2); // [abort, progress]
  #native: Promise<NativeModel>;
  #most = 0;

  /** Begins to read. */
  constructor(source: Source, plan: WeightPlan, options: CheckedLoadOptions) {
    this.#source = source;
    this.#plan = plan;
    this.#prepare = options.prepare;
    this.#choices = plan.choices;
    const { file, spec, stamps, synthetic } = source;
    const { choices, key, prepared } = plan;
    const { threads, stepTarget, share } = options;
    const control = this.#control;
    // Async, so that what is refused at once, such as a kernel, rejects like all else.
    const read = async () =>
      loadNativeModel(file.path, spec, {
        ...choices,
        ...{ threads, stepTarget, share, synthetic, stamps, key, prepared, control },
      });
    this.#native = read();
    this.#native.catch(() => {}); // handled in finish, but perhaps only after the tokenizer has failed too
  }

  /** The weights, in the layout that suits the zeros they make. */
  async finish(tokenizer: Tokenizer): Promise<LoadedWeights> {
    const { spec, stamps, synthetic } = this.#source;
    const { tuning, key, prepared } = this.#plan;
    const first = await this.#native;
    if (key === undefined || first.info().claimed) await this.#choose(first, tokenizer);
    else await this.#follow();
    const native = await this.#native;
    native.share();
    const outcome = synthetic
      ? { decisions: [] }
      : await settlePrepared(
          { spec, stamps, native },
          this.#choices,
          prepared,
          this.#prepare,
          this.#control,
        );
    return { native, tuning: timingsIn(heldPlan(spec, native), tuning), ...outcome };
  }

  /** Whoever has read the weights has counted their zeros. */
  async #follow(): Promise<void> {
    const layers = await this.#plan.zeros?.remembered();
    if (layers) this.#choices = { ...this.#choices, skipInactive: layers };
  }

  /** Counts zeros where no load has, and packs again what gains by that. */
  async #choose(native: NativeModel, tokenizer: Tokenizer): Promise<void> {
    const layers = await this.#plan.zeros?.measure(native, tokenizer, this.#control);
    if (!layers || this.#control[0] !== 0) return;
    this.#choices = { ...this.#choices, skipInactive: layers };
    if (!layers.includes(false)) return;
    const changed = { ...this.#choices, control: this.#control };
    this.#native = replanNativeModel(native, this.#source.spec, changed);
  }

  /** From 0 to 1, never less than before: where matrices are read again it stays. */
  readonly fraction = (): number => {
    this.#most = Math.max(this.#most, Atomics.load(this.#control, 1) / 1000);
    return this.#most;
  };

  readonly stop = (): void => {
    Atomics.store(this.#control, 0, 1);
  };

  /** Stops, and frees what has been read. */
  async discard(): Promise<void> {
    this.stop();
    await this.#native.then(
      (native) => native.close(),
      () => {},
    );
  }
}

/** What decides the plan of a load, for whoever carries it out or only asks. */
export function loadChoices(
  kernel: string,
  byShape: readonly ShapeTiming[],
  skipInactive: SkippingLayers,
  headPrefilter: boolean,
): LoadChoices {
  return {
    ...{ kernel, byShape, skipInactive },
    ...(!headPrefilter && { prefilterFrom: Number.POSITIVE_INFINITY }),
  };
}
