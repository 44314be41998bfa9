import type { BitnetError } from '../errors.js';
import { faulty, type Source } from './faulty.js';
import { maxProbes } from './limits.js';

/**
 * Texts, as bytes, numbered in the order in which they are added and found again by their bytes.
 * All texts lie in one pool, so that 128,000 of them cost their bytes and 36 bytes each.
 */
export class TextTable {
  #pool = new Uint8Array(1 << 16);
  /** [length + 1] where each text begins in the pool; text i ends where text i + 1 begins. */
  #starts: Int32Array;
  /**
   * [slots, 4] open addressing: number + 1, hash, start and length of the text in each slot, in one
   * cache line; number + 1 = 0: empty slot.
   */
  #slots: Int32Array;
  #findable = 0;
  #length = 0;
  #longest = 0;
  /** Texts that `find` does not give: not findable, or equal to an earlier one. */
  readonly #hidden = new Set<number>();
  readonly #source: Source;

  /**
   * @param capacity how many texts are expected; more may be added
   * @param source where they come from, for errors
   */
  constructor(capacity: number, source: Source) {
    this.#source = source;
    this.#starts = new Int32Array(capacity + 1);
    this.#slots = new Int32Array(stride * 2 ** Math.ceil(Math.log2(2 * capacity + 2)));
  }

  /**
   * Adds bytes[start, end) and returns its number. Of equal texts `find` gives the first; one that
   * is not `findable` it never gives.
   *
   * @throws ERR_BITNET_TOKENIZER when too many texts collide, which does not happen by chance
   */
  add(bytes: Uint8Array, start: number, end: number, findable: boolean): number {
    const number = this.#length;
    if (!findable || !this.#index(number, bytes, start, end)) this.#hidden.add(number);
    const from = this.#starts[number]!;
    const to = from + end - start;
    if (to > this.#pool.length) this.#pool = grown(this.#pool, to);
    if (number + 2 > this.#starts.length) this.#starts = grown(this.#starts, number + 2);
    const pool = this.#pool;
    for (let i = start; i < end; i++) pool[from + i - start] = bytes[i]!;
    this.#starts[number + 1] = to;
    this.#length++;
    return number;
  }

  /** Number of the first text equal to bytes[start, end), which is added when there is none. */
  findOrAdd(bytes: Uint8Array, start: number, end: number): number {
    const number = this.find(bytes, start, end);
    return number >= 0 ? number : this.add(bytes, start, end, true);
  }

  /** As `findOrAdd`; faster when the text is number `guess` or the one after it. */
  guessOrAdd(guess: number, bytes: Uint8Array, start: number, end: number): number {
    for (let number = guess; number <= guess + 1 && number < this.#length; number++) {
      const from = this.#starts[number]!;
      const alike = this.#starts[number + 1]! - from === end - start;
      const equal = alike && this.#poolHas(from, bytes, start, end);
      if (equal && !this.#hidden.has(number)) return number;
    }
    return this.findOrAdd(bytes, start, end);
  }

  /** Number of the text equal to bytes[start, end), or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    if (end - start > this.#longest) return -1;
    const at = this.#slot(hash(bytes, start, end), bytes, start, end);
    return at < 0 ? -1 : this.#slots[at]! - 1;
  }

  /** The bytes of a text, not a copy. */
  bytes(number: number): Uint8Array {
    return this.#pool.subarray(this.#starts[number]!, this.#starts[number + 1]!);
  }

  /** Makes a text findable, unless an equal one is. */
  #index(number: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (2 * stride * (this.#findable + 1) > this.#slots.length) this.#rehash();
    const h = hash(bytes, start, end);
    const at = this.#slot(h, bytes, start, end);
    if (at < 0) throw collision(this.#source);
    if (this.#slots[at] !== 0) return false;
    this.#slots[at] = number + 1;
    this.#slots[at + 1] = h;
    this.#slots[at + 2] = this.#starts[number]!;
    this.#slots[at + 3] = end - start;
    this.#findable++;
    this.#longest = Math.max(this.#longest, end - start);
    return true;
  }

  /**
   * Where the slot of the text equal to bytes[start, end) begins, else the empty one where it
   * belongs; -1 after too many steps.
   */
  #slot(h: number, bytes: Uint8Array, start: number, end: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = Math.imul(h, stride) & mask;
    for (let probe = 0; probe < maxProbes; probe++) {
      if (slots[at] === 0) return at;
      const alike = slots[at + 1] === h && slots[at + 3] === end - start;
      if (alike && this.#poolHas(slots[at + 2]!, bytes, start, end)) return at;
      at = (at + stride) & mask;
    }
    return -1;
  }

  /** Whether the text that begins at `from` in the pool begins with bytes[start, end). */
  #poolHas(from: number, bytes: Uint8Array, start: number, end: number): boolean {
    const pool = this.#pool;
    for (let i = end - start - 1; i >= 0; i--) {
      if (pool[from + i] !== bytes[start + i]) return false;
    }
    return true;
  }

  #rehash(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(2 * old.length);
    for (let i = 0; i < old.length; i += stride) {
      if (old[i] === 0) continue;
      const [h, from, length] = [old[i + 1]!, old[i + 2]!, old[i + 3]!];
      const at = this.#slot(h, this.#pool, from, from + length);
      if (at < 0) throw collision(this.#source);
      this.#slots.set(old.subarray(i, i + stride), at);
    }
  }
}

/** Numbers per slot. */
const stride = 4;

/** The error for entries that were chosen to make a hash table slow. */
export function collision(source: Source): BitnetError {
  const found = 'too many that were made to collide in a table';
  return faulty(source, 'the tokens and merges', 'ordinary texts', found);
}

/** FNV-1a with a final mix, because the table's slots are the low bits. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let h = 0x811c9dc5;
  for (let i = start; i < end; i++) h = Math.imul(h ^ bytes[i]!, 0x01000193);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return h ^ (h >>> 13);
}

function grown<T extends Uint8Array | Int32Array>(array: T, needed: number): T {
  const longer = new (array.constructor as new (n: number) => T)(
    Math.max(needed, 2 * array.length),
  );
  longer.set(array);
  return longer;
}
