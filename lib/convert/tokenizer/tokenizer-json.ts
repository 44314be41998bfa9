import { quote } from '../../gguf/malformed.js';
import type { JsonCursor } from '../../json/json-cursor.js';
import { isArray, type JsonObject, type JsonValue, kindOf } from '../../json/json-value.js';
import { maxMerges, maxTokenBytes, maxTokens } from '../../tokenizer/limits.js';
import { type AddedToken, addedToken } from './added-tokens.js';
import { jsonOf } from './read-files.js';
import { notSupported, unfit } from './unfit.js';

/** What a tokenizer.json says. */
export interface TokenizerJson {
  readonly path: string;
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer: JsonValue;
  readonly preTokenizer: JsonValue;
  readonly postProcessor: JsonValue;
  readonly decoder: JsonValue;
  /** The members of `model` but for the next two. */
  readonly model: JsonObject;
  /** Ids by text. */
  readonly vocab: ReadonlyMap<string, number>;
  /** In the order of their rank. */
  readonly merges: readonly Merge[];
}

export type Merge = readonly [left: string, right: string];

/**
 * Reads a tokenizer.json with a model of byte pairs. The event loop is held for some 10 ms per 10 MB,
 * to decode the text.
 *
 * @throws ERR_BITNET_TOKENIZER
 */
export async function readTokenizerJson(path: string, bytes: Buffer): Promise<TokenizerJson> {
  const json = jsonOf(path, bytes);
  const found: Record<string, JsonValue> = Object.create(null);
  let model: Model | undefined;
  for (const key of json.members()) {
    if (key === 'model') model = await readModel(json, path);
    else if (read.has(key)) found[key] = await json.value();
    else await json.skip();
    json.subject = 'the JSON';
  }
  json.end();
  if (model === undefined) throw unfit(path, 'model', 'an object', 'nothing');
  const added = found.added_tokens ?? null;
  if (added !== null && !isArray(added)) {
    throw unfit(path, 'added_tokens', 'a list', kindOf(added));
  }
  return {
    path,
    ...model,
    addedTokens: (added ?? []).map((token, i) => addedToken(path, `added_tokens ${i}`, token)),
    normalizer: found.normalizer ?? null,
    preTokenizer: found.pre_tokenizer ?? null,
    postProcessor: found.post_processor ?? null,
    decoder: found.decoder ?? null,
  };
}

const read: ReadonlySet<string> = new Set([
  'added_tokens',
  'normalizer',
  'pre_tokenizer',
  'post_processor',
  'decoder',
]);

type Model = Pick<TokenizerJson, 'model' | 'vocab' | 'merges'>;

async function readModel(json: JsonCursor, path: string): Promise<Model> {
  const model: Record<string, JsonValue> = Object.create(null);
  let vocab: Map<string, number> | undefined;
  let merges: Merge[] = [];
  for (const key of json.members()) {
    json.subject = `model.${key}`;
    if (key === 'vocab' && json.begins('{')) vocab = await readVocab(json);
    else if (key === 'merges') merges = await readMerges(json);
    else if (key === 'vocab') throw onlyBpe(path, 'a list of tokens, as of Unigram');
    else model[key] = await json.value();
    if (key === 'type' && model.type !== 'BPE') throw onlyBpe(path, kindOf(model.type));
    json.subject = 'model';
  }
  if (vocab === undefined) throw unfit(path, 'model.vocab', 'an object', 'nothing');
  return { model, vocab, merges };
}

/** Tokens or merges that take no time to speak of. */
const stride = 256;

function onlyBpe(path: string, found: string) {
  return unfit(path, 'the model', 'of type "BPE"', found, notSupported);
}

async function readVocab(json: JsonCursor): Promise<Map<string, number>> {
  const vocab = new Map<string, number>();
  for (const text of json.members()) {
    if (Buffer.byteLength(text) > maxTokenBytes) {
      const length = `${Buffer.byteLength(text)} bytes`;
      throw json.fail(quote(text), `at most ${maxTokenBytes} bytes long`, length);
    }
    const id = json.integer(quote(text));
    if (id >= maxTokens) throw json.fail(quote(text), `below ${maxTokens}`, `${id}`);
    vocab.set(text, id);
    if (vocab.size % stride === 0) await json.pause();
  }
  return vocab;
}

/** Either `"left right"` or `["left", "right"]`. */
async function readMerges(json: JsonCursor): Promise<Merge[]> {
  const merges: Merge[] = [];
  for (const _ of json.elements()) {
    const rank = merges.length;
    if (rank === maxMerges) throw json.fail('', `at most ${maxMerges}`, 'more');
    const parts = json.begins('[') ? readPair(json) : json.string().split(' ');
    const [left, right] = parts;
    if (parts.length !== 2 || !left || !right) {
      throw json.fail(`${rank}`, 'two texts', parts.map(quote).join(' ').slice(0, 200));
    }
    merges.push([left, right]);
    if (merges.length % stride === 0) await json.pause();
  }
  return merges;
}

/** Three parts are as wrong as more. */
function readPair(json: JsonCursor): string[] {
  const parts: string[] = [];
  for (const _ of json.elements()) {
    parts.push(json.string());
    if (parts.length > 2) break;
  }
  return parts;
}
