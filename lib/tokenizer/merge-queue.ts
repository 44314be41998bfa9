import { maxTextLength } from './limits.js';

/**
 * A queue of adjacent pairs waiting to be merged: lowest rank first, of equal ones the leftmost.
 *
 * A word of a million letters has as many pairs but few different ranks, and pairs of one rank come
 * up from left to right. So pairs are kept in runs, each of one rank with rising places, and a
 * binary heap orders the runs by their first pair: a push mostly appends to a run, and a pop mostly
 * takes the next pair of the run that is first already.
 */
export class MergeQueue {
  /** [ranks] the last pair of the newest run of each rank, 0: it has none. */
  readonly #last: Int32Array;
  /** [pairs] place of each pair, and the pair after it in its run (0: none). Pair 0 is no pair. */
  #place = new Int32Array(shortQueue);
  #after = new Int32Array(shortQueue);
  #pairs = 1;
  /** [runs] the heap: rank and place of each run's first pair as one number, and that pair. */
  #keys = new Float64Array(shortQueue);
  #first = new Int32Array(shortQueue);
  #runs = 0;

  /** The rank of the pair that `pop` last returned. */
  popped = 0;

  /** @param ranks ranks are below this number */
  constructor(ranks: number) {
    this.#last = new Int32Array(ranks);
  }

  push(rank: number, place: number): void {
    if (this.#pairs === this.#place.length) this.#growPairs();
    const pair = this.#pairs++;
    this.#place[pair] = place;
    this.#after[pair] = 0;
    const last = this.#last[rank]!;
    this.#last[rank] = pair;
    if (last !== 0 && this.#place[last]! <= place) this.#after[last] = pair;
    else this.#pushRun(rank * places + place, pair);
  }

  /** Removes the first pair and returns its place; -1 when there is none. */
  pop(): number {
    if (this.#runs === 0) {
      this.#pairs = 1;
      return -1;
    }
    const pair = this.#first[0]!;
    const place = this.#place[pair]!;
    const rank = Math.floor(this.#keys[0]! / places);
    this.popped = rank;
    const next = this.#after[pair]!;
    if (next !== 0) {
      this.#sink(rank * places + this.#place[next]!, next);
      return place;
    }
    if (this.#last[rank] === pair) this.#last[rank] = 0;
    const end = --this.#runs;
    if (end > 0) this.#sink(this.#keys[end]!, this.#first[end]!);
    return place;
  }

  /** Gives back the room that many pairs took; call it when there are none. */
  trim(): void {
    if (this.#place.length > shortQueue) {
      this.#place = new Int32Array(shortQueue);
      this.#after = new Int32Array(shortQueue);
    }
    if (this.#keys.length > shortQueue) {
      this.#keys = new Float64Array(shortQueue);
      this.#first = new Int32Array(shortQueue);
    }
  }

  #pushRun(key: number, pair: number): void {
    if (this.#runs === this.#keys.length) this.#growRuns();
    const keys = this.#keys;
    const first = this.#first;
    let i = this.#runs++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (keys[parent]! <= key) break;
      keys[i] = keys[parent]!;
      first[i] = first[parent]!;
      i = parent;
    }
    keys[i] = key;
    first[i] = pair;
  }

  /** Puts a run in the place of the first one. */
  #sink(key: number, pair: number): void {
    const keys = this.#keys;
    const first = this.#first;
    const end = this.#runs;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= end) break;
      if (child + 1 < end && keys[child + 1]! < keys[child]!) child++;
      if (keys[child]! >= key) break;
      keys[i] = keys[child]!;
      first[i] = first[child]!;
      i = child;
    }
    keys[i] = key;
    first[i] = pair;
  }

  #growPairs(): void {
    this.#place = doubled(this.#place);
    this.#after = doubled(this.#after);
  }

  #growRuns(): void {
    const keys = new Float64Array(2 * this.#keys.length);
    keys.set(this.#keys);
    this.#keys = keys;
    this.#first = doubled(this.#first);
  }
}

/** Pairs up to which the room for them is kept. */
const shortQueue = 4096;

/** Above every place of a word: a text has up to 3 bytes per UTF-16 unit. */
const places = 4 * maxTextLength;

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(2 * array.length);
  longer.set(array);
  return longer;
}
