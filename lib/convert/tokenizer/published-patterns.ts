/*
 * The expressions of published tokenizer.json files, and under which name the engine cuts a text in
 * the same way (see `lib/tokenizer/word-patterns.ts`). What they are is not interpreted: a text that is
 * not listed is not known.
 */

const raw = String.raw;

const contraction = raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)`;
const letters = raw`[^\r\n\p{L}\p{N}]?\p{L}+`;
const other = raw` ?[^\s\p{L}\p{N}]+[\r\n]*`;
const spaces = raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const upper = raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const lower = raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const camel = (suffix: string) => [
  raw`[^\r\n\p{L}\p{N}]?${upper}*${lower}+${suffix}`,
  raw`[^\r\n\p{L}\p{N}]?${upper}+${lower}*${suffix}`,
];
const otherOrSlash = raw` ?[^\s\p{L}\p{N}]+[\r\n/]*`;
const gpt2 = raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`;
const sign = '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]';
const deepseekLetters = raw`${sign}[A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+`;
const powers = [512, 256, 128, 64, 32, 16, 8, 4].map((n) => raw`\s{${n}}(?!\S)`);

/** A cut by its published expression. */
const cuts: ReadonlyMap<string, string> = new Map(
  [
    [[gpt2, raw`\s+`], 'gpt2'],
    [[gpt2], 'gpt2'],
    [[contraction, letters, raw`\p{N}{1,3}`, other, spaces], 'llama3'],
    [[contraction, letters, raw`\p{N}`, other, spaces], 'qwen2'],
    [
      [
        contraction,
        raw`[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*`,
        spaces,
      ],
      'qwen35',
    ],
    [[letters, raw`\p{N}`, other, spaces], 'ufakzeka'],
    [[contraction, letters, raw`\p{N}+`, other, spaces], 'minicpm5'],
    [[contraction, letters, raw`\p{N}| ?[^\s\p{L}\p{N}\r\n]+`, spaces], 'seedCoder'],
    [
      [
        contraction,
        raw`[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+`,
        raw`\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]+|\s+(?!\S)|\s+`,
      ],
      'exaoneMoe',
    ],
    [
      [
        ...[contraction, letters, raw`\p{N}{1,3}`, other, raw`\s*[\r\n]+`],
        ...[...powers, raw`\s{1,2}(?!\S)|\s{1}`],
      ],
      'jais2',
    ],
    [[...camel(''), raw`\p{N}`, otherOrSlash, spaces], 'tekken'],
    [[...camel(`${contraction}?`), raw`\p{N}{1,3}`, otherOrSlash, spaces], 'gpt4o'],
    [[...camel(`${contraction}?`), raw`\p{N}`, otherOrSlash, spaces], 'youtu'],
    [['[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+'], 'youtuScripts'],
    [['[一-龥぀-ゟ゠-ヿ]+'], 'cjk'],
    [[deepseekLetters, raw` ?[\p{P}\p{S}]+[\r\n]*`, spaces], 'deepseek3'],
    [['[一-龥ࠀ-一가-퟿]+'], 'deepseekCjk'],
    [[raw`[\r\n]`], 'lineEnd'],
    [[raw`[^\n]+|[\n]+`], 'lines'],
    [[raw`\s?\p{L}+`], 'spacedLetters'],
    [[raw`\s?\p{P}+`], 'spacedPunctuation'],
    [[raw`\s?[!-/:-~！-／：-～‘-‟　-。]+`], 'deepseekSigns'],
    [[raw`\s+$`], 'finalSpaces'],
    [[raw` ?[^(\s|[.,!?…。，、।۔،])]+`], 'bloom'],
    [[raw` ?[^(\s|.,!?…。，、।۔،)]+`], 'bloom'],
    [[raw`\p{N}`], 'digit'],
    [[raw`\p{N}+`], 'digits'],
    [[raw`\p{N}{1,3}`], 'digitTriple'],
    [['[0-9][0-9][0-9]'], 'asciiTriple'],
    [[raw`(?=(\d{3})+(?!\d))`], 'triplesFromTheRight'],
    [[raw`\d{1,3}(?=(?:\d{3})*\b)`], 'wholeNumber'],
  ].map(([alternatives, name]) => [(alternatives as string[]).join('|'), name as string]),
);

/** The name of the cut that an expression makes; undefined when it is not known. */
export function knownCut(expression: string): string | undefined {
  let plain = expression;
  for (const [written, meant] of sameAs) plain = plain.replaceAll(written, meant);
  return cuts.get(plain);
}

/** Cuts that leave nothing out: each character of a text is in a match. */
export const wholeCuts: ReadonlySet<string> = new Set(
  'llama3 qwen2 qwen35 ufakzeka minicpm5 seedCoder exaoneMoe jais2 tekken gpt4o youtu lines'.split(
    ' ',
  ),
);

/** Other ways of writing the same. */
const sameAs: readonly (readonly [written: string, meant: string])[] = [
  ['\r', raw`\r`],
  ['\n', raw`\n`],
  [raw`(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])`, contraction],
  [raw`'(?i:[sdmt]|ll|ve|re)`, contraction],
  [raw`'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])`, contraction],
  // Atomic where giving back what was taken would not help.
  [raw`[^\r\n\p{L}\p{N}]?+`, raw`[^\r\n\p{L}\p{N}]?`],
  [raw`[^\s\p{L}\p{N}]++[\r\n`, raw`[^\s\p{L}\p{N}]+[\r\n`],
  [raw`\p{N}{1}|`, raw`\p{N}|`],
  // The white space before takes all line ends but the last.
  [raw`\s*[\r\n]|`, raw`\s*[\r\n]+|`],
];
