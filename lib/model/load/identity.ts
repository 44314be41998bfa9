import { createHash } from 'node:crypto';
import { BitnetError } from '../../errors.js';
import { currentStamp, type FileStamp, noStamp, sameStamp } from '../../gguf/file-stamp.js';
import type { GgufFile } from '../../gguf/types.js';
import { checksumFile } from '../../native.js';
import type { ModelSpec } from '../spec/spec.js';
import { SharedWork } from './shared-work.js';

/** The stamps of a model's files, from before they were read. */
export function stampsOf(file: GgufFile): readonly FileStamp[] {
  return (file.shards ?? [file]).map(({ path, stamp }) => stamp ?? noStamp(path));
}

/**
 * Who a model is to the sessions it leaves on disk: a hash of what determines keys and values. That
 * is the graph with all its numbers (and options that overrule the file, such as `activation`), the
 * types and shapes of the weights, and every byte of them, file by file. Not part of it are paths, the
 * name, the place of tensors in a file, the tokenizer and the chat template (a session holds token
 * ids), the trained context, and kernel and threads, which all give the same bits.
 */
export class ModelIdentity {
  readonly #spec: ModelSpec;
  readonly #loaded: readonly FileStamp[];
  readonly #hash = new SharedWork((control) => this.#compute(control));

  /** @param loaded the model's files, when they were read */
  constructor(spec: ModelSpec, loaded: readonly FileStamp[]) {
    this.#spec = spec;
    this.#loaded = loaded;
  }

  /** 64 hexadecimal digits; the weights are read once, on a native thread. */
  hash(signal: AbortSignal): Promise<string> {
    return this.#hash.result(signal);
  }

  async #compute(control: Int32Array): Promise<string> {
    const { name, contextLength, decisions, unused, tensors, shards, ...graph } = this.#spec;
    await this.#checkUnchanged();
    const weights: string[] = [];
    for (const [file, { path }] of this.#loaded.entries()) {
      weights.push((await checksumFile(path, rangesIn(this.#spec, file), control)).toString(16));
    }
    await this.#checkUnchanged();
    const shapes = tensors.map(({ offset, shard, scaleOffset, scaleShard, ...tensor }) => {
      return { ...tensor, scaled: scaleOffset !== undefined };
    });
    const text = JSON.stringify([graph, shapes, weights]);
    return createHash('sha256').update(text).digest('hex');
  }

  /** The weights in memory must be those that are hashed. */
  async #checkUnchanged(): Promise<void> {
    for (const loaded of this.#loaded) {
      const { path } = loaded;
      if (sameStamp(loaded, await currentStamp(path))) continue;
      throw new BitnetError(
        'ERR_BITNET_FILE',
        `Expected the model file "${path}" to be unchanged since it was loaded, so that sessions can be matched with it, but it has changed; load the model again.`,
        { path },
      );
    }
  }
}

/** Where the weights, and scales in tensors of their own, lie in one of a model's files. */
function rangesIn({ tensors }: ModelSpec, file: number) {
  const weights = tensors.filter(({ shard = 0 }) => shard === file);
  const scales = tensors.flatMap(({ scaleOffset: offset, scaleShard = 0 }) =>
    offset === undefined || scaleShard !== file ? [] : { offset, bytes: 4 },
  );
  return [...weights, ...scales];
}
