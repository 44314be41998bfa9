import type { FileStamp } from '../../gguf/file-stamp.js';
import type { GgufFile } from '../../gguf/types.js';
import { heldPlan, loadNativeModel, replanNativeModel } from '../../native.js';
import type {
  LoadChoices,
  NativeModel,
  NativeSynthetic,
  ShapeTiming,
  SkippingLayers,
} from '../../native-types.js';
import type { Tokenizer } from '../../tokenizer/types.js';
import type { ModelSpec } from '../spec/spec.js';
import { timingsIn, tuneKernels } from '../tuning/autotune.js';
import { ZeroChoice } from '../tuning/neuron-skipping.js';
import type { CheckedLoadOptions } from './load-options.js';

/** Whose weights are read, and from where. */
interface Source {
  readonly file: GgufFile;
  readonly spec: ModelSpec;
  readonly stamps: readonly FileStamp[];
  readonly synthetic?: NativeSynthetic;
}

/** The weights of one model on their way: what is known of this machine and file edits their plan, native threads carry it out. */
export class WeightLoad {
  readonly #spec: ModelSpec;
  readonly #choices: LoadChoices;
  readonly #tuning: readonly ShapeTiming[];
  /** Undefined where there is nothing to count, or an earlier load has counted. */
  readonly #zeros: ZeroChoice | undefined;
  readonly #control: Int32Array;
  #native: Promise<NativeModel>;
  #most = 0;

  private constructor(
    { file, spec, stamps, synthetic }: Source,
    { threads, stepTarget, share }: CheckedLoadOptions,
    choices: LoadChoices,
    tuning: readonly ShapeTiming[],
    zeros: ZeroChoice | undefined,
  ) {
    this.#spec = spec;
    this.#choices = choices;
    this.#tuning = tuning;
    this.#zeros = zeros;
    this.#control = new Int32Array(2); // [abort, progress]
    const control = this.#control;
    // Async, so that what is refused at once, such as a kernel, rejects like all else.
    const read = async () =>
      loadNativeModel(file.path, spec, {
        ...choices,
        ...{ threads, stepTarget, share, synthetic, stamps, control },
      });
    this.#native = read();
    this.#native.catch(() => {}); // handled in finish, but perhaps only after the tokenizer has failed too
  }

  /** Measures kernels where this machine has not, and begins to read. */
  static async begin(source: Source, options: CheckedLoadOptions): Promise<WeightLoad> {
    const { spec, stamps, synthetic } = source;
    const { kernel, threads, autotune, skipInactive, headPrefilter, signal } = options;
    const measure = autotune && kernel === '';
    const zeros = measure && skipInactive ? ZeroChoice.of(spec, stamps, synthetic) : undefined;
    const known = await zeros?.remembered();
    const tuning = measure ? await tuneKernels(spec, { threads, signal }) : []; // nothing else runs meanwhile
    const choices = loadChoices(kernel, tuning, known ?? skipInactive, headPrefilter);
    return new WeightLoad(source, options, choices, tuning, known ? undefined : zeros);
  }

  /** The weights, in the layout that suits the zeros they make. */
  async finish(
    tokenizer: Tokenizer,
  ): Promise<{ native: NativeModel; tuning: readonly ShapeTiming[] }> {
    const native = await this.#native;
    const layers = await this.#zeros?.measure(native, tokenizer, this.#control);
    if (layers?.includes(false) && this.#control[0] === 0) {
      const choices = { ...this.#choices, skipInactive: layers, control: this.#control };
      this.#native = replanNativeModel(native, this.#spec, choices);
    }
    const held = await this.#native;
    return { native: held, tuning: timingsIn(heldPlan(this.#spec, held), this.#tuning) };
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
