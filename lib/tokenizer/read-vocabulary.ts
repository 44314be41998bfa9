import { isUtf8 } from 'node:buffer';
import type { Decision } from '../decision.js';
import type { GgufNumbers, GgufStrings } from '../gguf/array.js';
import { quote } from '../gguf/malformed.js';
import type { TimeSlice } from '../gguf/time-slice.js';
import { faulty } from './faulty.js';
import { maxTokenBytes } from './limits.js';
import { numbersOf, type VocabularyFile } from './metadata.js';
import { isControl } from './quirks.js';
import type { SpecialIds } from './special-ids.js';
import type { SpecialToken } from './special-tokens.js';
import { TextTable } from './text-table.js';
import { lastKind, TokenKind } from './token-kind.js';
import type { Tokenizer } from './types.js';
import type { Vocabulary } from './vocabulary.js';

/**
 * Reads the tokens and what kind each is. Control, unknown and byte tokens are kept out of the
 * table that encoders search: no ordinary text can ever become one.
 */
export async function readVocabulary(
  file: VocabularyFile,
  tokens: GgufStrings,
  ids: SpecialIds,
  vocabularyKind: Tokenizer['kind'],
  slice: TimeSlice,
): Promise<Vocabulary> {
  const kinds = readKinds(file, tokens.length);
  const unmarksBytes = vocabularyKind === 'sentencepiece' && !kinds.includes(TokenKind.byte);
  let unmarkedBytes = 0;
  const texts = new TextTable(tokens.length, file);
  const byteTokens = new Int32Array(256).fill(-1);
  const specials: SpecialToken[] = [];
  const unmarked: SpecialToken[] = [];
  const text = Buffer.alloc(maxTokenBytes);
  for (let id = 0; id < tokens.length; id++) {
    if ((id & 255) === 0 && slice.due()) await slice.pause();
    const length = tokens.copy(id, text);
    if (length > maxTokenBytes) {
      throw faulty(file, `token ${id}`, `at most ${maxTokenBytes} bytes long`, `${length} bytes`);
    }
    if (isOrdinary(kinds[id]!) && text[0] === lessThan && isControl(id, tokens.string(id), ids)) {
      kinds[id] = TokenKind.control;
      unmarked.push({ id, text: tokens.string(id), control: true });
    }
    const isNormal = isOrdinary(kinds[id]!) && text[0] === lessThan;
    if (unmarksBytes && isNormal && byteText.test(tokens.string(id))) {
      kinds[id] = TokenKind.byte;
      unmarkedBytes++;
    }
    const kind = kinds[id]!;
    const control = kind === TokenKind.control || kind === TokenKind.unknown;
    const isByte = kind === TokenKind.byte;
    texts.add(text, 0, length, !control && !isByte && length > 0);
    if (isByte) byteTokens[byteOf(file, tokens, id)] = id;
    // A text that is not UTF-8 cannot occur in a string.
    const isSpecial = control || kind === TokenKind.userDefined;
    if (isSpecial && length > 0 && isUtf8(text.subarray(0, length))) {
      specials.push({ id, text: tokens.string(id), control });
    }
  }
  return {
    size: tokens.length,
    texts,
    kinds,
    byteTokens,
    specials,
    unmarked,
    unmarkedBytes,
    unknown: ids.unknown,
  };
}

/** `<0x00>` to `<0xFF>`. */
const byteText = /^<0x([0-9A-Fa-f]{2})>$/;

const lessThan = 0x3c; // what isControl looks for first, without making a string

function isOrdinary(kind: number): boolean {
  return kind === TokenKind.normal || kind === TokenKind.undefined;
}

function readKinds(file: VocabularyFile, tokens: number): Uint8Array {
  const kinds = new Uint8Array(tokens);
  const array = numbersOf(file, 'token_type', tokens);
  if (array === undefined) return kinds;
  for (let id = 0; id < tokens; id++) kinds[id] = kindOf(file, array, id);
  return kinds;
}

function kindOf(file: VocabularyFile, array: GgufNumbers, id: number): number {
  const kind = Number(array.values[id]);
  if (Number.isInteger(kind) && kind >= 0 && kind <= lastKind) return kind;
  throw faulty(file, `the type of token ${id}`, `from 0 to ${lastKind}`, String(kind));
}

/** The byte of a byte token, whose text is `<0x00>` to `<0xFF>`. */
function byteOf(file: VocabularyFile, tokens: GgufStrings, id: number): number {
  const text = tokens.string(id);
  const hex = byteText.exec(text)?.[1];
  if (hex !== undefined) return Number.parseInt(hex, 16);
  throw faulty(file, `byte token ${id}`, 'of the form "<0x0A>"', quote(text));
}

/**
 * The scores of SentencePiece tokens: [vocabSize], none of them NaN. A file without any has its tokens in
 * the order of their scores, as SentencePiece itself numbers them.
 */
export function readScores(
  file: VocabularyFile,
  tokens: number,
  decisions: Decision[],
): Float32Array {
  const array = numbersOf(file, 'scores', tokens);
  if (array === undefined) {
    const choice = 'by the order of ids';
    const reason = 'the file has none, and SentencePiece numbers tokens from the best score down';
    decisions.push({ subject: 'token scores', choice, reason, warning: true });
    return Float32Array.from({ length: tokens }, (_, id) => -id);
  }
  const scores = new Float32Array(tokens);
  for (let id = 0; id < tokens; id++) {
    scores[id] = Number(array.values[id]);
    if (Number.isNaN(scores[id])) throw faulty(file, `the score of token ${id}`, 'a number', 'NaN');
  }
  return scores;
}
