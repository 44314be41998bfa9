// Which layers of a squared-ReLU network skip zeros: where enough were counted in a sample, once per file, then remembered.
import { createHash } from 'node:crypto';
import { BitnetError } from '../../errors.js';
import { promptIds } from '../../generate/prompt.js';
import type { FileStamp } from '../../gguf/file-stamp.js';
import { breakEvenSparsity, planLoad } from '../../native.js';
import type { NativeModel, NativeSynthetic } from '../../native-types.js';
import { packageVersion } from '../../package-root.js';
import type { Tokenizer } from '../../tokenizer/types.js';
import { skippingLayers } from '../load/memory.js';
import type { ModelSpec } from '../spec/spec.js';
import { worthMeasuring } from './autotune.js';
import { addToCache, readCache } from './cache-file.js';
import { passage } from './passage.js';
import { type LayerSparsity, layerSparsity } from './sparsity.js';

/** The file in the cache folder: by model, the part of each layer's `up` and `down` that is skipped. */
export const zerosFile = 'zeros.json';

/** Tokens of the passage that zeros are counted over: a third of a second where 200 a second are read. */
const sampleTokens = 64;

/** Which layers of one model are better off skipping zeros. */
export class ZeroChoice {
  readonly #spec: ModelSpec;
  readonly #key: string;
  readonly #breakEven: number;

  private constructor(spec: ModelSpec, key: string, breakEven: number) {
    this.#spec = spec;
    this.#key = key;
    this.#breakEven = breakEven;
  }

  /**
   * Undefined where there is nothing to choose: the network makes no zeros, the best kernel cannot skip them, or the model is
   * fast anyway.
   */
  static of(
    spec: ModelSpec,
    stamps: readonly FileStamp[],
    synthetic?: NativeSynthetic,
  ): ZeroChoice | undefined {
    const breakEven = breakEvenSparsity('');
    const skips = skippingLayers(planLoad(spec, { kernel: '' })).includes(true);
    if (breakEven === undefined || !skips || !worthMeasuring(spec)) return undefined;
    const { seed } = synthetic ?? {};
    const { shards, ...graph } = spec;
    const files = stamps.map(({ size, mtimeNs, ino }) => [size, `${mtimeNs}`, `${ino}`]);
    const question = JSON.stringify([packageVersion(), files, graph, seed]);
    const key = createHash('sha256').update(question).digest('hex');
    return new ZeroChoice(spec, key, breakEven);
  }

  /** What an earlier load has counted; undefined when none has. */
  async remembered(): Promise<readonly boolean[] | undefined> {
    const skipped = (await readCache(zerosFile)).get(this.#key);
    const sound =
      Array.isArray(skipped) &&
      skipped.length === this.#spec.nLayer &&
      skipped.every((part) => typeof part === 'number' && part >= 0 && part <= 1);
    return sound ? this.#choose(skipped) : undefined;
  }

  /**
   * Counts zeros in a loaded model, and remembers. Undefined where that cannot be done: in a model without words, without memory for
   * keys and values, or after an abort.
   * @param control `[abort]`
   */
  async measure(
    native: NativeModel,
    tokenizer: Tokenizer,
    control: Int32Array,
  ): Promise<readonly boolean[] | undefined> {
    const { nLayer, contextLength } = this.#spec;
    const most = Math.min(sampleTokens, contextLength);
    const plain = { parseSpecial: false };
    const tokens = (await promptIds(passage, tokenizer, true, plain)).slice(0, most);
    if (tokens.length === 0) return undefined;
    let layers: readonly LayerSparsity[];
    try {
      layers = await layerSparsity(native, nLayer, Int32Array.from(tokens), control);
    } catch (error) {
      if (error instanceof BitnetError) return undefined;
      throw error;
    }
    const skipped = layers.map(
      ({ inactiveNeurons, zeroInputs }) =>
        Math.round(5000 * (inactiveNeurons + zeroInputs)) / 10_000,
    );
    await addToCache(zerosFile, new Map([[this.#key, skipped]]));
    return this.#choose(skipped);
  }

  #choose(skipped: readonly number[]): readonly boolean[] {
    return skipped.map((part) => part >= this.#breakEven);
  }
}
