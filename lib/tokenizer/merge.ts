import { MergeQueue } from './merge-queue.js';
import type { Steps } from './steps.js';

/** Which adjacent symbols may become one, and in which order. */
export interface MergeRule {
  /**
   * A code for the merge of two adjacent symbols, or -1 when there is none.
   *
   * @param start where the left symbol begins, in bytes
   * @param end where the right symbol ends, in bytes
   */
  pair(left: number, right: number, start: number, end: number): number;
  /** When a merge has its turn: an integer from 0 on, lower ones first. */
  rank(code: number): number;
  /** The symbol that results. */
  symbol(code: number): number;
  /** Takes a symbol that remains, and the bytes [start, end) it stands for. */
  emit(symbol: number, start: number, end: number): void;
}

/** The room a merge works in; use it again for the next word, so that short ones allocate nothing. */
export class Merger {
  readonly #queue: MergeQueue;
  /** [n] symbol at each place; a place whose symbol was merged into its left neighbor is dead. */
  symbols = new Int32Array(shortWord);
  /** [n + 1] where each symbol begins, in bytes; starts[n] is the end of the last. */
  starts = new Int32Array(shortWord + 1);
  /** [n] place of the living symbol to the right (n: none) and to the left (-1: none). */
  #next = new Int32Array(shortWord);
  #previous = new Int32Array(shortWord);
  /** [n] code of the merge with the symbol to the right, -1 when there is none or it is dead. */
  #codes = new Int32Array(shortWord);

  /** @param ranks the ranks of the rule are below this number */
  constructor(ranks: number) {
    this.#queue = new MergeQueue(ranks);
  }

  /** Makes room for n symbols; then set `symbols` and `starts` and call `merge`. */
  reserve(n: number): void {
    if (n > this.symbols.length) this.#resize(2 ** Math.ceil(Math.log2(n)));
  }

  /** Gives back the room that a long word took. */
  trim(): void {
    if (this.symbols.length > shortWord) this.#resize(shortWord);
    this.#queue.trim();
  }

  #resize(length: number): void {
    this.symbols = new Int32Array(length);
    this.starts = new Int32Array(length + 1);
    this.#next = new Int32Array(length);
    this.#previous = new Int32Array(length);
    this.#codes = new Int32Array(length);
  }

  /**
   * Merges n symbols by `rule` until no pair is left, and emits those that remain, from left to
   * right.
   */
  merge(n: number, rule: MergeRule): void {
    this.#link(n);
    for (let i = 0; i < n; i++) this.#offer(i, n, rule);
    while (this.#mergeFirst(n, rule));
    for (let i = 0; i < n; ) i = this.#emit(i, rule);
  }

  /** The same in steps. */
  *mergeInSteps(n: number, rule: MergeRule): Steps {
    let done = 0;
    this.#link(n);
    for (let i = 0; i < n; i++) {
      this.#offer(i, n, rule);
      if (++done % stepLength === 0) yield;
    }
    while (this.#mergeFirst(n, rule)) if (++done % stepLength === 0) yield;
    for (let i = 0; i < n; ) {
      i = this.#emit(i, rule);
      if (++done % stepLength === 0) yield;
    }
  }

  #link(n: number): void {
    for (let i = 0; i < n; i++) {
      this.#next[i] = i + 1;
      this.#previous[i] = i - 1;
    }
  }

  /** Merges the pair whose turn it is, if there is one. */
  #mergeFirst(n: number, rule: MergeRule): boolean {
    const i = this.#firstPair(n, rule);
    if (i < 0) return false;
    const next = this.#next;
    const previous = this.#previous;
    const code = this.#codes[i]!;
    const right = next[i]!;
    this.symbols[i] = rule.symbol(code);
    this.#codes[right] = -1;
    next[i] = next[right]!;
    if (next[i]! < n) previous[next[i]!] = i;
    this.#offer(i, n, rule);
    if (previous[i]! >= 0) this.#offer(previous[i]!, n, rule);
    return true;
  }

  /** Emits the symbol at place i; returns the place of the next one. */
  #emit(i: number, rule: MergeRule): number {
    const next = this.#next[i]!;
    rule.emit(this.symbols[i]!, this.starts[i]!, this.starts[next]!);
    return next;
  }

  /** Where the pair that is merged next begins, -1: there is none. */
  #firstPair(n: number, rule: MergeRule): number {
    if (n <= scanned) return this.#scan(n, rule);
    for (;;) {
      const i = this.#queue.pop();
      if (i < 0) return -1;
      // An entry is stale when its pair has since become another pair, or none.
      const code = this.#codes[i]!;
      if (code >= 0 && rule.rank(code) === this.#queue.popped) return i;
    }
  }

  /** Looks at all pairs: in a short word that is faster than a queue. */
  #scan(n: number, rule: MergeRule): number {
    let [first, least] = [-1, Number.POSITIVE_INFINITY];
    for (let i = 0; i < n; i = this.#next[i]!) {
      const code = this.#codes[i]!;
      if (code < 0) continue;
      const rank = rule.rank(code);
      if (rank < least) [first, least] = [i, rank];
    }
    return first;
  }

  /** Looks up the pair that begins at place i, and queues it. */
  #offer(i: number, n: number, rule: MergeRule): void {
    const right = this.#next[i]!;
    this.#codes[i] = -1;
    if (right >= n) return;
    const end = this.starts[this.#next[right]!]!;
    const code = rule.pair(this.symbols[i]!, this.symbols[right]!, this.starts[i]!, end);
    this.#codes[i] = code;
    if (n > scanned && code >= 0) this.#queue.push(rule.rank(code), i);
  }
}

/** Places that are looked at in one step. */
const stepLength = 1024;

/** Symbols of a word up to which its room is kept for the next one. */
const shortWord = 4096;

/** Symbols of a word up to which the pairs are not queued. */
const scanned = 16;
