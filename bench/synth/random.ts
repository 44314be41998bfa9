/**
 * Random 32-bit words for gigabytes of weights: xoshiro128++ (Blackman and Vigna 2019), seeded by splitmix32 from a seed, the name of
 * what is filled and the number of a piece of it, so that any piece of any tensor can be made without what is before it.
 * native/load/synthetic_source.cpp makes the same words.
 */
export class WeightRandom {
  readonly #state = new Uint32Array(4);

  constructor(seed: number, name: string, piece = 0) {
    let mixed = seed >>> 0;
    for (const character of name) mixed = Math.imul(mixed ^ character.codePointAt(0)!, 0x01000193);
    mixed = Math.imul(mixed ^ piece, 0x01000193);
    for (let i = 0; i < 4; i++) {
      mixed = (mixed + 0x9e3779b9) | 0;
      let word = mixed ^ (mixed >>> 16);
      word = Math.imul(word, 0x21f0aaad);
      word ^= word >>> 15;
      word = Math.imul(word, 0x735a2d97);
      this.#state[i] = word ^ (word >>> 15);
    }
  }

  /** Fills `words` with uniform random bits. */
  fill(words: Uint32Array): void {
    let [a, b, c, d] = this.#state as unknown as [number, number, number, number];
    for (let i = 0; i < words.length; i++) {
      const sum = (a + d) | 0;
      words[i] = (((sum << 7) | (sum >>> 25)) + a) | 0;
      const shifted = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= shifted;
      d = (d << 11) | (d >>> 21);
    }
    this.#state.set([a, b, c, d]);
  }
}
