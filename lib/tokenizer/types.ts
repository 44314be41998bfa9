import type { Decision } from '../decision.js';
import type { Steps } from './steps.js';

export interface TokenizerOptions {
  /** Name of the pre-tokenizer to use instead of the one in the file; byte-level BPE only. */
  readonly preTokenizer?: string | undefined;
}

export interface EncodeOptions {
  /**
   * Put the begin and end tokens where the model wants them, never a begin token twice.
   * @default false
   */
  readonly addSpecial?: boolean | undefined;
  /**
   * Read the text of a control token, such as `<|eot_id|>`, as that token. Never for text that
   * others wrote: they could end the turn and speak for the model.
   * @default false
   */
  readonly parseSpecial?: boolean | undefined;
  /**
   * The text goes on where another one ended: no space is put before it.
   * @default false
   */
  readonly continues?: boolean | undefined;
}

export interface DecodeOptions {
  /**
   * Write control tokens as their text instead of leaving them out.
   * @default false
   */
  readonly special?: boolean | undefined;
}

/** Turns text into token ids and back, exactly as the model's vocabulary defines it. */
export interface Tokenizer {
  readonly kind: 'bpe' | 'sentencepiece';
  /** Name of the pre-tokenizer in use; byte-level BPE only. */
  readonly preTokenizer?: string;
  /** Number of tokens; ids are 0 to vocabSize − 1. */
  readonly vocabSize: number;
  readonly bos?: number;
  readonly eos?: number;
  /** Whether the model wants `bos` before a text. */
  readonly addBos: boolean;
  /** Whether the model wants `eos` after a text. */
  readonly addEos: boolean;
  /** Whether texts are encoded with a space before them, which decoding takes away again. */
  readonly addSpacePrefix: boolean;
  /** The tokens after which a generation stops. */
  readonly endOfGeneration: ReadonlySet<number>;
  readonly decisions: readonly Decision[];
  /** The control tokens by their text. */
  readonly controlTokens: ReadonlyMap<string, number>;

  /**
   * @param text up to 2,097,152 UTF-16 units; lone surrogates are read as U+FFFD
   * @throws ERR_BITNET_ARGUMENT
   */
  encode(text: string, options?: EncodeOptions): number[];
  /** @internal The same in steps, between which other texts may be encoded. */
  encodeInSteps?(text: string, options?: EncodeOptions): Steps<number[]>;
  /**
   * Exactly the text that was encoded: nothing is tidied up. Bytes that are not UTF-8 become U+FFFD,
   * and in a SentencePiece vocabulary U+2581, with which it writes spaces, becomes a space.
   * @throws ERR_BITNET_ARGUMENT when an id is not in the vocabulary
   */
  decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** `text` cut at control tokens: their ids, and the non-empty texts between. */
  splitControl(text: string): (string | number)[];
  /** The bytes of a token, not necessarily whole characters; none for a control token. */
  tokenBytes(id: number): Uint8Array;
  /** The vocabulary entry as stored in the file, for display. */
  tokenText(id: number): string;
}
