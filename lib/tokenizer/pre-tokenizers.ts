import type { Cut } from './split-words.js';
import * as by from './word-patterns.js';

/** How a byte-level vocabulary wants its text cut into words before merging. */
export interface PreTokenizer {
  /** Applied one after the other, each to the pieces the one before left. */
  readonly split: readonly Cut[];
  /** Whether a word that is a token is taken whole, whatever the merges say. */
  readonly ignoreMerges: boolean;
  /** Whether texts begin with the begin token when the file does not say. */
  readonly addBos: boolean;
}

interface Row extends Partial<Omit<PreTokenizer, 'split'>> {
  /** Values of `tokenizer.ggml.pre`. */
  readonly names: string;
  readonly split: readonly (by.Pattern | { readonly digits: by.Pattern })[];
}

const rows: readonly Row[] = [
  {
    // falcon_e: Falcon-E, from converters of the Microsoft fork
    names:
      'llama-bpe llama3 llama-v3 falcon3 falcon-h1 falcon_e pixtral midm-2.0 lfm2 jina-v5-nano',
    split: [by.llama3],
    ignoreMerges: true,
    addBos: true,
  },
  { names: 'dbrx smaug-bpe glm4 chatglm-bpe', split: [by.llama3] },
  {
    names: 'qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan grok-2 solar-open',
    split: [by.qwen2],
  },
  { names: 'qwen35', split: [by.qwen35] },
  {
    names:
      'gpt-2 phi-2 mpt olmo jais trillion granite-docling gigachat exaone4 a.x-4.0 mellum modern-bert roberta-bpe ' +
      'jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code',
    split: [by.gpt2],
  },
  {
    names: 'starcoder smollm refact command-r codeshell exaone minerva-7b mellum2',
    split: [by.digit, by.gpt2],
  },
  {
    names: 'deepseek-llm',
    split: [
      by.lineEnd,
      by.deepseekCased,
      by.deepseekSigns,
      by.finalSpaces,
      by.deepseekCjk,
      by.digits,
    ],
  },
  {
    names: 'deepseek-coder',
    split: [by.lineEnd, by.spacedLetters, by.spacedPunctuation, by.deepseekCjk, by.digit],
  },
  {
    names: 'deepseek-v3 hunyuan-dense hy_v4 joyai-llm',
    split: [by.digitTriple, by.cjk, by.deepseek3],
  },
  { names: 'spark2_5', split: [by.digitTriple, by.cjk, by.spark25, by.digit] },
  { names: 'afmoe', split: [{ digits: by.digits }, by.afmoeScripts, by.deepseek3] },
  { names: 'minicpm5', split: [by.digitTriple, by.minicpm5], ignoreMerges: true },
  { names: 'tekken', split: [by.tekken], ignoreMerges: true, addBos: true },
  { names: 'gpt-4o llama4 kanana2 talkie minimax-m2', split: [by.gpt4o] },
  { names: 'granite-embed-multi-97m', split: [by.gpt4o], ignoreMerges: true },
  { names: 'tiny_aya cohere2moe', split: [{ digits: by.wholeNumber }, by.gpt4o] },
  { names: 'youtu', split: [by.youtuScripts, by.youtu], ignoreMerges: true },
  { names: 'kimi-k2', split: [by.kimiK2] },
  { names: 'bailingmoe bailingmoe2 llada-moe', split: [by.bailingMoe] },
  { names: 'seed-coder', split: [by.seedCoder] },
  { names: 'exaone-moe', split: [by.exaoneMoe] },
  { names: 'jais-2', split: [by.jais2] },
  { names: 'laguna', split: [by.lines, by.qwen2] },
  { names: 'ufakzeka', split: [by.ufakzeka] },
  { names: 'superbpe', split: [by.digits, { digits: by.manyDigits }] },
  { names: 'poro-chat bloom gpt3-finnish', split: [by.bloom] },
  { names: 'viking', split: [by.bloom, by.digit] },
  {
    names: 'chameleon',
    split: [by.sentinel, by.imageCode, by.chameleonSpaces, by.digit, by.anySign, by.gpt2],
    addBos: true,
  },
  { names: 'falcon', split: [by.punctuationOrBacktick, by.gpt2, by.asciiTriple] },
  { names: 'default', split: [by.punctuation, by.gpt2, by.digits, by.asciiTriple] },
];

/** The known pre-tokenizers by the name in `tokenizer.ggml.pre`. */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map(
  rows.flatMap(({ names, split, ignoreMerges = false, addBos = false }) => {
    let cuts: readonly Cut[] | undefined;
    const preTokenizer: PreTokenizer = {
      get split() {
        cuts ??= split.map((cut) => ('digits' in cut ? { digits: cut.digits() } : cut()));
        return cuts;
      },
      ...{ ignoreMerges, addBos },
    };
    return names.split(' ').map((name) => [name, preTokenizer]);
  }),
);
