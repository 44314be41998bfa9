import type { GgufNumericType } from './value-types.js';

export type NumericValues =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

/** An array of the metadata; tell the two apart by `elementType`. */
export type GgufArray = GgufStrings | GgufNumbers;

/**
 * A string array as stored in the file: bytes, decoded one string at a time on demand, so
 * that a vocabulary of 128,000 strings costs its bytes plus 4 bytes each. `i` is in [0, length).
 */
export class GgufStrings {
  readonly elementType = 'string';
  readonly length: number;
  readonly #bytes: Buffer;
  readonly #starts: Uint32Array;

  /**
   * @internal
   * @param bytes the array's bytes in the file: per string, an 8-byte length and the text
   * @param starts [length + 1] where in `bytes` each text begins; the last entry is where the text
   * of one more string would begin, so that text i ends 8 bytes before starts[i + 1]
   */
  constructor(bytes: Buffer, starts: Uint32Array) {
    this.#bytes = bytes;
    this.#starts = starts;
    this.length = starts.length - 1;
  }

  /** The raw bytes of string `i`, not a copy; they need not be valid UTF-8. */
  bytes(i: number): Uint8Array {
    return this.#bytes.subarray(this.#starts[i]!, this.#end(i));
  }

  /**
   * Copies the raw bytes of string `i`, as many as fit, to the start of `target`, and returns how
   * many there are: for loops over a whole vocabulary, where an object per string would cost more.
   */
  copy(i: number, target: Uint8Array): number {
    const bytes = this.#bytes;
    const start = this.#starts[i]!;
    const length = this.#end(i) - start;
    const end = start + Math.min(length, target.length);
    for (let at = start; at < end; at++) target[at - start] = bytes[at]!;
    return length;
  }

  /** String `i` decoded as UTF-8, with U+FFFD for what is not. */
  string(i: number): string {
    return this.#bytes.toString('utf8', this.#starts[i]!, this.#end(i));
  }

  get(i: number): string {
    return this.string(i);
  }

  *[Symbol.iterator](): Generator<string> {
    for (let i = 0; i < this.length; i++) yield this.string(i);
  }

  /** All strings as they stand in a file, each after its length; not a copy. */
  get encoded(): Uint8Array {
    return this.#bytes.subarray(0, this.#starts[this.length]! - lengthBytes);
  }

  toArray(): string[] {
    return Array.from({ length: this.length }, (_, i) => this.string(i));
  }

  #end(i: number): number {
    return this.#starts[i + 1]! - lengthBytes;
  }
}

/** An array of numbers or booleans. `i` is in [0, length). */
export class GgufNumbers {
  readonly length: number;

  /** @param values the elements; booleans as bytes, where everything but 0 is true */
  constructor(
    readonly elementType: GgufNumericType,
    readonly values: NumericValues,
  ) {
    this.length = values.length;
  }

  /** All elements as they stand in a file; not a copy. */
  get encoded(): Uint8Array {
    const { buffer, byteOffset, byteLength } = this.values;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }

  *[Symbol.iterator](): Generator<number | bigint | boolean> {
    for (let i = 0; i < this.length; i++) yield this.get(i);
  }

  get(i: number): number | bigint | boolean {
    const value = this.values[i]!;
    return this.elementType === 'bool' ? value !== 0 : exactNumber(value);
  }

  toArray(): (number | bigint | boolean)[] {
    return Array.from({ length: this.length }, (_, i) => this.get(i));
  }
}

/** A 64-bit integer as a number when that is exact. */
export function exactNumber(value: number | bigint): number | bigint {
  if (typeof value === 'number') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Every string is preceded by its length as u64. */
const lengthBytes = 8;
