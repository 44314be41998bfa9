import { received } from '../checks/options.js';
import { BitnetError } from '../errors.js';
import type { Tokenizer } from '../tokenizer/types.js';

/** The id of a token that a grammar names. */
export type TokenIds = (token: number | string) => number;

/** @throws ERR_BITNET_GRAMMAR when there is no such token, or it ends the text */
export function tokenIdsOf(tokenizer: Tokenizer): TokenIds {
  return (token) => {
    const id = typeof token === 'number' ? token : idOf(tokenizer, token);
    const name = typeof token === 'number' ? `<[${token}]>` : token;
    if (id === undefined || id >= tokenizer.vocabSize) {
      throw new BitnetError(
        'ERR_BITNET_GRAMMAR',
        `Expected tokens of this model in the grammar, but ${received(name)} is none${typeof token === 'number' ? ` (there are ${tokenizer.vocabSize})` : ''}; \`bitnet tokenize\` shows the tokens of a text.`,
      );
    }
    if (!tokenizer.endOfGeneration.has(id)) return id;
    throw new BitnetError(
      'ERR_BITNET_GRAMMAR',
      `Expected tokens that belong to the text in the grammar, but ${received(name)} ends it; leave it out: the model ends its text where the grammar is fulfilled.`,
    );
  };
}

function idOf(tokenizer: Tokenizer, text: string): number | undefined {
  const control = tokenizer.controlTokens.get(text);
  if (control !== undefined) return control;
  const ids = tokenizer.encode(text, { parseSpecial: true, continues: true });
  return ids.length === 1 ? ids[0] : undefined;
}
