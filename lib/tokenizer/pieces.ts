import { spelledBytes } from './byte-alphabet.js';
import { TokenKind } from './token-kind.js';
import type { Tokenizer } from './types.js';
import type { Vocabulary } from './vocabulary.js';

/** The bytes of each token, computed on first use. */
export class Pieces {
  readonly #vocabulary: Vocabulary;
  readonly #kind: Tokenizer['kind'];
  /** [vocabSize] */
  readonly #known: (Uint8Array | undefined)[];

  constructor(vocabulary: Vocabulary, kind: Tokenizer['kind']) {
    this.#vocabulary = vocabulary;
    this.#kind = kind;
    this.#known = new Array(vocabulary.size);
  }

  /**
   * The bytes of a token, not a copy. Control and unknown tokens have none, user-defined ones have
   * their text unchanged.
   *
   * @param special whether control and unknown tokens give their text instead
   */
  bytes(id: number, special = false): Uint8Array {
    const kind = this.#vocabulary.kinds[id];
    if (kind === TokenKind.control || kind === TokenKind.unknown) {
      return special ? this.#vocabulary.texts.bytes(id) : nothing;
    }
    this.#known[id] ??= this.#spell(id);
    return this.#known[id];
  }

  #spell(id: number): Uint8Array {
    const text = this.#vocabulary.texts.bytes(id);
    switch (this.#vocabulary.kinds[id]) {
      case TokenKind.userDefined:
        return text;
      case TokenKind.byte: // <0x0A>
        return Uint8Array.of(Number.parseInt(Buffer.from(text.subarray(3, 5)).toString(), 16));
      default:
        return this.#kind === 'bpe' ? spelledBytes(text) : spaced(text);
    }
  }
}

const nothing = new Uint8Array(0);

/** `text` with a space for every U+2581 (E2 96 81). */
function spaced(text: Uint8Array): Uint8Array {
  if (!text.includes(0x96)) return text;
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const isSpace = text[i] === 0xe2 && text[i + 1] === 0x96 && text[i + 2] === 0x81;
    bytes[length++] = isSpace ? 0x20 : text[i]!;
    if (isSpace) i += 2;
  }
  return bytes.subarray(0, length);
}
