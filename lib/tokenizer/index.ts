export { createTokenizer } from './create-tokenizer.js';
export type {
  DecodeOptions,
  EncodeOptions,
  Tokenizer,
  TokenizerOptions,
} from './types.js';
