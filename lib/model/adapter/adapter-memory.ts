import { abortError, onAbort } from '../../abort.js';
import { bytes } from '../../byte-size.js';
import { BitnetError } from '../../errors.js';
import { quote } from '../../gguf/malformed.js';
import type { LoadableAdapter, NativeAdapter, NativeModel } from '../../native-types.js';

/** An adapter as the memory of its model knows it. */
export interface Tenant {
  readonly name: string;
  readonly source: LoadableAdapter;
  /** Its matrices, while they are resident. */
  native: NativeAdapter | undefined;
  /** Evaluations that use it now. */
  uses: number;
  /** When one began last, counted in uses of all. */
  lastUsed: number;
  closed: boolean;
  /** Called once it is closed and nothing uses it any more. */
  readonly freed: (() => void)[];
}

/** 1 GiB. */
export const defaultAdapterMemory = 2 ** 30;

/**
 * The adapters of one model that are in memory: at most so many bytes of them. Whatever an evaluation needs is loaded then, and those
 * unused for the longest time make room for it.
 */
export class AdapterMemory {
  readonly #budget: number;
  readonly #model: () => NativeModel;
  readonly #resident = new Set<Tenant>();
  #used = 0;
  #clock = 0;
  /** Evaluations that have to load something do so one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Tells the one that waits for room that something was released. */
  #wake: (() => void) | undefined;

  /** @param model throws when it is closed */
  constructor(budget: number, model: () => NativeModel) {
    this.#budget = budget;
    this.#model = model;
  }

  /**
   * Makes adapters resident, and keeps them so until they are released.
   *
   * @param control `[abort]`, raised when `stopped` is aborted
   * @throws ERR_BITNET_CLOSED; ERR_BITNET_MEMORY where all of them together do not fit; errors of loading one; ERR_BITNET_ABORTED
   */
  async acquire(
    tenants: readonly Tenant[],
    stopped: AbortSignal,
    control: Int32Array,
  ): Promise<readonly NativeAdapter[]> {
    for (const { name, closed } of tenants) if (closed) throw closedAdapter(name);
    if (tenants.every(({ native }) => native !== undefined)) {
      return tenants.map((tenant) => this.#hold(tenant));
    }
    this.#checkSize(tenants);
    const turn = this.#turn.then(() => this.#loadAll(tenants, stopped, control));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  release(tenants: readonly Tenant[]): void {
    for (const tenant of tenants) {
      tenant.uses--;
      if (tenant.closed && tenant.uses === 0) this.#free(tenant);
    }
    this.#wake?.();
  }

  /** Frees an adapter as soon as nothing uses it, which is when the promise resolves. */
  close(tenant: Tenant): Promise<void> {
    tenant.closed = true;
    return new Promise((resolve) => {
      tenant.freed.push(resolve);
      if (tenant.uses === 0) this.#free(tenant);
    });
  }

  /** Of a model that closes. */
  closeAll(): void {
    for (const tenant of this.#resident) void this.close(tenant);
  }

  #checkSize(tenants: readonly Tenant[]): void {
    const wanted = tenants.reduce((sum, { source }) => sum + source.bytes, 0);
    if (wanted <= this.#budget) return;
    throw new BitnetError(
      'ERR_BITNET_MEMORY',
      `Expected adapters that fit into the model's ${bytes(this.#budget)} of adapterMemory, but ${tenants.map(({ name }) => quote(name)).join(' and ')} take ${bytes(wanted)}; load the model with more of it.`,
    );
  }

  /** What is resident already is held first, so that it stays while the others are loaded. */
  async #loadAll(
    tenants: readonly Tenant[],
    stopped: AbortSignal,
    control: Int32Array,
  ): Promise<readonly NativeAdapter[]> {
    const held = tenants.filter(({ native }) => native !== undefined);
    for (const tenant of held) this.#hold(tenant);
    try {
      for (const tenant of tenants) {
        if (held.includes(tenant)) continue;
        await this.#load(tenant, stopped, control);
        this.#hold(tenant);
        held.push(tenant);
      }
    } catch (error) {
      this.release(held);
      throw error;
    }
    return tenants.map(({ native }) => native!);
  }

  async #load(tenant: Tenant, stopped: AbortSignal, control: Int32Array): Promise<void> {
    const { source } = tenant;
    await this.#makeRoom(source.bytes, stopped);
    const native = await source.load(this.#model(), control);
    if (tenant.closed) {
      native.close();
      throw closedAdapter(tenant.name);
    }
    tenant.native = native;
    this.#resident.add(tenant);
    this.#used += source.bytes;
  }

  /** All that is in use and not ours will be released: nothing in use waits for anything. */
  async #makeRoom(size: number, stopped: AbortSignal): Promise<void> {
    while (this.#used + size > this.#budget) {
      if (stopped.aborted) throw abortError('The evaluation was aborted.', stopped.reason);
      const idle = [...this.#resident].filter(({ uses }) => uses === 0);
      const oldest = idle.sort((a, b) => a.lastUsed - b.lastUsed)[0];
      if (oldest) this.#evict(oldest);
      else await this.#released(stopped);
    }
  }

  #released(stopped: AbortSignal): Promise<void> {
    const awake = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const forget = onAbort(stopped, () => this.#wake?.());
    return awake.finally(() => {
      this.#wake = undefined;
      forget();
    });
  }

  #hold(tenant: Tenant): NativeAdapter {
    tenant.uses++;
    tenant.lastUsed = ++this.#clock;
    return tenant.native!;
  }

  #free(tenant: Tenant): void {
    this.#evict(tenant);
    for (const resolve of tenant.freed.splice(0)) resolve();
  }

  #evict(tenant: Tenant): void {
    if (!this.#resident.delete(tenant)) return;
    this.#used -= tenant.source.bytes;
    tenant.native?.close();
    tenant.native = undefined;
  }
}

function closedAdapter(name: string): BitnetError {
  return new BitnetError(
    'ERR_BITNET_CLOSED',
    `Expected open adapters, but ${quote(name)} was closed; load it again.`,
  );
}
