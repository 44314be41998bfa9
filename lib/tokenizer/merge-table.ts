import type { GgufStrings } from '../gguf/array.js';
import { quote } from '../gguf/malformed.js';
import type { TimeSlice } from '../gguf/time-slice.js';
import { faulty, type Source } from './faulty.js';
import { maxProbes, maxTokenBytes } from './limits.js';
import { collision, type TextTable } from './text-table.js';

/**
 * The merges of a byte-pair vocabulary: for two symbols, the rank of their merge (0 is first). A
 * symbol is the number of its text, so a look-up touches no text: open addressing in typed arrays
 * takes a fraction of the time of a map of 280,000 strings, and never copies one.
 */
export class MergeTable {
  readonly #mask: number;
  /** [slots, 3] left, right and rank + 1 of the merge in each slot; rank + 1 = 0: empty slot. */
  readonly #slots: Int32Array;
  /** [merges] symbol that results from the merge of each rank. */
  readonly #results: Int32Array;

  constructor(merges: number) {
    const slots = 2 ** Math.ceil(Math.log2(1.5 * merges + 2));
    this.#mask = slots - 1;
    this.#slots = new Int32Array(slots * stride);
    this.#results = new Int32Array(merges);
  }

  /** Adds a merge; of two for one pair the first counts. Returns false when too many collide. */
  add(rank: number, left: number, right: number, result: number): boolean {
    this.#results[rank] = result;
    const at = this.#find(left, right);
    if (at < 0) return false;
    const slots = this.#slots;
    if (slots[at + 2] !== 0) return true;
    slots[at] = left;
    slots[at + 1] = right;
    slots[at + 2] = rank + 1;
    return true;
  }

  /** Rank of the merge of two symbols, or -1. */
  rank(left: number, right: number): number {
    const at = this.#find(left, right);
    return at < 0 ? -1 : this.#slots[at + 2]! - 1;
  }

  /** The symbol that results from the merge of a rank. */
  result(rank: number): number {
    return this.#results[rank]!;
  }

  /** Where the slot of a pair begins, or the empty one where it belongs; -1 after too many steps. */
  #find(left: number, right: number): number {
    const slots = this.#slots;
    const h = Math.imul(left, 0x2c1b3c6d) ^ Math.imul(right, 0x297a2d39);
    let slot = (h ^ (h >>> 15)) & this.#mask;
    for (let probe = 0; probe < maxProbes; probe++) {
      const at = slot * stride;
      if (slots[at + 2] === 0 || (slots[at] === left && slots[at + 1] === right)) return at;
      slot = (slot + 1) & this.#mask;
    }
    return -1;
  }
}

/** Numbers per slot. */
const stride = 3;

/**
 * Reads the merges, each "left right". Texts of merges that are no tokens are added to `texts`:
 * they are symbols too, on the way to one.
 */
export async function readMerges(
  merges: GgufStrings,
  texts: TextTable,
  source: Source,
  slice: TimeSlice,
): Promise<MergeTable> {
  const table = new MergeTable(merges.length);
  const merge = Buffer.alloc(maxTokenBytes);
  const joined = Buffer.alloc(maxTokenBytes);
  let result = 0;
  for (let rank = 0; rank < merges.length; rank++) {
    if ((rank & 255) === 0 && slice.due()) await slice.pause();
    const length = merges.copy(rank, merge);
    const space = spaceIn(merge, length);
    if (space < 0) {
      const expected = `two texts with a space between, of up to ${maxTokenBytes} bytes`;
      throw faulty(source, `merge ${rank}`, expected, quote(merges.string(rank)));
    }
    const left = texts.findOrAdd(merge, 0, space);
    const right = texts.findOrAdd(merge, space + 1, length);
    // Plain loops: for texts this short they beat TypedArray.set by far.
    for (let i = 0; i < space; i++) joined[i] = merge[i]!;
    for (let i = space + 1; i < length; i++) joined[i - 1] = merge[i]!;
    // Merges nearly always stand in the order of the tokens they make.
    result = texts.guessOrAdd(result, joined, 0, length - 1);
    if (!table.add(rank, left, right, result)) throw collision(source);
  }
  return table;
}

/** Where the space of a merge is, -1 when it is malformed. A left part may itself begin with one. */
function spaceIn(merge: Uint8Array, length: number): number {
  if (length > maxTokenBytes) return -1;
  for (let i = 1; i < length - 1; i++) if (merge[i] === 0x20) return i;
  return -1;
}
