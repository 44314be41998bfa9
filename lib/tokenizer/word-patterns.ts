/*
 * The expressions that pre-tokenizers cut a text with, as their authors published them, with two
 * differences. Python and llama.cpp mean Unicode White_Space by \s, JavaScript does not. And no
 * expression may look at a run of characters more than a few times, however long it is: where the
 * published one does, what it looks at is bounded by what came before.
 */

/** An expression, compiled when it is first asked for: all of them take as long as most of what a start loads. */
export type Pattern = () => RegExp;

/** An expression of these alternatives, whose \s and \S mean Unicode White_Space. */
function pattern(...alternatives: string[]): Pattern {
  let compiled: RegExp | undefined;
  return () => {
    compiled ??= inUnicode(alternatives.join('|'));
    return compiled;
  };
}

function inUnicode(source: string): RegExp {
  const spaces = source.replaceAll('\\s', '\\p{White_Space}');
  return new RegExp(spaces.replaceAll('\\S', '\\P{White_Space}'), 'gu');
}

const raw = String.raw;

/** Ignored case is written out: Node 20 cannot switch it inside an expression. */
const contraction = raw`'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])`;
const letters = raw`[^\r\n\p{L}\p{N}]?\p{L}+`;
const other = raw` ?[^\s\p{L}\p{N}]+[\r\n]*`;
const spaces = raw`\s*[\r\n]+|\s+(?!\S)|\s+`;

export const gpt2 = pattern(
  raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`,
);

export const llama3 = pattern(contraction, letters, raw`\p{N}{1,3}`, other, spaces);

/** As llama3, but every digit is a separate word. */
export const qwen2 = pattern(contraction, letters, raw`\p{N}`, other, spaces);

/** As qwen2, but combining marks belong to words. */
export const qwen35 = pattern(
  contraction,
  raw`[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*`,
  spaces,
);

/** As qwen2 without English contractions: Turkish suffixes stay with their apostrophe. */
export const ufakzeka = pattern(letters, raw`\p{N}`, other, spaces);

/** As llama3 after numbers were cut out; a number that is left over is one word. */
export const minicpm5 = pattern(contraction, letters, raw`\p{N}+`, other, spaces);

export const seedCoder = pattern(contraction, letters, raw`\p{N}| ?[^\s\p{L}\p{N}\r\n]+`, spaces);

export const bailingMoe = pattern(
  contraction,
  letters,
  raw`\p{N}`,
  other,
  raw`\s*[\r\n]|\s+(?!\S)|\s+`,
);

/** Words with spaces between them are one. */
export const exaoneMoe = pattern(
  contraction,
  raw`[^\r\n\p{L}\p{N}]?\p{L}(?:[\p{L}\p{M}]| (?=\p{L}))*`,
  raw`\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+`,
);

/**
 * As llama3, with white space in powers of two. Line ends are looked for where white space begins
 * or another line end was: past them there are none, and each power would search all that is left.
 */
export const jais2 = pattern(
  contraction,
  letters,
  raw`\p{N}{1,3}`,
  other,
  raw`(?<!(?![\r\n])\s)\s*[\r\n]+`,
  ...[512, 256, 128, 64, 32, 16, 8, 4].map((n) => raw`\s{${n}}(?!\S)`),
  raw`\s{1,2}(?!\S)|\s`,
);

/** Words end where small letters are followed by a capital one. */
const camelWords = (upper: string, lower: string, suffix: string) => [
  raw`[^\r\n\p{L}\p{N}]?${upper}*${lower}+${suffix}`,
  raw`[^\r\n\p{L}\p{N}]?${upper}+${lower}*${suffix}`,
];
const upper = raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const lower = raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const otherOrSlash = raw` ?[^\s\p{L}\p{N}]+[\r\n/]*`;

export const tekken = pattern(...camelWords(upper, lower, ''), raw`\p{N}`, otherOrSlash, spaces);

export const gpt4o = pattern(
  ...camelWords(upper, lower, `(?:${contraction})?`),
  raw`\p{N}{1,3}`,
  otherOrSlash,
  spaces,
);

/** Chinese characters apart from all other letters. */
export const kimiK2 = pattern(
  raw`\p{Script=Han}+`,
  ...camelWords(
    raw`(?:(?!\p{Script=Han})${upper})`,
    raw`(?:(?!\p{Script=Han})${lower})`,
    `(?:${contraction})?`,
  ),
  raw`\p{N}{1,3}`,
  other,
  spaces,
);

/** Korean, East Asian punctuation, Bopomofo, and Chinese with Japanese, each apart. */
export const youtuScripts = pattern(
  raw`[\uAC00-\uD7A3\u3131-\u318E]+`,
  raw`[\uFF01\u2026\u201C\u201D\u2018\u2019\u2014\uFF1A\uFF1B\uFF0C\u3001-\u303F\uFE30-\uFE4F]+`,
  raw`[\u3105-\u312F]+`,
  raw`[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+`,
);

export const youtu = pattern(
  ...camelWords(upper, lower, `(?:${contraction})?`),
  raw`\p{N}`,
  otherOrSlash,
  spaces,
);

/** Chinese and Japanese. */
export const cjk = pattern(raw`[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+`);

const sign = '[!"#$%&\'()*+,\\-.\\/:;<=>?@\\[\\\\\\]^_`{|}~]';
const deepseekLetters = raw`${sign}[A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+`;

export const deepseek3 = pattern(deepseekLetters, raw` ?[\p{P}\p{S}]+[\r\n]*`, spaces);

export const spark25 = pattern(deepseekLetters, raw` ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+`);

/** Scripts of East and South-East Asia. */
export const afmoeScripts = pattern(
  raw`[\u4E00-\u9FFF\u3400-\u4DBF\uF900-\uFAFF\u3040-\u309F\u30A0-\u30FF\uFF65-\uFF9F\u2F00-\u2FDF` +
    raw`\u0E40-\u0E7F\u0E80-\u0EFF\u1780-\u17FF\u1000-\u109F\uAA60-\uAA7F\uA9E0-\uA9FF` +
    raw`\uAC00-\uD7AF\u1100-\u11FF]+`,
);

export const lineEnd = pattern(raw`[\r\n]`);
export const lines = pattern(raw`[^\n]+|\n+`);
export const deepseekCjk = pattern(raw`[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+`);
export const spacedLetters = pattern(raw`\s?\p{L}+`);
export const spacedPunctuation = pattern(raw`\s?\p{P}+`);

/** The letters with case of Unicode 11, without some. */
export const deepseekCased = pattern(
  raw`\s?[A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293` +
    raw`\u0295-\u02AF\u0370-\u0373\u0376\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C` +
    raw`\u038E-\u03A1\u03A3-\u03F5\u03F7-\u0481\u048A-\u052F\u0531-\u0556\u10A0-\u10C5` +
    raw`\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77` +
    raw`\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59` +
    raw`\u1F5B\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4\u1FC6-\u1FCC` +
    raw`\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107` +
    raw`\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139` +
    raw`\u213C-\u213F\u2145-\u2149\u214E\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE` +
    raw`\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E` +
    raw`\uAB70-\uABBF\uFB00-\uFB06\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A\u{10400}-\u{1044F}` +
    raw`\u{104B0}-\u{104D3}\u{104D8}-\u{104FB}\u{10C80}-\u{10CB2}\u{10CC0}-\u{10CF2}` +
    raw`\u{118A0}-\u{118DF}\u{1E900}-\u{1E943}]+`,
);
export const deepseekSigns = pattern(
  raw`\s?[!-\/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002]+`,
);
/** Looked for where white space begins only: any other place would search what is left again. */
export const finalSpaces = pattern(raw`(?<!\s)\s+$`);

/** Everything up to white space and a sentence's punctuation. */
export const bloom = pattern(raw` ?[^(\s|.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C)]+`);

export const sentinel = pattern('<sentinel:[0-9]+>');
export const imageCode = pattern('IMGIMG[A-I]{1,4}Z');
export const chameleonSpaces = pattern(raw`[\t\n]| {4}| {2}`);
export const anySign = pattern(raw`[\p{P}!-\/:-@\[-\x60\x7B-~]`);

export const punctuation = pattern(raw`[\p{P}$+<=>^~|]+`);
export const punctuationOrBacktick = pattern(raw`[\p{P}$+<=>^~|\x60]+`);
export const digit = pattern(raw`\p{N}`);
export const digits = pattern(raw`\p{N}+`);
export const digitTriple = pattern(raw`\p{N}{1,3}`);
export const asciiTriple = pattern('[0-9]{3}');

/** A number to the end of a word: not the beginning of a name such as 2nd. */
export const wholeNumber = pattern(raw`(?<!\p{Nd})\p{Nd}+(?![\p{L}\p{M}\p{N}\p{Pc}])`);
export const manyDigits = pattern(raw`\p{Nd}{3,}`);
