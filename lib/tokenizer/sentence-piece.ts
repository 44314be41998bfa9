import { type MergeRule, Merger } from './merge.js';
import type { Steps } from './steps.js';
import type { TextEncoder } from './text-encoder.js';
import type { Vocabulary } from './vocabulary.js';

/**
 * SentencePiece encoding (`llama`): spaces become U+2581, and of all adjacent pairs that together
 * are a token, the one of highest score is merged until none is left.
 *
 * @param scores [vocabSize]
 * @param addSpacePrefix whether a text that begins the input or follows a special token gets a space
 */
export function createSentencePiece(
  vocabulary: Vocabulary,
  scores: Float32Array,
  addSpacePrefix: boolean,
): TextEncoder {
  return new SentencePieceEncoder(vocabulary, ranksOf(scores), addSpacePrefix);
}

class SentencePieceEncoder implements TextEncoder, MergeRule {
  readonly #vocabulary: Vocabulary;
  /** [vocabSize] 0 for the highest score, 1 for the next, …; equal scores have equal ranks. */
  readonly #ranks: Int32Array;
  readonly #merger: Merger;
  readonly #addSpacePrefix: boolean;
  #text: Uint8Array = new Uint8Array(0);
  #ids: number[] = [];

  constructor(vocabulary: Vocabulary, ranks: Int32Array, addSpacePrefix: boolean) {
    this.#vocabulary = vocabulary;
    this.#ranks = ranks;
    this.#merger = new Merger(ranks.length);
    this.#addSpacePrefix = addSpacePrefix;
  }

  fork(): TextEncoder {
    return new SentencePieceEncoder(this.#vocabulary, this.#ranks, this.#addSpacePrefix);
  }

  *encode(text: string, afterSpecial: boolean, ids: number[]): Steps {
    const prefix = this.#addSpacePrefix && afterSpecial ? ' ' : '';
    this.#text = Buffer.from((prefix + text).replaceAll(' ', '\u2581'));
    this.#ids = ids;
    const merger = this.#merger;
    merger.reserve(this.#text.length);
    let n = 0;
    for (let i = 0; i < this.#text.length; n++) {
      const end = i + utf8Length(this.#text[i]!);
      merger.symbols[n] = this.#vocabulary.texts.find(this.#text, i, end);
      merger.starts[n] = i;
      i = end;
      if (n % stepLength === stepLength - 1) yield;
    }
    merger.starts[n] = this.#text.length;
    if (n <= stepLength) merger.merge(n, this);
    else yield* merger.mergeInSteps(n, this);
    merger.trim();
    this.#text = new Uint8Array(0);
    this.#ids = [];
  }

  pair(_left: number, _right: number, start: number, end: number): number {
    return this.#vocabulary.texts.find(this.#text, start, end);
  }

  rank(token: number): number {
    return this.#ranks[token]!;
  }

  symbol(token: number): number {
    return token;
  }

  /** A character that is not a token is written byte by byte; a byte without a token as unknown, or not at all. */
  emit(token: number, start: number, end: number): void {
    if (token >= 0) {
      this.#ids.push(token);
      return;
    }
    for (let i = start; i < end; i++) {
      const id = this.#vocabulary.byteTokens[this.#text[i]!]!;
      if (id >= 0) this.#ids.push(id);
      else if (this.#vocabulary.unknown !== undefined) this.#ids.push(this.#vocabulary.unknown);
    }
  }
}

/** Characters that are looked at in one step. */
const stepLength = 1024;

function ranksOf(scores: Float32Array): Int32Array {
  const ranks = new Map<number, number>();
  const rising = scores.slice().sort();
  for (let i = rising.length - 1; i >= 0; i--) {
    if (!ranks.has(rising[i]!)) ranks.set(rising[i]!, ranks.size);
  }
  return Int32Array.from(scores, (score) => ranks.get(score)!);
}

function utf8Length(first: number): number {
  if (first < 0x80) return 1;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}
