import type { Decision } from '../decision.js';
import type { GgufStrings } from '../gguf/array.js';
import { maxEndTokens } from './limits.js';
import { idOf, idsOf, type VocabularyFile } from './metadata.js';

/** The tokens that the metadata names by their role. */
export interface SpecialIds {
  readonly bos: number | undefined;
  readonly eos: number | undefined;
  /** End of a turn. */
  readonly eot: number | undefined;
  /** End of a message that is not the end of the turn. */
  readonly eom: number | undefined;
  /** Every token that ends a text, where a file names more than one (`eos_token_ids`). */
  readonly ends: readonly number[];
  readonly unknown: number | undefined;
}

/** Entries whose tokens are never used here; an invalid id is noted all the same. */
const unused = [
  ...['padding', 'seperator', 'separator', 'cls', 'mask'],
  ...[
    'prefix',
    'suffix',
    'middle',
    'fim_pre',
    'fim_suf',
    'fim_mid',
    'fim_pad',
    'fim_rep',
    'fim_sep',
  ],
].map((name) => `${name}_token_id`);

/**
 * The special ids of a file, with the customary ones of its kind of vocabulary where it is silent. An
 * entry that names no token means that there is none, but a SentencePiece vocabulary always has one
 * for what it cannot express.
 */
export function specialIds(
  file: VocabularyFile,
  kind: 'bpe' | 'sentencepiece',
  tokens: GgufStrings,
  decisions: Decision[],
): SpecialIds {
  const named = (key: string, usual?: number, fallback?: number) =>
    idOf(file, key, tokens.length, { usual, fallback, used: true }, decisions);
  for (const key of unused) idOf(file, key, tokens.length, { used: false }, decisions);
  const customary = (id: number) =>
    id < tokens.length && looksSpecial(tokens.string(id)) ? id : undefined;
  const [bos, eos] = kind === 'bpe' ? [11, 11] : [1, 2];
  const unknown = kind === 'bpe' ? undefined : customary(0);
  return {
    bos: named('bos_token_id', customary(bos)),
    eos: named('eos_token_id', customary(eos)),
    eot: named('eot_token_id'),
    eom: named('eom_token_id'),
    ends: idsOf(file, 'eos_token_ids', tokens.length, maxEndTokens, decisions),
    unknown: named('unknown_token_id', unknown, unknown),
  };
}

/** Whether a token's text is of the form that only special tokens have, such as `<s>`. */
export function looksSpecial(text: string): boolean {
  return /^<[^\s<>]+>$/.test(text);
}
