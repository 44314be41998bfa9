import type { SpecialToken } from './special-tokens.js';
import type { TextTable } from './text-table.js';

/** The tokens of a file, checked. */
export interface Vocabulary {
  readonly size: number;
  /** The first `size` are the tokens' texts; an encoder may add more. */
  readonly texts: TextTable;
  /** [size] see `TokenKind`. */
  readonly kinds: Uint8Array;
  /** [256] token of each byte in a SentencePiece vocabulary, -1 where there is none. */
  readonly byteTokens: Int32Array;
  /** Control, unknown and user-defined tokens, by id. */
  readonly specials: readonly SpecialToken[];
  /** Control tokens that the file marks as ordinary text. */
  readonly unmarked: readonly SpecialToken[];
  /** Byte tokens that the file marks as ordinary text, if it does so with all of them: how many. */
  readonly unmarkedBytes: number;
  /** Stands for what the vocabulary cannot express. */
  readonly unknown: number | undefined;
}
