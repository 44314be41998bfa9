import { join } from 'node:path';
import { BitnetError } from '../../errors.js';
import { isObject, type JsonObject, kindOf } from '../../json/json-value.js';
import { maxTokens } from '../../tokenizer/limits.js';
import { decoderTokens, listedTokens } from './added-tokens.js';
import { byteLevelVocabulary, type OtherTokens } from './byte-level.js';
import { chatTemplates, unusable } from './chat-templates.js';
import { maxModelBytes, maxTokenizerBytes } from './limits.js';
import { type TokenizerEntries, tokenizerMetadata } from './metadata.js';
import { metaspaceModel } from './metaspace.js';
import { endsOf } from './post-processor.js';
import { stepsOf } from './pre-tokenizer.js';
import { readFile, readSettings } from './read-files.js';
import { selfCheck } from './self-check.js';
import { sentencePieceVocabulary } from './sentence-piece.js';
import { readSentencePieceModel } from './sentence-piece-model.js';
import { type Settings, specialTokenIds } from './special-ids.js';
import type { VocabularySize } from './token-slots.js';
import { readTokenizerJson, type TokenizerJson } from './tokenizer-json.js';
import { notSupported, unfit } from './unfit.js';
import type { Vocabulary } from './vocabulary.js';

export interface ConvertTokenizerOptions {
  /**
   * How many tokens there are to be, the rows of the embedding.
   * @default vocab_size of config.json, or as many as the tokenizer has
   */
  readonly vocabSize?: number | undefined;
}

/** The tokenizer of a checkpoint, in the terms of a model file. */
export interface ConvertedTokenizer {
  /** `tokenizer.ggml.*` and `tokenizer.chat_template*`. */
  readonly metadata: TokenizerEntries;
  readonly vocabSize: number;
  /** What a person should know: "subject: what was decided, and what is not as elsewhere". */
  readonly notes: readonly string[];
}

/**
 * The tokenizer of a folder as Hugging Face has them: tokenizer.json (byte-level BPE, or BPE made of a
 * SentencePiece model) or tokenizer.model (SentencePiece BPE), added_tokens.json, tokenizer_config.json,
 * special_tokens_map.json, config.json, generation_config.json and the chat templates.
 *
 * @throws ERR_BITNET_TOKENIZER naming the file and what in it cannot be followed, ERR_BITNET_FILE
 */
export async function convertTokenizer(
  folder: string,
  options: ConvertTokenizerOptions = {},
): Promise<ConvertedTokenizer> {
  const settings = await readAllSettings(folder);
  const vocabulary = await readVocabulary(folder, settings, sizeSaid(folder, settings, options));
  const special = specialTokenIds(vocabulary, settings);
  const templates = await chatTemplates(folder, settings.tokenizer);
  const metadata = await tokenizerMetadata(vocabulary, special, templates);
  const tried = await selfCheck(vocabulary, metadata);
  return {
    metadata,
    vocabSize: vocabulary.texts.length,
    notes: [...vocabulary.notes, ...special.notes, ...tried, ...unusable(templates)],
  };
}

async function readAllSettings(folder: string): Promise<Settings> {
  const [config, generation, tokenizer, map] = await Promise.all(
    [
      'config.json',
      'generation_config.json',
      'tokenizer_config.json',
      'special_tokens_map.json',
    ].map((name) => readSettings(join(folder, name))),
  );
  const given = Object.entries(tokenizer!).filter(([, value]) => value !== null);
  return {
    config: config!,
    generation: generation!,
    tokenizer: { ...map, ...Object.fromEntries(given) },
  };
}

function sizeSaid(
  folder: string,
  { config }: Settings,
  { vocabSize }: ConvertTokenizerOptions,
): VocabularySize | undefined {
  if (vocabSize !== undefined) return { tokens: vocabSize, said: 'the rows of the embedding' };
  const text: JsonObject = isObject(config.text_config) ? config.text_config : {};
  const size = config.vocab_size ?? text.vocab_size ?? null;
  if (size === null) return undefined;
  if (Number.isInteger(size) && (size as number) > 0 && (size as number) <= maxTokens) {
    return { tokens: size as number, said: 'the vocab_size of config.json' };
  }
  const path = join(folder, 'config.json');
  throw unfit(path, 'vocab_size', `an integer from 1 to ${maxTokens}`, kindOf(size));
}

async function readVocabulary(
  folder: string,
  settings: Settings,
  size: VocabularySize | undefined,
): Promise<Vocabulary> {
  const path = join(folder, 'tokenizer.json');
  const modelPath = join(folder, 'tokenizer.model');
  const others = await otherTokens(folder, settings.tokenizer);
  const bytes = await readFile(path, maxTokenizerBytes);
  if (bytes === undefined) {
    const model = await readFile(modelPath, maxModelBytes);
    if (model !== undefined) return fromModel(modelPath, model, settings, size, others);
    throw new BitnetError(
      'ERR_BITNET_FILE',
      `Expected tokenizer.json or tokenizer.model in "${folder}", but there is neither; download one of them.`,
      { path: folder },
    );
  }
  const json = await readTokenizerJson(path, bytes);
  const steps = stepsOf(path, json.preTokenizer);
  if (steps.some(({ type }) => type === 'ByteLevel')) {
    return byteLevelVocabulary(json, steps, size, others);
  }
  if (!isMetaspace(json, steps)) {
    const found = steps.length === 0 ? 'none' : kindOf(steps[0]!.type);
    const expected = 'one with ByteLevel or Metaspace';
    throw unfit(path, 'the pre_tokenizer', expected, found, notSupported);
  }
  const own = await readFile(modelPath, maxModelBytes);
  const all = [...others, { path, tokens: json.addedTokens }];
  const ends = endsOf(path, json.postProcessor);
  if (own !== undefined) {
    // The same vocabulary, and with it come its scores.
    const vocabulary = await fromModel(modelPath, own, settings, size, all);
    return { ...vocabulary, ends: { ...vocabulary.ends, ...ends } };
  }
  const model = await metaspaceModel(json, steps);
  const vocabulary = await sentencePieceVocabulary(path, model, size, all);
  return { ...vocabulary, ends, notes: [...vocabulary.notes, ...model.notes] };
}

/** Whether spaces are written as U+2581, by the pre-tokenizer or by the normalizer. */
function isMetaspace({ normalizer, model }: TokenizerJson, steps: readonly JsonObject[]): boolean {
  if (steps.some(({ type }) => type === 'Metaspace')) return true;
  return model.byte_fallback === true && JSON.stringify(normalizer).includes('\u2581');
}

async function fromModel(
  path: string,
  bytes: Buffer,
  { tokenizer }: Settings,
  size: VocabularySize | undefined,
  others: readonly OtherTokens[],
): Promise<Vocabulary> {
  const model = await readSentencePieceModel(path, bytes);
  const vocabulary = await sentencePieceVocabulary(path, model, size, others);
  const said = tokenizer.add_prefix_space;
  return typeof said === 'boolean' ? { ...vocabulary, addSpacePrefix: said } : vocabulary;
}

/** What added_tokens.json and tokenizer_config.json add, the latter being newer. */
async function otherTokens(folder: string, settings: JsonObject): Promise<OtherTokens[]> {
  const [list, config] = ['added_tokens.json', 'tokenizer_config.json'].map((name) =>
    join(folder, name),
  );
  return [
    { path: list!, tokens: listedTokens(list!, await readSettings(list!)) },
    { path: config!, tokens: decoderTokens(config!, settings) },
  ];
}
