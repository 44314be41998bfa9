import { quote } from '../../gguf/malformed.js';
import { TimeSlice } from '../../gguf/time-slice.js';
import { type JsonObject, kindOf } from '../../json/json-value.js';
import { TokenKind } from '../../tokenizer/token-kind.js';
import type { AddedToken } from './added-tokens.js';
import { mergesReachAll } from './merges-reach-all.js';
import { composes, normalizerSteps } from './normalizer.js';
import { endsOf } from './post-processor.js';
import { namesOf, type PreTokenizerNames } from './pre-tokenizer.js';
import { sizeOf, TokenSlots, type VocabularySize } from './token-slots.js';
import type { TokenizerJson } from './tokenizer-json.js';
import { notSupported, unfit } from './unfit.js';
import type { Vocabulary } from './vocabulary.js';

/** Tokens that other files add to those of a tokenizer.json. */
export interface OtherTokens {
  readonly path: string;
  readonly tokens: readonly AddedToken[];
}

/** The vocabulary of a tokenizer.json whose texts are bytes written as letters. */
export async function byteLevelVocabulary(
  json: TokenizerJson,
  steps: readonly JsonObject[],
  size: VocabularySize | undefined,
  others: readonly OtherTokens[],
): Promise<Vocabulary> {
  const { path } = json;
  checkModel(json);
  const names = namesOf(path, steps);
  const slots = await placeTokens(json, size, others);
  const merges = await checkedMerges(json);
  const pre = await preTokenizerName(json, names);
  const { texts, notes } = slots.fill();
  return {
    path,
    model: 'gpt2',
    pre,
    texts,
    kinds: slots.kinds,
    merges,
    ends: endsOf(path, json.postProcessor),
    notes: [`pre-tokenizer: ${pre}`, ...notes, ...normalizing(json)],
  };
}

/** What a model of byte pairs may be asked for beyond merging. */
export function checkModel({ path, model }: TokenizerJson): void {
  for (const key of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    const value = model[key] ?? '';
    if (value !== '') throw unfit(path, `model.${key}`, 'empty', kindOf(value), notSupported);
  }
  const dropout = model.dropout ?? 0;
  if (dropout !== 0) {
    throw unfit(path, 'model.dropout', 'null, so that a text has one encoding', kindOf(dropout));
  }
}

function normalizing({ path, normalizer }: TokenizerJson): string[] {
  const steps = normalizerSteps(path, normalizer);
  const other = steps.find((step) => step.type !== 'NFC');
  if (other !== undefined) {
    throw unfit(path, 'the normalizer', 'NFC or none', kindOf(other.type), notSupported);
  }
  return steps.length > 0 ? [composes] : [];
}

async function placeTokens(
  { path, vocab, addedTokens }: TokenizerJson,
  said: VocabularySize | undefined,
  others: readonly OtherTokens[],
): Promise<TokenSlots> {
  let most = -1;
  for (const id of vocab.values()) if (id > most) most = id;
  const added = [addedTokens, ...others.map(({ tokens }) => tokens)].flat();
  for (const { id } of added) if (id > most) most = id;
  const slots = new TokenSlots(sizeOf(path, said, most));
  const slice = new TimeSlice();
  for (const [text, id] of vocab) {
    slots.put(path, `token ${quote(text)}`, id, text, TokenKind.normal);
    if ((id & 255) === 0 && slice.due()) await slice.pause();
  }
  const ids = new Map<string, number>();
  const add = (from: string, token: AddedToken) => {
    const field = `added token ${quote(token.text)}`;
    const own = vocab.get(token.text) ?? ids.get(token.text);
    if (own !== undefined && own !== token.id) {
      throw unfit(from, `${field} id`, `${own}, as in model.vocab`, `${token.id}`);
    }
    slots.add(from, field, token);
    ids.set(token.text, token.id);
  };
  for (const token of addedTokens) add(path, token);
  for (const { path: from, tokens } of others) {
    for (const token of tokens) {
      // A tokenizer.json is complete: what others say against it is older.
      const own = ids.get(token.text) ?? vocab.get(token.text);
      const isNew = own === undefined && slots.texts[token.id] === undefined;
      if (isNew || own === token.id) add(from, token);
    }
  }
  return slots;
}

/** The merges as lines; each part and each result is a token. */
async function checkedMerges({ path, vocab, merges }: TokenizerJson): Promise<string[]> {
  const slice = new TimeSlice();
  const lines: string[] = [];
  for (const [rank, [left, right]] of merges.entries()) {
    for (const text of [left, right, left + right]) {
      if (vocab.has(text)) continue;
      throw unfit(path, `model.merges ${rank}`, 'of tokens', `${quote(text)}, which is none`);
    }
    lines.push(`${plain(left)} ${plain(right)}`);
    if ((rank & 255) === 0 && slice.due()) await slice.pause();
  }
  return lines;
}

/** A blank inside would end the first part. */
function plain(part: string): string {
  return part.replaceAll(' ', '\u0120');
}

/** The name under which words that are tokens are taken as this tokenizer takes them. */
async function preTokenizerName(json: TokenizerJson, names: PreTokenizerNames): Promise<string> {
  const asked = json.model.ignore_merges === true ? names.whole : names.merging;
  const usual = (names.usual ?? names.whole ?? names.merging)!;
  if (asked === usual) return usual;
  // Where the merges make every token of its letters, both names give the same.
  if (await mergesReachAll(json)) return usual;
  if (asked !== undefined) return asked;
  const whole = json.model.ignore_merges === true;
  const expected = `${!whole} with this pre_tokenizer`;
  throw unfit(json.path, 'model.ignore_merges', expected, `${whole}`, notSupported);
}
