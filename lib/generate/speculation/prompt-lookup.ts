import type { Drafter } from './drafter.js';

/** Fewer tokens in common are chance. */
const shortest = 3;
/** Longer ones are not told apart. */
const longest = 32;
/** So many earlier places are looked at, the last first. */
const mostPlaces = 16;

/**
 * Drafts what followed the last time that the text stood where it stands now: at the place that shares the most
 * tokens with its end, of equal ones the last. What is drafted may run on into itself, so that a text which
 * repeats is drafted without end.
 *
 * Places with the same last three tokens are linked, each to the one before, behind a table of hashes. All
 * memory is taken at once.
 */
export class PromptLookup implements Drafter {
  readonly #tokens: Int32Array;
  /** `[position]` the one before with the same hash of three tokens that end there; −1: none. */
  readonly #previous: Int32Array;
  /** The last position with a hash. */
  readonly #last: Int32Array;
  readonly #draft: number[] = [];
  #length = 0;

  /** @param contextLength the longest that a text can be */
  constructor(contextLength: number) {
    this.#tokens = new Int32Array(contextLength);
    this.#previous = new Int32Array(contextLength);
    this.#last = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(contextLength, 2)))).fill(-1);
  }

  /** @param tokens those of the call before, and more */
  draft(tokens: readonly number[], most: number): readonly number[] {
    this.#follow(tokens);
    this.#draft.length = 0;
    const place = this.#likestPlace();
    if (place === undefined) return this.#draft;
    for (let i = place + 1; this.#draft.length < most; i++) {
      this.#draft.push(i < this.#length ? this.#tokens[i]! : this.#draft[i - this.#length]!);
    }
    return this.#draft;
  }

  close(): void {}

  #follow(tokens: readonly number[]): void {
    const end = Math.min(tokens.length, this.#tokens.length);
    for (; this.#length < end; this.#length++) {
      const at = this.#length;
      this.#tokens[at] = tokens[at]!;
      if (at < shortest - 1) continue;
      const hash = this.#hash(at);
      this.#previous[at] = this.#last[hash]!;
      this.#last[hash] = at;
    }
  }

  /** The position behind which the draft begins. */
  #likestPlace(): number | undefined {
    const end = this.#length - 1;
    if (end < shortest) return undefined;
    let best: number | undefined;
    let most = shortest - 1;
    let place = this.#previous[end]!;
    for (let i = 0; i < mostPlaces && place >= 0 && most < longest; i++) {
      const common = this.#common(place, end);
      if (common > most) {
        best = place;
        most = common;
      }
      place = this.#previous[place]!;
    }
    return best;
  }

  /** How many tokens that end at the two positions are the same. */
  #common(place: number, end: number): number {
    let count = 0;
    while (
      count < longest &&
      count <= place &&
      this.#tokens[place - count] === this.#tokens[end - count]
    ) {
      count++;
    }
    return count;
  }

  /** Of the three tokens that end at a position. */
  #hash(at: number): number {
    const mixed =
      Math.imul(this.#tokens[at]!, 0x9e3779b1) ^
      Math.imul(this.#tokens[at - 1]!, 0x85ebca6b) ^
      Math.imul(this.#tokens[at - 2]!, 0xc2b2ae35);
    return (mixed ^ (mixed >>> 15)) & (this.#last.length - 1);
  }
}
