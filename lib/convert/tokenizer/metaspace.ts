import { quote } from '../../gguf/malformed.js';
import { TimeSlice } from '../../gguf/time-slice.js';
import { isObject, type JsonObject, kindOf } from '../../json/json-value.js';
import { TokenKind } from '../../tokenizer/token-kind.js';
import { checkModel } from './byte-level.js';
import { composes, normalizerSteps } from './normalizer.js';
import type { Piece, SentencePieceModel } from './sentence-piece-model.js';
import type { TokenizerJson } from './tokenizer-json.js';
import { notSupported, unfit } from './unfit.js';

/**
 * A tokenizer.json that was made of a SentencePiece model, as that model: its merges are in the order
 * of the scores, and each token has a merge for every pair of tokens that it can be cut into.
 */
export async function metaspaceModel(
  json: TokenizerJson,
  steps: readonly JsonObject[],
): Promise<SentencePieceModel & { readonly notes: readonly string[] }> {
  checkModel(json);
  if (json.model.ignore_merges === true) {
    throw unfit(json.path, 'model.ignore_merges', 'false with Metaspace', 'true', notSupported);
  }
  const normalizer = readNormalizer(json);
  const cut = readCut(json, steps);
  const { pieces, notes } = await scoredPieces(json, cut.splits);
  return {
    pieces,
    addSpacePrefix: normalizer.addSpacePrefix || cut.addSpacePrefix,
    normalizes: [],
    ids: {},
    notes: [...normalizer.notes, ...notes],
  };
}

const metaspace = '\u2581';

function readNormalizer({ path, normalizer }: TokenizerJson) {
  const notes: string[] = [];
  let addSpacePrefix = false;
  for (const step of normalizerSteps(path, normalizer)) {
    const replaces = isObject(step.pattern) && step.pattern.String === ' ';
    if (step.type === 'Prepend' && step.prepend === metaspace) addSpacePrefix = true;
    else if (step.type === 'NFC') notes.push(composes);
    else if (step.type !== 'Replace' || !replaces || step.content !== metaspace) {
      const expected = 'one that writes spaces as U+2581';
      throw unfit(path, 'the normalizer', expected, kindOf(step.type), notSupported);
    }
  }
  return { addSpacePrefix, notes };
}

function readCut({ path }: TokenizerJson, steps: readonly JsonObject[]) {
  let [addSpacePrefix, splits] = [false, false];
  for (const step of steps) {
    const atSpaces = step.type === 'Split' && isObject(step.pattern) && step.pattern.String === ' ';
    // Where the normalizer has replaced all spaces, a cut at them is none.
    if (atSpaces) continue;
    if (step.type !== 'Metaspace' || (step.replacement ?? metaspace) !== metaspace) {
      throw unfit(path, 'the pre_tokenizer', 'Metaspace', kindOf(step.type), notSupported);
    }
    const scheme = step.prepend_scheme ?? (step.add_prefix_space === false ? 'never' : 'always');
    addSpacePrefix = scheme !== 'never';
    splits = step.split !== false;
  }
  return { addSpacePrefix, splits };
}

/** Each token with the score of the merge that makes it. */
async function scoredPieces(json: TokenizerJson, splits: boolean) {
  const { path, vocab, merges, model, addedTokens } = json;
  const slice = new TimeSlice();
  const { ranks, pairs } = await readMerges(json);
  const added = new Set(addedTokens.map(({ text }) => text));
  const pieces: (Piece | undefined)[] = [];
  let [unlike, example] = [0, ''];
  for (const [text, id] of vocab) {
    if (slice.due()) await slice.pause();
    const there = pieces[id];
    if (there !== undefined) {
      const found = `${id}, as of ${quote(there.text)}`;
      throw unfit(path, `token ${quote(text)} id`, 'that of no other token', found);
    }
    const kind = kindOfPiece(text, model);
    pieces[id] = { text, kind, score: -(ranks.get(text) ?? merges.length) };
    if (kind !== TokenKind.normal || added.has(text)) continue;
    const crosses = splits && text.lastIndexOf(metaspace) > 0;
    if (!crosses && !lacksPair(text, vocab, pairs)) continue;
    if (unlike++ === 0) example = text;
  }
  const note = `merges: ${unlike} tokens, such as ${quote(example)}, are not made here in the order of this tokenizer.json, so some texts become other tokens`;
  return { pieces, notes: unlike > 0 ? [note] : [] };
}

/** The first merge that makes each token, and which pairs are merged at all. */
async function readMerges({ path, vocab, merges }: TokenizerJson) {
  const slice = new TimeSlice();
  const ranks = new Map<string, number>();
  const pairs = new Set<string>();
  for (const [rank, [left, right]] of merges.entries()) {
    const result = left + right;
    for (const text of [left, right, result]) {
      if (vocab.has(text)) continue;
      throw unfit(path, `model.merges ${rank}`, 'of tokens', `${quote(text)}, which is none`);
    }
    if (!ranks.has(result)) ranks.set(result, rank);
    pairs.add(`${left} ${right}`);
    if ((rank & 255) === 0 && slice.due()) await slice.pause();
  }
  return { ranks, pairs };
}

function kindOfPiece(text: string, { byte_fallback, unk_token }: JsonObject): number {
  if (text === unk_token) return TokenKind.unknown;
  const isByte = byte_fallback === true && /^<0x[0-9A-Fa-f]{2}>$/.test(text);
  return isByte ? TokenKind.byte : TokenKind.normal;
}

/** Whether two tokens together are this one, and no merge says so: the engine would merge them. */
function lacksPair(
  text: string,
  vocab: ReadonlyMap<string, number>,
  pairs: ReadonlySet<string>,
): boolean {
  for (let cut = 1; cut < Math.min(text.length, longest); cut++) {
    const [left, right] = [text.slice(0, cut), text.slice(cut)];
    if (vocab.has(left) && vocab.has(right) && !pairs.has(`${left} ${right}`)) return true;
  }
  return false;
}

/** Where a token may be cut: the time grows with the square, and longer ones are lines of signs. */
const longest = 64;
