/** How a byte-level vocabulary wants its text cut into words before merging. */
export interface PreTokenizer {
  /** Applied one after the other, each to the pieces the one before left. */
  readonly split: readonly RegExp[];
  /** Whether a word that is a token is taken whole, whatever the merges say. */
  readonly ignoreMerges: boolean;
  /** Whether texts begin with the begin token when the file does not say. */
  readonly addBos: boolean;
}

/*
 * Python and llama.cpp mean Unicode White_Space by \s, JavaScript does not: it is written out here,
 * and so is ignored case, which Node 20 cannot switch inside an expression. No expression here
 * backtracks more than once over a run, so each takes time in proportion to the text.
 */

const gpt2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})/gu;

const llama3 =
  /(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n]*|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** As llama3, but every digit is a word of its own. */
const qwen2 =
  /(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n]*|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

const punctuation = /[\p{P}$+<=>^~|]+/gu;
const punctuationOrBacktick = /[\p{P}$+<=>^~|`]+/gu;
const digit = /\p{N}/gu;
const digits = /\p{N}+/gu;
const threeDigits = /[0-9][0-9][0-9]/gu;

interface Row extends PreTokenizer {
  /** Values of `tokenizer.ggml.pre`. */
  readonly names: readonly string[];
}

const plain = { ignoreMerges: false, addBos: false };

const rows: readonly Row[] = [
  {
    names: [
      'llama-bpe',
      'llama3',
      'llama-v3',
      'falcon3',
      'falcon-h1',
      'falcon_e', // Falcon-E, from converters of the Microsoft fork
      'pixtral',
      'midm-2.0',
      'lfm2',
    ],
    split: [llama3],
    ignoreMerges: true,
    addBos: true,
  },
  { names: ['dbrx', 'smaug-bpe', 'glm4', 'chatglm-bpe'], split: [llama3], ...plain },
  {
    names: [
      'qwen2',
      'deepseek-r1-qwen',
      'kormo',
      'megrez',
      'stablelm2',
      'hunyuan',
      'grok-2',
      'solar-open',
    ],
    split: [qwen2],
    ...plain,
  },
  {
    names: [
      'gpt-2',
      'phi-2',
      'mpt',
      'olmo',
      'jais',
      'trillion',
      'granite-docling',
      'gigachat',
      'exaone4',
      'a.x-4.0',
      'mellum',
      'jina-es',
      'jina-de',
      'jina-v2-es',
      'jina-v2-de',
    ],
    split: [gpt2],
    ...plain,
  },
  {
    names: [
      'starcoder',
      'smollm',
      'refact',
      'command-r',
      'codeshell',
      'exaone',
      'minerva-7b',
      'mellum2',
    ],
    split: [digit, gpt2],
    ...plain,
  },
  { names: ['falcon'], split: [punctuationOrBacktick, gpt2, threeDigits], ...plain },
  { names: ['default'], split: [punctuation, gpt2, digits, threeDigits], ...plain },
];

/** The known pre-tokenizers by the name in `tokenizer.ggml.pre`. */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map(
  rows.flatMap((row) => row.names.map((name) => [name, row])),
);
