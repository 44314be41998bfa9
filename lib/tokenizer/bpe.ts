import type { TimeSlice } from '../gguf/time-slice.js';
import { byteCharacters } from './byte-alphabet.js';
import { faulty } from './faulty.js';
import { maxMerges, maxTokenBytes } from './limits.js';
import { type MergeRule, Merger } from './merge.js';
import { type MergeTable, readMerges } from './merge-table.js';
import { stringsOf, type VocabularyFile } from './metadata.js';
import type { PreTokenizer } from './pre-tokenizers.js';
import { splitInSteps } from './split-words.js';
import type { Steps } from './steps.js';
import type { TextEncoder } from './text-encoder.js';
import type { Vocabulary } from './vocabulary.js';

/**
 * Byte-level byte-pair encoding (`gpt2`): the text is split into words, a word into bytes, and the
 * pair of lowest rank is merged until none is left.
 */
export async function createBpe(
  file: VocabularyFile,
  vocabulary: Vocabulary,
  preTokenizer: PreTokenizer,
  slice: TimeSlice,
): Promise<TextEncoder> {
  const merges = stringsOf(file, 'merges', maxMerges);
  if (merges === undefined) {
    throw faulty(file, 'metadata "tokenizer.ggml.merges"', 'a list of merges', 'no such entry');
  }
  const table = await readMerges(merges, vocabulary.texts, file, slice);
  return new BytePairEncoder(vocabulary, table, preTokenizer);
}

class BytePairEncoder implements TextEncoder, MergeRule {
  readonly #vocabulary: Vocabulary;
  readonly #merges: MergeTable;
  readonly #preTokenizer: PreTokenizer;
  /** [256] symbol of each byte. It need not be a token: some vocabularies lack a few. */
  readonly #byteSymbols: Int32Array;
  readonly #merger: Merger;
  /**
   * [256 · 256] rank of each pair of bytes, or that it is not known yet. Half of all look-ups are
   * for these, and most scripts have few of them: the table of all merges is far larger than a cache.
   */
  readonly #bytePairs = new Int32Array(65536).fill(unknown);
  /** The bytes of the word at hand, and the same in the alphabet of the vocabulary. */
  #word = Buffer.alloc(shortWord);
  #spelled = new Uint8Array(maxTokenBytes + 1);
  #ids: number[] = [];

  constructor(vocabulary: Vocabulary, merges: MergeTable, preTokenizer: PreTokenizer) {
    this.#vocabulary = vocabulary;
    this.#merges = merges;
    this.#merger = new Merger(merges.length);
    this.#preTokenizer = preTokenizer;
    this.#byteSymbols = Int32Array.from(byteCharacters, (text) =>
      vocabulary.texts.findOrAdd(text, 0, text.length),
    );
  }

  fork(): TextEncoder {
    return new BytePairEncoder(this.#vocabulary, this.#merges, this.#preTokenizer);
  }

  *encode(text: string, _afterSpecial: boolean, ids: number[]): Steps {
    this.#ids = ids;
    yield* splitInSteps(
      text,
      this.#preTokenizer.split,
      (word) => this.#encodeWord(word),
      (word) => this.#encodeLongWord(word),
    );
    this.#ids = [];
    this.#merger.trim();
    if (this.#word.length > shortWord) this.#word = Buffer.alloc(shortWord);
  }

  #encodeWord(word: string): void {
    const n = this.#begin(word);
    if (n > 0) this.#merger.merge(n, this);
  }

  *#encodeLongWord(word: string): Steps {
    const n = this.#begin(word);
    if (n > 0) yield* this.#merger.mergeInSteps(n, this);
  }

  /** Sets up the merging of a word; returns how many bytes it has, 0 where it is done already. */
  #begin(word: string): number {
    const room = 3 * word.length; // UTF-8 has up to 3 bytes per UTF-16 unit
    if (room > this.#word.length) this.#word = Buffer.alloc(2 * room);
    const n = this.#word.write(word);
    if (this.#preTokenizer.ignoreMerges && this.#emitWhole(n)) return 0;
    const merger = this.#merger;
    merger.reserve(n);
    for (let i = 0; i < n; i++) {
      merger.symbols[i] = this.#byteSymbols[this.#word[i]!]!;
      merger.starts[i] = i;
    }
    merger.starts[n] = n;
    return n;
  }

  /** Emits the word's n bytes as one token, if there is one. */
  #emitWhole(n: number): boolean {
    let length = 0;
    for (let i = 0; i < n; i++) {
      const character = byteCharacters[this.#word[i]!]!;
      if (length + character.length > maxTokenBytes) return false;
      for (const byte of character) this.#spelled[length++] = byte;
    }
    const id = this.#vocabulary.texts.find(this.#spelled, 0, length);
    if (id < 0 || id >= this.#vocabulary.size) return false;
    this.#ids.push(id);
    return true;
  }

  pair(left: number, right: number, start: number, end: number): number {
    if (end - start > 2) return this.#merges.rank(left, right);
    const bytes = this.#word[start]! * 256 + this.#word[start + 1]!;
    if (this.#bytePairs[bytes] === unknown) {
      this.#bytePairs[bytes] = this.#merges.rank(left, right);
    }
    return this.#bytePairs[bytes]!;
  }

  rank(rank: number): number {
    return rank;
  }

  symbol(rank: number): number {
    return this.#merges.result(rank);
  }

  /** A symbol that is not a token is written byte by byte; a byte without a token as unknown, or not at all. */
  emit(symbol: number, start: number, end: number): void {
    const { size, unknown } = this.#vocabulary;
    if (symbol < size) {
      this.#ids.push(symbol);
      return;
    }
    for (let i = start; i < end; i++) {
      const id = this.#byteSymbols[this.#word[i]!]!;
      if (id < size) this.#ids.push(id);
      else if (unknown !== undefined) this.#ids.push(unknown);
    }
  }
}

/** Bytes of a word up to which its room is kept for the next one. */
const shortWord = 4096;

const unknown = -2;
