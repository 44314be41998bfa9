import { createHash } from 'node:crypto';
import type { Decision } from '../../decision.js';
import { BitnetError } from '../../errors.js';
import { filesSha256 } from '../../file-hash.js';
import { currentStamp, type FileStamp, sameStamp } from '../../gguf/file-stamp.js';
import type { LoadableAdapter } from '../../native-types.js';
import type { AdapterMemory, Tenant } from './adapter-memory.js';
import type { AdapterPlan } from './adapter-plan.js';

/**
 * A LoRA adapter of one model, made by `model.loadAdapter()`. Any number of sessions may use it at the same time. Close it to free
 * its memory; so does closing the model.
 */
export class Adapter {
  readonly path: string;
  readonly name: string;
  /** Of memory that it takes while it is resident. */
  readonly bytes: number;
  /** The largest rank of its matrices. */
  readonly rank: number;
  /** Rules that were applied because the file holds more than is used. */
  readonly decisions: readonly Decision[];
  /** @internal No other adapter of this process has or had it. */
  readonly id: number;
  /** @internal */
  readonly memory: AdapterMemory;
  /** @internal */
  readonly tenant: Tenant;
  readonly #files: readonly string[];
  readonly #stamp: FileStamp;
  #hash: string | undefined;

  /** @internal */
  constructor(
    path: string,
    name: string,
    plan: AdapterPlan,
    source: LoadableAdapter,
    memory: AdapterMemory,
  ) {
    this.path = path;
    this.name = name;
    this.id = source.id;
    this.bytes = source.bytes;
    this.rank = plan.rank;
    this.decisions = plan.decisions;
    this.memory = memory;
    this.#files = plan.files;
    this.#stamp = plan.stamp;
    this.tenant = {
      ...{ name, source, native: undefined, uses: 0, lastUsed: 0, closed: false, freed: [] },
    };
    forgotten.register(this, { memory, tenant: this.tenant });
  }

  /** Whether its matrices are in memory: the first use loads them, and those of others may drive them out. */
  get isResident(): boolean {
    return this.tenant.native !== undefined;
  }

  /**
   * Frees its memory, at once or when the evaluations that use it have ended; resolves then. No other begins: generations under way
   * end with `ERR_BITNET_CLOSED`. May be called again.
   */
  close(): Promise<void> {
    return this.memory.close(this.tenant);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal A hash of its files, for sessions on disk. */
  async identity(signal: AbortSignal): Promise<string> {
    const { path } = this.#stamp;
    this.#hash ??= await filesSha256(this.#files, signal);
    if (sameStamp(this.#stamp, await currentStamp(path))) return this.#hash;
    this.#hash = undefined;
    throw new BitnetError(
      'ERR_BITNET_FILE',
      `Expected the adapter file "${path}" to be unchanged since it was loaded, so that sessions can be matched with it, but it has changed; load the adapter again.`,
      { path },
    );
  }
}

/** Those that nobody holds any more. */
const forgotten = new FinalizationRegistry<{ memory: AdapterMemory; tenant: Tenant }>(
  ({ memory, tenant }) => void memory.close(tenant),
);

/** One hash of what a model and adapters make of tokens; that of the model where there are none. */
export async function identityWith(
  model: string,
  adapters: readonly Adapter[],
  scales: Float64Array,
  signal: AbortSignal,
): Promise<string> {
  if (adapters.length === 0) return model;
  const hash = createHash('sha256').update(model);
  for (const [i, adapter] of adapters.entries()) {
    hash.update(` ${await adapter.identity(signal)} ${scales[i]}`);
  }
  return hash.digest('hex');
}
