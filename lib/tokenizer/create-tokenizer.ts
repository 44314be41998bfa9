import { nearest } from '../checks/options.js';
import type { Decision } from '../decision.js';
import type { GgufStrings } from '../gguf/array.js';
import { quote } from '../gguf/malformed.js';
import { TimeSlice } from '../gguf/time-slice.js';
import { createBpe } from './bpe.js';
import { endOfGeneration } from './end-of-generation.js';
import { faulty } from './faulty.js';
import { maxMerges, maxTokens } from './limits.js';
import { flagOf, stringsOf, textOf, type VocabularyFile } from './metadata.js';
import { type PreTokenizer, preTokenizers } from './pre-tokenizers.js';
import {
  extraStopTokens,
  missingPreTokenizer,
  unmarkedByteTokens,
  unmarkedControl,
} from './quirks.js';
import { readScores, readVocabulary } from './read-vocabulary.js';
import { createSentencePiece } from './sentence-piece.js';
import { specialIds } from './special-ids.js';
import { SpecialTokens } from './special-tokens.js';
import type { TextEncoder } from './text-encoder.js';
import type { Tokenizer, TokenizerOptions } from './types.js';
import type { Vocabulary } from './vocabulary.js';
import { VocabularyTokenizer } from './vocabulary-tokenizer.js';

/**
 * The tokenizer of a GGUF file: byte-level BPE (`gpt2`) or SentencePiece (`llama`). Everything in
 * the file is checked, and the event loop is never held for more than a few milliseconds.
 *
 * @throws ERR_BITNET_TOKENIZER when the vocabulary is faulty or of a kind that is not supported
 */
export async function createTokenizer(
  file: VocabularyFile,
  options: TokenizerOptions = {},
): Promise<Tokenizer> {
  const slice = new TimeSlice();
  const kind = vocabularyKind(file);
  const tokens = stringsOf(file, 'tokens', maxTokens);
  if (tokens === undefined || tokens.length === 0) {
    throw faulty(file, 'metadata "tokenizer.ggml.tokens"', 'a list of tokens', 'none');
  }
  const decisions: Decision[] = [];
  const ids = specialIds(file, kind, tokens, decisions);
  const vocabulary = await readVocabulary(file, tokens, ids, kind, slice);
  const scheme =
    kind === 'bpe'
      ? await bytePairScheme(file, tokens, vocabulary, options, slice)
      : sentencePieceScheme(file, vocabulary, options);
  const end = endOfGeneration(vocabulary, ids);
  return new VocabularyTokenizer({
    kind,
    vocabulary,
    ids,
    ...scheme,
    specials: new SpecialTokens(vocabulary.specials, file),
    addBos: flagOf(file, 'add_bos_token', scheme.addBos, decisions),
    addEos: flagOf(file, 'add_eos_token', false, decisions),
    endOfGeneration: end,
    decisions: [
      ...scheme.decisions,
      ...decisions,
      ...unmarkedControl(vocabulary),
      ...unmarkedByteTokens(vocabulary),
      ...extraStopTokens(end, ids, vocabulary),
    ],
  });
}

function vocabularyKind(file: VocabularyFile): Tokenizer['kind'] {
  const model = textOf(file, 'model');
  if (model === 'gpt2') return 'bpe';
  if (model === 'llama') return 'sentencepiece';
  const expected = '"gpt2" (byte-level BPE) or "llama" (SentencePiece)';
  const name = otherKinds.get(model ?? '');
  const found = model === undefined ? 'no such entry' : quote(model) + (name ? ` (${name})` : '');
  const advice = 'other kinds of vocabulary are not supported';
  throw faulty(file, 'metadata "tokenizer.ggml.model"', expected, found, advice);
}

/** Other values of `tokenizer.ggml.model`, and what they mean. */
const otherKinds: ReadonlyMap<string, string> = new Map([
  ['bert', 'WordPiece'],
  ['t5', 'Unigram'],
  ['rwkv', 'RWKV'],
  ['plamo2', 'PLaMo 2'],
  ['gemma4', 'BPE over whole texts'],
  ['hybriddna', 'DNA'],
  ['whitespace', 'BPE without spaces'],
  ['no_vocab', 'none'],
  ['none', 'none'],
]);

/** What differs between the two kinds of vocabulary. */
interface Scheme {
  readonly encoder: TextEncoder;
  readonly preTokenizer?: string;
  readonly addBos: boolean;
  readonly addSpacePrefix: boolean;
  readonly decisions: readonly Decision[];
}

async function bytePairScheme(
  file: VocabularyFile,
  tokens: GgufStrings,
  vocabulary: Vocabulary,
  options: TokenizerOptions,
  slice: TimeSlice,
): Promise<Scheme> {
  const { name, decisions } = chosenPreTokenizer(file, tokens, options);
  const preTokenizer = knownPreTokenizer(file, name);
  const encoder = await createBpe(file, vocabulary, preTokenizer, slice);
  const { addBos } = preTokenizer;
  return { encoder, preTokenizer: name, addBos, addSpacePrefix: false, decisions };
}

/** By the caller, else by the file, else by the vocabulary. */
function chosenPreTokenizer(
  file: VocabularyFile,
  tokens: GgufStrings,
  { preTokenizer }: TokenizerOptions,
): { name: string; decisions: Decision[] } {
  if (preTokenizer !== undefined) {
    const reason = 'asked for by the caller';
    const decision = { subject: 'pre-tokenizer', choice: preTokenizer, reason };
    return { name: preTokenizer, decisions: [decision] };
  }
  const named = file.metadata.get('tokenizer.ggml.pre') ?? '';
  if (typeof named === 'string' && named !== '') return { name: named, decisions: [] };
  const merges = stringsOf(file, 'merges', maxMerges)?.length ?? 0;
  const decision = missingPreTokenizer(tokens, merges);
  return { name: decision.choice, decisions: [decision] };
}

function knownPreTokenizer(file: VocabularyFile, name: string): PreTokenizer {
  const preTokenizer = preTokenizers.get(name);
  if (preTokenizer !== undefined) return preTokenizer;
  const near = nearest(name, [...preTokenizers.keys()]);
  const expected = near ? `a known one, such as ${near}` : 'a known one';
  const advice =
    'choose the one that splits alike (docs/models.md lists them; option preTokenizer)';
  throw faulty(file, 'the pre-tokenizer', expected, quote(name), advice);
}

function sentencePieceScheme(
  file: VocabularyFile,
  vocabulary: Vocabulary,
  options: TokenizerOptions,
): Scheme {
  if (options.preTokenizer !== undefined) {
    const found = quote(String(options.preTokenizer));
    const advice = 'leave out the option preTokenizer';
    throw faulty(
      file,
      'the pre-tokenizer',
      'none (the vocabulary is SentencePiece)',
      found,
      advice,
    );
  }
  const decisions: Decision[] = [];
  const addSpacePrefix = flagOf(file, 'add_space_prefix', true, decisions);
  const scores = readScores(file, vocabulary.size, decisions);
  const encoder = createSentencePiece(vocabulary, scores, addSpacePrefix);
  return { encoder, addBos: true, addSpacePrefix, decisions };
}
