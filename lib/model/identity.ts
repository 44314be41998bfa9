import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { BitnetError } from '../errors.js';
import { checksumFile } from '../native.js';
import type { ModelSpec } from './spec.js';

/** What tells whether a file is still the one that was loaded. */
export interface FileStamp {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ino: number;
}

/** The stamp of a file; of one that is gone, a stamp that no file has. */
export async function fileStamp(path: string): Promise<FileStamp> {
  try {
    const { size, mtimeMs, ino } = await stat(path);
    return { size, mtimeMs, ino };
  } catch {
    return { size: -1, mtimeMs: 0, ino: 0 };
  }
}

/**
 * Who a model is to the sessions it leaves on disk: a hash of what determines keys and values. That
 * is the graph with all its numbers (and options that overrule the file, such as `activation`), the
 * types and shapes of the weights, and every byte of them. Not part of it are the path, the name, the
 * place of tensors in the file, the tokenizer and the chat template (a session holds token ids), the
 * trained context, and kernel and threads, which all give the same bits.
 */
export class ModelIdentity {
  readonly #path: string;
  readonly #spec: ModelSpec;
  readonly #loaded: FileStamp;
  #hash: Promise<string> | undefined;

  constructor(path: string, spec: ModelSpec, loaded: FileStamp) {
    this.#path = path;
    this.#spec = spec;
    this.#loaded = loaded;
  }

  /** 64 hexadecimal digits; the weights are read once, on a native thread. */
  hash(control: Int32Array): Promise<string> {
    this.#hash ??= this.#compute(control).catch((error) => {
      this.#hash = undefined; // another time it may work
      throw error;
    });
    return this.#hash;
  }

  async #compute(control: Int32Array): Promise<string> {
    const { name, contextLength, decisions, unused, tensors, ...graph } = this.#spec;
    await this.#checkUnchanged();
    const scales = tensors.flatMap(({ scaleOffset: offset }) =>
      offset === undefined ? [] : { offset, bytes: 4 },
    );
    const weights = await checksumFile(this.#path, [...tensors, ...scales], control);
    await this.#checkUnchanged();
    const shapes = tensors.map(({ offset, scaleOffset, ...tensor }) => {
      return { ...tensor, scaled: scaleOffset !== undefined };
    });
    const text = JSON.stringify([graph, shapes, weights.toString(16)]);
    return createHash('sha256').update(text).digest('hex');
  }

  /** The weights in memory must be those that are hashed. */
  async #checkUnchanged(): Promise<void> {
    const now = await fileStamp(this.#path);
    const { size, mtimeMs, ino } = this.#loaded;
    if (size >= 0 && now.size === size && now.mtimeMs === mtimeMs && now.ino === ino) return;
    throw new BitnetError(
      'ERR_BITNET_FILE',
      `Expected the model file "${this.#path}" to be as it was when it was loaded, to save or load a session by its content, but it has changed; load the model again.`,
      { path: this.#path },
    );
  }
}
