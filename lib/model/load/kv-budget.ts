import type { KvType, NativeModel } from '../../native-types.js';
import type { ModelSpec } from '../spec/spec.js';
import { kvBytesPerPosition } from './memory.js';

/** Part of the free memory that keys and values may take unless somebody says how much. */
const freeShare = 4;

/** Keys and values are held in blocks of so many positions (native/graph/kv_block.h). */
const blockPositions = 32;

/** The memory for keys and values of a model's sessions, as the addon is told it. */
export class KvBudget {
  readonly #native: NativeModel;
  readonly #spec: ModelSpec;
  readonly #keepsPrefixes: boolean;
  /** Undefined once somebody has said how much. */
  #byDefault: number | undefined;

  constructor(
    native: NativeModel,
    spec: ModelSpec,
    { kvMemory: bytes, prefixCache }: { kvMemory: number | undefined; prefixCache: boolean },
  ) {
    this.#native = native;
    this.#spec = spec;
    this.#keepsPrefixes = prefixCache;
    if (bytes === undefined) {
      this.#byDefault = Math.floor(process.availableMemory() / freeShare);
    }
    this.#limit(bytes ?? this.#byDefault!);
  }

  /** By default, a session that is alone can fill its context. */
  admit(contextLength: number, kvType: KvType): void {
    if (this.#byDefault === undefined) return;
    const positions = Math.ceil(contextLength / blockPositions) * blockPositions;
    const needed = positions * kvBytesPerPosition(this.#spec, kvType);
    if (needed <= this.#byDefault) return;
    this.#byDefault = needed;
    this.#limit(needed);
  }

  #limit(bytes: number): void {
    this.#native.limitKv(Math.min(bytes, Number.MAX_SAFE_INTEGER), this.#keepsPrefixes);
  }
}
