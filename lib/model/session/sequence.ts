import { onAbort } from '../../abort.js';
import { copiedIds, idCount } from '../../checks/token-ids.js';
import { BitnetError } from '../../errors.js';
import { type OnProgress, reporting } from '../../generate/on-progress.js';
import { createNativeSession, nativeEvaluate } from '../../native.js';
import type { KvType, NativeModel, NativeRequest, NativeSession } from '../../native-types.js';
import { aborted, busy, closed } from './session-checks.js';
import { TokenRecord } from './token-record.js';

/** What a sequence needs of the model it belongs to. */
export interface SequenceOwner {
  readonly native: NativeModel;
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly kvType: KvType;
  /** Called once, when the sequence closes. */
  readonly onClose: () => void;
}

/**
 * The addon's side of a session: the tokens, whose keys and values native threads work on, one piece
 * of work at a time. Work ends early when its signal aborts or the sequence closes.
 */
export class Sequence {
  readonly #owner: SequenceOwner;
  readonly #record = new TokenRecord();
  #native: NativeSession | undefined;
  #running: { readonly stop: () => void; readonly done: Promise<void> } | undefined;

  constructor(owner: SequenceOwner) {
    this.#owner = owner;
    this.#native = createNativeSession(owner.native, owner.contextLength, owner.kvType);
  }

  get position(): number {
    return this.#open().position();
  }

  /** `[position]`, a copy. */
  get tokens(): Int32Array {
    this.#open();
    return this.#record.tokens;
  }

  get bytesPerToken(): number {
    return this.#open().bytesPerPosition();
  }

  /** Resolves, and never rejects, when the work under way has ended. */
  get ended(): Promise<void> | undefined {
    return this.#running?.done;
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

  /** Appends the request's tokens, or those that were evaluated before it failed. */
  async evaluate(
    request: Omit<NativeRequest, 'control' | 'progress'>,
    signal: AbortSignal | undefined,
    onProgress?: OnProgress,
  ): Promise<void> {
    const before = this.position;
    const progress = new Int32Array(1);
    const fraction = () => Atomics.load(progress, 0) / 1000;
    try {
      await this.exclusively(signal, (native, control) => {
        const work = nativeEvaluate(native, { ...request, control, progress });
        return reporting(work, onProgress, fraction, () => Atomics.store(control, 0, 1));
      });
    } finally {
      const taken = (this.#native?.position() ?? before) - before;
      this.#record.append(request.tokens.subarray(0, taken));
    }
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

  /** Takes note of the tokens that came with loaded keys and values. */
  replaceTokens(tokens: Int32Array): void {
    this.#record.replace(tokens);
  }

  close(): void {
    this.#running?.stop();
    if (!this.#native) return;
    this.#native.close();
    this.#native = undefined;
    this.#owner.onClose();
  }

  #open(): NativeSession {
    if (!this.#native) throw closed();
    return this.#native;
  }
}

function ignore(): void {}
