import { quote } from '../../gguf/malformed.js';
import {
  isArray,
  isObject,
  type JsonObject,
  type JsonValue,
  kindOf,
} from '../../json/json-value.js';
import { knownCut, wholeCuts } from './published-patterns.js';
import { notSupported, unfit } from './unfit.js';

/** The steps of a `pre_tokenizer`, one after the other. */
export function stepsOf(path: string, node: JsonValue, field = 'pre_tokenizer'): JsonObject[] {
  if (node === null) return [];
  if (!isObject(node)) throw unfit(path, field, 'an object', kindOf(node));
  if (node.type !== 'Sequence') return [node];
  const { pretokenizers } = node;
  if (!isArray(pretokenizers)) {
    throw unfit(path, `${field}.pretokenizers`, 'a list', kindOf(pretokenizers));
  }
  return pretokenizers.flatMap((step, i) => stepsOf(path, step, `${field}.pretokenizers ${i}`));
}

/** The names of a byte-level pre-tokenizer in a model file, by whether words that are tokens are taken whole. */
export interface PreTokenizerNames {
  readonly merging?: string;
  readonly whole?: string;
  /** The one that is better known, where there are both. */
  readonly usual?: string;
}

/**
 * The pre-tokenizer that cuts as these steps do, by their structure.
 *
 * @throws ERR_BITNET_TOKENIZER naming the step that is not known
 */
export function namesOf(path: string, steps: readonly JsonObject[]): PreTokenizerNames {
  const cuts = steps.map((step, i) => cutOf(path, `pre_tokenizer step ${i}`, step));
  const sequence = cuts.filter((cut) => cut !== '').join(' ');
  const names = known.get(sequence);
  if (names !== undefined) return names;
  const found = sequence === '' ? 'no cut at all' : `the sequence ${sequence}`;
  throw unfit(path, 'the pre_tokenizer', 'one of the known ones', found, notSupported);
}

/** What a step cuts; '' where it only writes bytes as letters. */
function cutOf(path: string, field: string, step: JsonObject): string {
  const refuse = (expected: string, found: string) =>
    unfit(path, field, expected, found, notSupported);
  switch (step.type) {
    case 'ByteLevel':
      if (step.add_prefix_space === true) {
        throw refuse('without add_prefix_space', 'a space before every text');
      }
      return step.use_regex === false ? '' : 'gpt2';
    case 'Digits':
      return step.individual_digits === true ? 'digit' : 'digits';
    case 'Punctuation':
      if (step.behavior === 'Contiguous') return 'punctuation';
      throw refuse('with behavior "Contiguous"', kindOf(step.behavior));
    case 'Split':
      return splitOf(step, refuse);
    default:
      throw refuse('a Split, Digits, Punctuation or ByteLevel', kindOf(step.type));
  }
}

function splitOf(
  { pattern, behavior, invert }: JsonObject,
  refuse: (expected: string, found: string) => Error,
): string {
  const expression = isObject(pattern) ? pattern.Regex : undefined;
  if (typeof expression !== 'string') throw refuse('with a Regex', kindOf(pattern));
  const cut = knownCut(expression);
  if (cut === undefined) throw refuse('with a known expression', quote(expression));
  const isolates = behavior === 'Isolated' && invert !== true;
  const keeps = behavior === 'Removed' && invert === true && wholeCuts.has(cut);
  if (isolates || keeps) return cut;
  const found = `${kindOf(behavior)}${invert === true ? ', inverted' : ''}`;
  throw refuse('with behavior "Isolated"', found);
}

const known: ReadonlyMap<string, PreTokenizerNames> = new Map<string, PreTokenizerNames>([
  ['llama3', { merging: 'smaug-bpe', whole: 'llama-bpe', usual: 'llama-bpe' }],
  ['qwen2', { merging: 'qwen2' }],
  ['qwen35', { merging: 'qwen35' }],
  ['gpt2', { merging: 'gpt-2' }],
  ['digit gpt2', { merging: 'smollm' }],
  ['punctuation gpt2 digits asciiTriple', { merging: 'falcon' }],
  ['digitTriple minicpm5', { whole: 'minicpm5' }],
  ['digitTriple cjk deepseek3', { merging: 'deepseek-v3' }],
  ['lineEnd spacedLetters spacedPunctuation deepseekCjk digit', { merging: 'deepseek-coder' }],
  ['tekken', { whole: 'tekken' }],
  ['gpt4o', { merging: 'gpt-4o', whole: 'granite-embed-multi-97m', usual: 'gpt-4o' }],
  ['wholeNumber gpt4o', { merging: 'tiny_aya' }],
  ['youtuScripts youtu', { whole: 'youtu' }],
  ['seedCoder', { merging: 'seed-coder' }],
  ['exaoneMoe', { merging: 'exaone-moe' }],
  ['jais2', { merging: 'jais-2' }],
  ['lines qwen2', { merging: 'laguna' }],
  ['ufakzeka', { merging: 'ufakzeka' }],
  ['digits triplesFromTheRight', { merging: 'superbpe' }],
  ['bloom', { merging: 'bloom' }],
  ['bloom digit', { merging: 'viking' }],
]);
