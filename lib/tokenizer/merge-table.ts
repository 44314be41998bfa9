import type { GgufStrings } from '../gguf/array.js';
import { quote } from '../gguf/malformed.js';
import type { TimeSlice } from '../gguf/time-slice.js';
import { faulty, type Source } from './faulty.js';
import { maxTokenBytes } from './limits.js';
import { PairTable } from './pair-table.js';
import { collision, type TextTable } from './text-table.js';

/**
 * The merges of a byte-pair vocabulary: for two symbols, the rank of their merge (0 is first). A
 * symbol is the number of its text, so a look-up touches no text.
 */
export class MergeTable {
  readonly #ranks: PairTable;
  /** [merges] symbol that results from the merge of each rank. */
  readonly #results: Int32Array;

  constructor(merges: number) {
    this.#ranks = new PairTable(merges);
    this.#results = new Int32Array(merges);
  }

  /** How many merges there are; ranks are below. */
  get length(): number {
    return this.#results.length;
  }

  /** Adds a merge; of two for one pair the first counts. Returns false when too many collide. */
  add(rank: number, left: number, right: number, result: number): boolean {
    this.#results[rank] = result;
    return this.#ranks.add(left, right, rank);
  }

  /** Rank of the merge of two symbols, or -1. */
  rank(left: number, right: number): number {
    return this.#ranks.get(left, right);
  }

  /** The symbol that results from the merge of a rank. */
  result(rank: number): number {
    return this.#results[rank]!;
  }
}

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
    // Merges are nearly always in the order of the tokens they make.
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
