import { argumentError } from '../checks/options.js';
import { BitnetError } from '../errors.js';
import { checkGrammar, compileGrammar, grammarText } from '../native.js';
import type { NativeGrammar, NativeRules } from '../native-types.js';
import type { Tokenizer } from '../tokenizer/types.js';
import { GrammarConstraint } from './constraint.js';
import { encodeRules } from './encode-rules.js';
import type { Rules } from './expression.js';
import { parseGbnf } from './gbnf/parse-gbnf.js';
import { rulesOfSchema } from './schema/rules-of-schema.js';
import { schemaError } from './schema/schema-error.js';
import { tokenIdsOf } from './token-ids.js';
import { vocabularyOf } from './vocabulary.js';

/** What a generation's text must be; at most one of them. */
export interface GrammarOptions {
  readonly grammar?: string | undefined;
  readonly jsonSchema?: object | boolean | undefined;
}

/** A grammar that is known to be good, for texts of one tokenizer. */
export interface PreparedGrammar {
  /**
   * A text at its begin.
   *
   * @param vocabSize rows of the output head, of which the tokenizer may have no token
   */
  begin(vocabSize: number): Promise<GrammarConstraint>;
}

/**
 * Checks the grammar or schema of a generation; compiles it when the first text begins.
 *
 * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_GRAMMAR, ERR_BITNET_SCHEMA
 */
export function prepareGrammar(
  { grammar, jsonSchema }: GrammarOptions,
  tokenizer: Tokenizer,
): PreparedGrammar | undefined {
  if (grammar === undefined && jsonSchema === undefined) return undefined;
  if (grammar !== undefined && jsonSchema !== undefined) {
    throw new BitnetError(
      'ERR_BITNET_ARGUMENT',
      'Expected one of the options grammar and jsonSchema, but received both; leave one out.',
      { option: 'jsonSchema' },
    );
  }
  if (grammar !== undefined && typeof grammar !== 'string') {
    throw argumentError('a grammar in GBNF', 'option grammar', grammar);
  }
  if (grammar !== undefined) {
    return keptGrammar(tokenizer, `text ${grammar}`, () => checked(parseGbnf(grammar), tokenizer));
  }
  const json = jsonOf(jsonSchema);
  return keptGrammar(tokenizer, `schema ${json}`, () =>
    ofSchema(rulesOfSchema(JSON.parse(json)), tokenizer),
  );
}

/** Grammars that are kept for the next generation, for each tokenizer. */
const maxKept = 8;

const kept = new WeakMap<Tokenizer, Map<string, PreparedGrammar>>();

function keptGrammar(
  tokenizer: Tokenizer,
  key: string,
  make: () => PreparedGrammar,
): PreparedGrammar {
  const grammars = kept.get(tokenizer) ?? new Map<string, PreparedGrammar>();
  kept.set(tokenizer, grammars);
  const found = grammars.get(key) ?? make();
  grammars.delete(key); // to be the last one
  grammars.set(key, found);
  if (grammars.size > maxKept) grammars.delete(grammars.keys().next().value!);
  return found;
}

function jsonOf(schema: unknown): string {
  const isPlain = Object.prototype.toString.call(schema) === '[object Object]';
  if (typeof schema !== 'boolean' && !isPlain) {
    throw argumentError('a JSON schema (an object)', 'option jsonSchema', schema);
  }
  let json: string | undefined;
  try {
    json = JSON.stringify(schema);
  } catch (cause) {
    throw schemaError('', `something that can be written as JSON, but ${(cause as Error).message}`);
  }
  if (json !== undefined) return json;
  throw argumentError('a JSON schema (an object)', 'option jsonSchema', schema);
}

function ofSchema(rules: Rules, tokenizer: Tokenizer): PreparedGrammar {
  try {
    return checked(rules, tokenizer);
  } catch (error) {
    const reason = (error as Error).message.replace(/^Expected /, '').replace(/\.$/, '');
    throw isGrammarError(error) ? schemaError('', reason) : error;
  }
}

function isGrammarError(error: unknown): boolean {
  return error instanceof BitnetError && error.code === 'ERR_BITNET_GRAMMAR';
}

function checked(rules: Rules, tokenizer: Tokenizer): PreparedGrammar {
  const encoded: NativeRules = encodeRules(rules, tokenIdsOf(tokenizer));
  checkGrammar(tokenizer.vocabSize, encoded);
  let compiled: Promise<NativeGrammar> | undefined;
  return {
    async begin(vocabSize) {
      compiled ??= vocabularyOf(tokenizer).then((vocabulary) =>
        compileGrammar(vocabulary, encoded),
      );
      try {
        return new GrammarConstraint(grammarText(await compiled), tokenizer, vocabSize);
      } catch (error) {
        compiled = undefined; // memory may be there another time
        throw error;
      }
    },
  };
}
