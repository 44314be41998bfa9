import { onAbort } from '../../abort.js';
import { argumentError, functionOption, givenOptions, signalOption } from '../../checks/options.js';
import { BitnetError } from '../../errors.js';
import type { Model } from '../model.js';
import type { ModelLease } from './lease.js';
import { bytesOf, type Tenant, whoLeaves } from './memory-budget.js';
import { checkedPoolOptions, type PoolOptions } from './pool-options.js';
import { PooledModel, type PooledModelStats, type Room } from './pooled-model.js';

/** What a pool holds at a moment. */
export interface PoolStats {
  readonly maxMemory: number;
  /** Bytes of the weights of all models that are loaded, on their way in or on their way out. */
  readonly memory: number;
  readonly models: Readonly<Record<string, PooledModelStats>>;
}

export interface AcquireOptions {
  /** Ends the wait for the model, and its load if nobody else waits for it. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A pool of models, each of which is loaded when it is asked for and stays while there is memory.
 *
 * @throws `ERR_BITNET_ARGUMENT`
 */
export function createModelPool(options: PoolOptions): ModelPool {
  return new ModelPool(options);
}

/** A model that waits for memory. */
interface Arrival {
  readonly model: PooledModel;
  readonly tenant: Tenant;
  readonly admit: () => void;
}

/**
 * Several models in one process, within a budget of memory: whoever asks for one gets it as soon as
 * it is loaded, in order of arrival, and the models that were not used for the longest time make
 * room. One that is in use is never unloaded. Models compute on the same threads, and take turns.
 */
export class ModelPool {
  readonly #models: ReadonlyMap<string, PooledModel>;
  readonly #room: Room;
  /** Models that wait for memory: the first makes others leave. */
  readonly #arrivals: Arrival[] = [];
  #closed = false;

  /** @internal */
  constructor(options: PoolOptions) {
    const { models, maxMemory, keepAlive } = checkedPoolOptions(options);
    this.#room = {
      ...{ maxMemory, keepAlive },
      enter: (model, tenant, signal) => this.#enter(model, tenant, signal),
      arrange: () => this.#arrange(),
    };
    this.#models = new Map(
      [...models].map(([name, source]) => [name, new PooledModel(name, source, this.#room)]),
    );
  }

  /**
   * The model of that name, for as long as the lease is not released. Waits while it is loaded, and
   * while models in use take the memory it needs: whoever holds one lease and waits for another
   * may wait for ever, unless a `signal` ends it.
   *
   * @throws as `loadModel`, and `ERR_BITNET_MEMORY` for a model that does not fit into the pool,
   *   `ERR_BITNET_CLOSED`, `ERR_BITNET_ABORTED`
   */
  async acquire(name: string, options?: AcquireOptions): Promise<ModelLease> {
    const signal = signalOption(givenOptions(options, ['signal']).signal);
    const model = this.#models.get(name);
    if (!model) {
      const names = [...this.#models.keys()].map((known) => JSON.stringify(known)).join(', ');
      throw argumentError(`a model of the pool (${names})`, 'name', name);
    }
    if (this.#closed) throw closedError();
    return model.acquire(signal);
  }

  /**
   * What `work` resolves to, with the model of that name at its disposal meanwhile.
   *
   * @throws as `acquire`, and whatever `work` throws
   */
  async use<T>(
    name: string,
    work: (model: Model) => T | Promise<T>,
    options?: AcquireOptions,
  ): Promise<T> {
    if (work === undefined) throw argumentError('a function', 'work', work);
    functionOption('work', work);
    const lease = await this.acquire(name, options);
    try {
      return await work(lease.model);
    } finally {
      lease.release();
    }
  }

  stats(): PoolStats {
    const models = [...this.#models.values()];
    return {
      maxMemory: this.#room.maxMemory,
      memory: bytesOf(models.flatMap(({ tenant }) => tenant ?? [])),
      models: Object.fromEntries(models.map((model) => [model.name, model.stats()])),
    };
  }

  /** Closes all models, whoever uses them, and ends all loads and waits. May be called again. */
  close(): void {
    this.#closed = true;
    for (const model of this.#models.values()) model.close(closedError());
  }

  /** Closes; for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes, and waits until nothing of the models runs any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await Promise.all([...this.#models.values()].map((model) => model.ended()));
  }

  #enter(model: PooledModel, tenant: Tenant, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const release = onAbort(signal, () => {
        this.#arrivals.splice(this.#arrivals.indexOf(arrival), 1);
        reject(signal.reason);
      });
      const admit = () => {
        release();
        model.tenant = tenant;
        resolve();
      };
      const arrival = { model, tenant, admit };
      this.#arrivals.push(arrival);
      this.#arrange();
    });
  }

  /** Lets in what fits, and says who has to leave for the first that does not. */
  #arrange(): void {
    if (this.#closed) return;
    const models = [...this.#models.values()];
    for (const model of models) model.noticeClosed();
    while (this.#admitFirst());
    const leaving = this.#whoLeaves();
    for (const model of models) model.setLeaving(leaving.includes(model));
  }

  #admitFirst(): boolean {
    const first = this.#arrivals[0];
    if (!first) return false;
    const tenants = [...this.#models.values()].flatMap(({ tenant }) => tenant ?? []);
    if (bytesOf([first.tenant, ...tenants]) > this.#room.maxMemory) return false;
    this.#arrivals.shift();
    first.admit();
    return true;
  }

  /**
   * Idle ones first, then those that were not used for the longest time; nobody where that would not
   * be enough: then the newcomer waits for loads in progress.
   */
  #whoLeaves(): readonly PooledModel[] {
    const newcomer = this.#arrivals[0]?.tenant ?? { bytes: 0, key: undefined };
    const models = [...this.#models.values()];
    const within = (state: PooledModel['state']) =>
      models.flatMap((model) =>
        model.state === state && model.tenant ? [{ ...model.tenant, model }] : [],
      );
    const loaded = within('loaded').sort(
      ({ model: a }, { model: b }) => Number(b.isIdle) - Number(a.isIdle) || a.usedAt - b.usedAt,
    );
    // Without a newcomer, one may have turned out larger than its plan.
    const last = this.#arrivals.length === 0 ? loaded.splice(-1) : [];
    const staying = [...within('loading'), ...last];
    const leaving = whoLeaves(newcomer, staying, loaded, this.#room.maxMemory) ?? [];
    return leaving.map(({ model }) => model);
  }
}

function closedError(): BitnetError {
  const message = 'Expected an open pool of models, but it was closed; create another.';
  return new BitnetError('ERR_BITNET_CLOSED', message);
}
