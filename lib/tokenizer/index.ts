export { createTokenizer } from './create-tokenizer.js';
export type {
  Decision,
  DecodeOptions,
  EncodeOptions,
  Tokenizer,
  TokenizerOptions,
} from './types.js';
