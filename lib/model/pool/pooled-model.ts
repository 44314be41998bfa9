import { fileSource, planModel } from '../load/load.js';
import type { Model } from '../model.js';
import { ModelLease } from './lease.js';
import { checkFits, type Tenant } from './memory-budget.js';
import type { PooledSource } from './pool-options.js';
import { Waiters } from './waiters.js';

/** One model of a pool at a moment. */
export interface PooledModelStats {
  /** Also 'loading' while it waits for memory. */
  readonly state: 'unloaded' | 'loading' | 'loaded' | 'unloading';
  /** Bytes of its weights, which another model of the same file may share. */
  readonly memory: number;
  /** How many use it. */
  readonly leases: number;
  /** How many wait for it. */
  readonly waiting: number;
  /** How often it was loaded. */
  readonly loads: number;
}

/** What the models of a pool need of it. */
export interface Room {
  readonly maxMemory: number;
  readonly keepAlive: number;
  /** Waits for memory, in order of arrival; `model` then is a tenant. @throws the signal's reason */
  enter(model: PooledModel, tenant: Tenant, signal: AbortSignal): Promise<void>;
  /** Something has changed. */
  arrange(): void;
}

/** A model that is there, and its users. */
interface Loaded extends Tenant {
  readonly model: Model;
  leases: number;
}

/** The longest time that setTimeout takes. */
const longestTimer = 2 ** 31 - 1;

/** Moments at which models were used, in order. */
let moment = 0;

/** One named model of a pool, which comes and goes. */
export class PooledModel {
  readonly name: string;
  readonly #source: PooledSource;
  readonly #room: Room;
  readonly #waiters = new Waiters<ModelLease>(() => this.#loading?.abort());
  #state: PooledModelStats['state'] = 'unloaded';
  /** Ends the load in progress. */
  #loading: AbortController | undefined;
  #loaded: Loaded | undefined;
  #leaving = false;
  #timer: NodeJS.Timeout | undefined;
  #loads = 0;
  #closed = false;
  /** The load or unload in progress; never rejects. */
  #work: Promise<unknown> = Promise.resolve();
  /** What it takes of the pool's memory: from when it was let in until it has left. */
  tenant: Tenant | undefined;
  /** When it was used last. */
  usedAt = 0;

  constructor(name: string, source: PooledSource, room: Room) {
    this.name = name;
    this.#source = source;
    this.#room = room;
  }

  /** @throws as `loadModel` */
  acquire(signal: AbortSignal | undefined): Promise<ModelLease> {
    const message = `Waiting for the model ${JSON.stringify(this.name)} was aborted.`;
    const lease = this.#waiters.wait(signal, message);
    this.#serve();
    return lease;
  }

  get state() {
    return this.#state;
  }

  get isIdle(): boolean {
    return this.#loaded?.leases === 0;
  }

  stats(): PooledModelStats {
    const { bytes: memory = 0 } = this.tenant ?? {};
    const { leases = 0 } = this.#loaded ?? {};
    return { state: this.#state, memory, leases, waiting: this.#waiters.size, loads: this.#loads };
  }

  /** Says whether it is to make room as soon as nobody uses it; until then it takes no new users. */
  setLeaving(leaving: boolean): void {
    if (this.#state !== 'loaded') return;
    this.#leaving = leaving;
    if (leaving && this.isIdle) this.#work = this.#unload();
    else this.#serve();
  }

  /** Forgets a model that somebody else has closed. */
  noticeClosed(): void {
    if (this.#state !== 'loaded' || !this.#loaded?.model.isClosed) return;
    this.#gone();
    this.#serve();
  }

  /** Closes the model, ends its load, and lets nobody wait any longer. */
  close(error: unknown): void {
    this.#closed = true;
    this.#waiters.rejectAll(error);
    this.#loading?.abort();
    if (this.#state !== 'loaded') return;
    this.#work = this.#loaded!.model[Symbol.asyncDispose]();
    this.#gone();
  }

  /** Resolves when nothing of a closed one runs any more. */
  async ended(): Promise<void> {
    for (let work: unknown; work !== this.#work; await work) work = this.#work;
  }

  /** Gives leases to those who wait, or loads for them. */
  #serve(): void {
    if (this.#state === 'loaded' && this.#loaded!.model.isClosed) this.#gone();
    if (this.#waiters.size === 0) return;
    const loaded = this.#loaded;
    if (this.#state === 'unloaded') this.#work = this.#load();
    else if (this.#state === 'loaded' && loaded && !this.#leaving) {
      clearTimeout(this.#timer);
      this.usedAt = ++moment;
      this.#waiters.resolveAll(() => this.#lease(loaded));
    }
  }

  #lease(loaded: Loaded): ModelLease {
    loaded.leases++;
    return new ModelLease(this.name, loaded.model, () => {
      loaded.leases--;
      if (loaded !== this.#loaded) return; // closed by somebody else, and perhaps loaded again
      this.usedAt = ++moment;
      this.#rest();
      this.#room.arrange();
    });
  }

  /** Waits for the next user, for a while. */
  #rest(): void {
    if (this.#state !== 'loaded' || !this.isIdle) return;
    const { keepAlive } = this.#room;
    const unload = () => {
      this.#work = this.#unload();
    };
    if (keepAlive === 0) unload();
    else if (keepAlive < Number.POSITIVE_INFINITY) {
      this.#timer = setTimeout(unload, Math.min(keepAlive, longestTimer)).unref();
    }
  }

  async #load(): Promise<void> {
    const loading = new AbortController();
    this.#loading = loading;
    this.#state = 'loading';
    try {
      this.#loaded = this.tenant = await this.#read(loading.signal);
      this.#state = 'loaded';
      this.#loads++;
      if (this.#closed) this.close(undefined);
    } catch (error) {
      this.#gone();
      // Whoever came after all others had gone away did not ask for this load.
      if (!loading.signal.aborted) this.#waiters.rejectAll(error);
    }
    this.#loading = undefined;
    this.#serve();
    this.#rest();
    this.#room.arrange();
  }

  /** @throws as `loadModel`, for those who wait */
  async #read(signal: AbortSignal): Promise<Loaded> {
    const { path, options } = this.#source;
    const planned = await planModel(() => fileSource(path), { ...options, signal });
    const { key } = planned;
    const bytes = planned.bytes();
    checkFits(this.name, bytes, this.#room.maxMemory);
    await this.#room.enter(this, { bytes, key }, signal);
    const model = await planned.load();
    const held = model.plan.reduce((sum, tensor) => sum + tensor.bytes, 0);
    return { model, bytes: held, key, leases: 0 };
  }

  async #unload(): Promise<void> {
    this.#state = 'unloading';
    clearTimeout(this.#timer);
    await this.#loaded?.model[Symbol.asyncDispose]();
    this.#gone();
    this.#serve();
    this.#room.arrange();
  }

  #gone(): void {
    clearTimeout(this.#timer);
    this.#state = 'unloaded';
    this.#loaded = undefined;
    this.#leaving = false;
    this.tenant = undefined;
  }
}
