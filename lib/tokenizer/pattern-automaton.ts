import { PairTable } from './pair-table.js';

/**
 * Many patterns, searched for at once (Aho and Corasick's automaton): each unit of a text takes one
 * step, or a few that earlier ones have saved, whatever the patterns are.
 *
 * A state is a prefix of some patterns: the longest one that the units read so far end with.
 * State 0 is the empty one.
 */
export class PatternAutomaton {
  readonly #edges: PairTable;
  /** [65536] whether any pattern begins with a unit: most units of a text begin none. */
  readonly #begins = new Uint8Array(65536);
  /** [states] the state of the longest proper ending that is a state too: where to go on. */
  readonly #fallback: Int32Array;
  /** [states] how many units a state has. */
  readonly #depth: Int32Array;
  /** [states] all of them, short ones first: a fallback is shorter than its state. */
  readonly #order: Int32Array;
  /** [patterns] the state of each pattern as a whole. */
  readonly #ends: Int32Array;

  /**
   * @param patterns lists of UTF-16 units
   * @throws `collided()` when the patterns were chosen to make a table slow
   */
  constructor(patterns: readonly Uint16Array[], collided: () => Error) {
    let units = 0;
    for (const pattern of patterns) units += pattern.length;
    this.#edges = new PairTable(units);
    this.#depth = new Int32Array(units + 1);
    this.#fallback = new Int32Array(units + 1);
    this.#ends = new Int32Array(patterns.length);
    const parents = new Int32Array(units + 1);
    const lastUnits = new Uint16Array(units + 1);
    let states = 1;
    for (const [i, pattern] of patterns.entries()) {
      let state = 0;
      this.#begins[pattern[0]!] = 1;
      for (const unit of pattern) {
        let next = this.#edges.get(state, unit);
        if (next < 0) {
          next = states++;
          if (!this.#edges.add(state, unit, next)) throw collided();
          this.#depth[next] = this.#depth[state]! + 1;
          parents[next] = state;
          lastUnits[next] = unit;
        }
        state = next;
      }
      this.#ends[i] = state;
    }
    this.#order = risingOrder(this.#depth.subarray(0, states));
    for (const state of this.#order) {
      if (this.#depth[state]! < 2) continue;
      this.#fallback[state] = this.step(this.#fallback[parents[state]!]!, lastUnits[state]!);
    }
  }

  /** The state after one more unit. */
  step(state: number, unit: number): number {
    for (let from = state; from !== 0; from = this.#fallback[from]!) {
      const next = this.#edges.get(from, unit);
      if (next >= 0) return next;
    }
    return this.#begins[unit] === 0 ? 0 : this.#edges.get(0, unit);
  }

  /** Units of the longest beginning of a pattern that the text so far ends with. */
  depth(state: number): number {
    return this.#depth[state]!;
  }

  /**
   * For each state the longest pattern that the text so far ends with, -1: none. Of equal patterns
   * the first counts.
   *
   * @param counts which patterns count
   */
  longest(counts: (pattern: number) => boolean = () => true): Int32Array {
    const longest = new Int32Array(this.#depth.length).fill(-1);
    for (const [pattern, state] of this.#ends.entries()) {
      if (longest[state] === -1 && counts(pattern)) longest[state] = pattern;
    }
    for (const state of this.#order) {
      if (longest[state] === -1) longest[state] = longest[this.#fallback[state]!]!;
    }
    return longest;
  }
}

/** The indices of `values`, which are integers from 0 on, in the order of the values. */
function risingOrder(values: Int32Array): Int32Array {
  let most = 0;
  for (const value of values) if (value > most) most = value;
  const starts = new Int32Array(most + 2);
  for (const value of values) starts[value + 1]!++;
  for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
  const order = new Int32Array(values.length);
  for (const [i, value] of values.entries()) order[starts[value]!++] = i;
  return order;
}
