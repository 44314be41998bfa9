import { onAbort } from '../../abort.js';
import { copiedIds, idCount } from '../../checks/token-ids.js';
import { BitnetError } from '../../errors.js';
import { type OnProgress, reporting } from '../../generate/on-progress.js';
import { createNativeSession, nativeAdmit, nativeEvaluate } from '../../native.js';
import {
  type KvType,
  type NativeModel,
  type NativeRequest,
  type NativeSession,
  outputs,
} from '../../native-types.js';
import type { AdapterMemory } from '../adapter/adapter-memory.js';
import { type AppliedAdapters, noAdapters } from '../adapter/applied-adapters.js';
import { aborted, busy, closed } from './session-checks.js';
import { TokenRecord } from './token-record.js';

/** What a sequence needs of the model it belongs to. */
export interface SequenceOwner {
  readonly native: NativeModel;
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly kvType: KvType;
  readonly adapterMemory: AdapterMemory;
  /** Called once, when the sequence closes. */
  readonly onClose: () => void;
}

/** Counts tokens that were not evaluated because another sequence has been at them. */
export interface ReuseCounter {
  cachedTokens: number;
}

/**
 * The addon's side of a session: the tokens, whose keys, values and states native threads work on, one
 * piece of work at a time. Work ends early when its signal aborts or the sequence closes.
 *
 * The state of recurrent layers cannot be cut: truncating goes back to the last one that was kept, and
 * the tokens from there on, which are recorded here, are evaluated again before whatever comes next. So
 * are all of them when the adapters change: keys and values are those of the adapters they were computed
 * with.
 */
export class Sequence {
  readonly #owner: SequenceOwner;
  readonly #record = new TokenRecord();
  readonly #closing = new AbortController();
  #native: NativeSession | undefined;
  #reuse: ReuseCounter | undefined;
  /** What the tokens were evaluated with. */
  #adapters = noAdapters;
  #running: { readonly stop: () => void; readonly done: Promise<void> } | undefined;

  /** @param from one of the same model, length and type, whose tokens the new one has too */
  constructor(
    owner: SequenceOwner,
    from?: { native: NativeSession; tokens: Int32Array; adapters: AppliedAdapters },
  ) {
    this.#owner = owner;
    const { native, contextLength, kvType } = owner;
    this.#native = createNativeSession(native, contextLength, kvType, from?.native);
    if (!from) return;
    this.#record.append(from.tokens);
    this.#adapters = from.adapters;
  }

  /** One with the same tokens; their keys, values and states are shared. */
  fork(owner: SequenceOwner): Sequence {
    const [native, adapters] = [this.#open(), this.#adapters];
    return new Sequence(owner, { native, tokens: this.tokens, adapters });
  }

  get position(): number {
    return Math.max(this.#open().position(), this.#record.length);
  }

  /** `[position]`, a copy. */
  get tokens(): Int32Array {
    this.#open();
    return this.#record.tokens;
  }

  get bytesPerToken(): number {
    return this.#open().bytesPerPosition();
  }

  /** What the tokens so far were evaluated with. */
  get adapters(): AppliedAdapters {
    return this.#adapters;
  }

  /** Resolves, and never rejects, when the work under way has ended. */
  get ended(): Promise<void> | undefined {
    return this.#running?.done;
  }

  /** Aborts when the sequence closes. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** A generation waits to begin: from now on its caller is one of those that are active. */
  announce(caller: string, priority: number): void {
    this.#open().announce(caller, priority);
  }

  /** Begins the generation that was announced, if there is memory for so many tokens more; says whether. */
  admit(tokens: number, alone: boolean): boolean {
    return nativeAdmit(this.#open(), this.position + tokens, alone);
  }

  /** Tokens that were computed for the caller of the generation, to compare with those of other callers. */
  get served(): number {
    return this.#open().served();
  }

  endGeneration(): void {
    this.#native?.endGeneration();
  }

  checkOpen(): void {
    this.#open();
  }

  checkIdle(): void {
    this.#open();
    if (this.#running) throw busy('it is still evaluating');
  }

  /** Ids to evaluate, which there must be room for. */
  checkedIds(ids: ArrayLike<number>): Int32Array {
    const length = idCount(ids, 'ids', 1);
    const { contextLength, vocabSize } = this.#owner;
    const room = contextLength - this.position;
    if (length > room) {
      throw new BitnetError(
        'ERR_BITNET_CONTEXT',
        `Expected at most ${room} more tokens (position ${this.position} of a context of ${contextLength}), but received ${length}; ` +
          'evaluate fewer, truncate or reset the session, or create one with a longer context.',
        { room, tokens: length },
      );
    }
    return copiedIds(ids, length, vocabSize, 'ids');
  }

  /** The next evaluation, of a prompt, may take over what others that begin alike have evaluated, and counts it. */
  reusePrefix(counter: ReuseCounter | undefined): void {
    this.#reuse = counter;
  }

  /** Appends the request's tokens, or those that were evaluated before it failed. */
  async evaluate(
    request: Omit<NativeRequest, 'control' | 'progress' | 'again' | 'adapters' | 'scales'>,
    adapters: AppliedAdapters,
    signal: AbortSignal | undefined,
    onProgress?: OnProgress,
  ): Promise<void> {
    const before = this.position;
    const progress = new Int32Array(1);
    const fraction = () => Atomics.load(progress, 0) / 1000;
    const reuse = this.#reuse;
    this.#reuse = undefined;
    const cached = new Int32Array(1);
    try {
      await this.exclusively(signal, (_native, control, stopped) =>
        this.#using(adapters, control, stopped, (native, used) => {
          const work = nativeEvaluate(native, {
            ...this.#withLost(native, request),
            ...{ ...used, control, progress, ...(reuse && { cached }) },
          });
          return reporting(work, onProgress, fraction, () => Atomics.store(control, 0, 1));
        }),
      );
    } finally {
      const taken = Math.max((this.#native?.position() ?? before) - before, 0);
      this.#record.append(request.tokens.subarray(0, taken));
      if (reuse) reuse.cachedTokens += cached[0]!;
    }
  }

  /** Evaluates again what a truncation has lost, for work that needs the state after the last token. */
  async recover(control: Int32Array, stopped: AbortSignal): Promise<void> {
    if (this.#record.from(this.#open().position()).length === 0) return;
    await this.#using(this.#adapters, control, stopped, (native, used) => {
      const { tokens } = this.#withLost(native, { tokens: new Int32Array(0) });
      return nativeEvaluate(native, { ...{ tokens, outputs: outputs.none, control }, ...used });
    });
  }

  /** Runs native work with adapters in memory, and in a sequence that was evaluated with them. */
  async #using(
    adapters: AppliedAdapters,
    control: Int32Array,
    stopped: AbortSignal,
    work: (
      native: NativeSession,
      used: Pick<NativeRequest, 'adapters' | 'scales'>,
    ) => Promise<void>,
  ): Promise<void> {
    if (adapters.adapters.length === 0) {
      this.#switchTo(adapters);
      return work(this.#open(), {});
    }
    const tenants = adapters.adapters.map(({ tenant }) => tenant);
    const { adapterMemory } = this.#owner;
    const natives = await adapterMemory.acquire(tenants, stopped, control);
    try {
      this.#switchTo(adapters); // and check that it did not close since the work began
      await work(this.#open(), { adapters: natives, scales: adapters.scales });
    } finally {
      adapterMemory.release(tenants);
    }
  }

  #switchTo(adapters: AppliedAdapters): void {
    const native = this.#open();
    if (adapters.key === this.#adapters.key) return;
    native.truncate(0);
    this.#adapters = adapters;
  }

  /** A request that first evaluates the tokens that were truncated to, but whose state is not known. */
  #withLost<Request extends { readonly tokens: Int32Array }>(
    native: NativeSession,
    request: Request,
  ): Request & { readonly again: number } {
    const lost = this.#record.from(native.position());
    if (lost.length === 0) return { ...request, again: 0 };
    const tokens = new Int32Array(lost.length + request.tokens.length);
    tokens.set(lost);
    tokens.set(request.tokens, lost.length);
    return { ...request, tokens, again: lost.length };
  }

  /** Runs native work of which there is one at a time; `control` and `stopped` both tell it to end. */
  async exclusively<T>(
    signal: AbortSignal | undefined,
    work: (native: NativeSession, control: Int32Array, stopped: AbortSignal) => Promise<T>,
  ): Promise<T> {
    this.checkIdle();
    const native = this.#open();
    if (signal?.aborted) throw aborted(signal);
    const control = new Int32Array(1);
    const stopping = new AbortController();
    const stop = () => {
      Atomics.store(control, 0, 1);
      this.#native?.cancel();
      stopping.abort();
    };
    const release = onAbort(signal, stop);
    const done = work(native, control, stopping.signal);
    this.#running = { stop, done: done.then(ignore, ignore) };
    try {
      return await done;
    } catch (error) {
      if (!this.#native) throw closed();
      throw signal?.aborted ? aborted(signal) : error;
    } finally {
      this.#running = undefined;
      release();
    }
  }

  truncate(length: number): void {
    this.#open().truncate(length);
    this.#record.truncate(length);
  }

  /** Takes note of the tokens that came with loaded keys and values, and what those were computed with. */
  replaceTokens(tokens: Int32Array, adapters: AppliedAdapters): void {
    this.#record.replace(tokens);
    this.#adapters = adapters;
  }

  close(): void {
    this.#running?.stop();
    if (!this.#native) return;
    this.#native.close();
    this.#native = undefined;
    this.#closing.abort();
    this.#owner.onClose();
  }

  #open(): NativeSession {
    if (!this.#native) throw closed();
    return this.#native;
  }
}

function ignore(): void {}
