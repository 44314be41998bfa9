/** A vocabulary in the terms of a model file, without the ids of special tokens. */
export interface Vocabulary {
  /** The file it comes from, for errors. */
  readonly path: string;
  /** `tokenizer.ggml.model` */
  readonly model: 'gpt2' | 'llama';
  /** `tokenizer.ggml.pre`; byte-level only. */
  readonly pre?: string;
  readonly texts: readonly string[];
  /** [texts.length] see `TokenKind`. */
  readonly kinds: Uint8Array;
  /** [texts.length] SentencePiece only. */
  readonly scores?: Float32Array;
  /** "left right" each, by rank; byte-level only. */
  readonly merges?: readonly string[];
  /** SentencePiece only. */
  readonly addSpacePrefix?: boolean;
  readonly ends: TextEnds;
  readonly notes: readonly string[];
}

/** What the tokenizer itself says of the tokens around a text; other files may say more. */
export interface TextEnds {
  /** Text of the token before every text; null: there is none, undefined: it does not say. */
  readonly first?: string | null;
  /** Text of the token behind every text, likewise. */
  readonly last?: string | null;
  readonly ids?: { readonly [role in 'bos' | 'eos' | 'unk' | 'pad']?: number };
}
