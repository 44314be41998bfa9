/** What a token is; the numbers are those of `tokenizer.ggml.token_type`. */
export const TokenKind = {
  /** Not said; read as normal. */
  undefined: 0,
  normal: 1,
  /** Stands for text that the vocabulary cannot express. */
  unknown: 2,
  /** Structure, such as the end of a turn: no text of its own. */
  control: 3,
  /** Literal text that is always one token. */
  userDefined: 4,
  unused: 5,
  /** One byte, in SentencePiece vocabularies: `<0x0A>`. */
  byte: 6,
} as const;

/** Highest number of a kind. */
export const lastKind = 6;
