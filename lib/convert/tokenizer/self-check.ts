import { quote } from '../../gguf/malformed.js';
import { TimeSlice } from '../../gguf/time-slice.js';
import { createTokenizer, type Tokenizer } from '../../tokenizer/index.js';
import { TokenKind } from '../../tokenizer/token-kind.js';
import { asRead, type TokenizerEntries } from './metadata.js';
import { unfit } from './unfit.js';
import type { Vocabulary } from './vocabulary.js';

/**
 * Makes a tokenizer of the entries as a model file would, and tries it: texts come back as they were,
 * and each added token is found in text as itself.
 *
 * @returns what is to be said of it
 * @throws ERR_BITNET_TOKENIZER
 */
export async function selfCheck(
  vocabulary: Vocabulary,
  entries: TokenizerEntries,
): Promise<string[]> {
  const { path, texts, kinds } = vocabulary;
  const tokenizer = await createTokenizer({ path, metadata: asRead(entries) });
  const seen = new Set<string>();
  const slice = new TimeSlice();
  for (const [id, text] of texts.entries()) {
    const isAdded = kinds[id] === TokenKind.control || kinds[id] === TokenKind.userDefined;
    if (!isAdded || seen.has(text)) continue;
    if (slice.due()) await slice.pause();
    seen.add(text);
    const ids = tokenizer.encode(text, { parseSpecial: true });
    if (ids.length === 1 && ids[0] === id) continue;
    throw unfit(path, `token ${id} ${quote(text)}`, 'found in a text', `ids ${ids.slice(0, 8)}`);
  }
  return lostTexts(tokenizer);
}

/** A vocabulary that lacks bytes cannot write every text. */
function lostTexts(tokenizer: Tokenizer): string[] {
  for (const text of passages) {
    const ids = tokenizer.encode(text);
    if (tokenizer.decode(ids) !== text) {
      return [`tokens: some texts, such as ${quote(text)}, cannot be written with them`];
    }
  }
  return [];
}

/** Letters, digits, blanks, signs and scripts of all kinds. */
const passages: readonly string[] = [
  "The quick brown fox isn't here; it's at 12,345 Elm St.",
  'a\n\n  b\t\tc   \r\nd  ',
  'ÀÉÎõü ǅ ﬁ ß ſ İı',
  'Привет, мир! 你好，世界 こんにちは 안녕하세요',
  'नमस्ते สวัสดี שלום مرحبا ௧௨௩ ١٢٣',
  '👩‍👩‍👧‍👦 🇪🇺 ❤️ \u{1F9D1}\u{1F3FD}‍💻',
  'for (let i=0; i<10; i++) { x[i] += "\\n" + y_1; } // ok?',
  '0 1 22 333 4444 55555 666666 3.14e-10 ½ Ⅷ ²',
  "I'll WE'VE they'd 'tis rock'n'roll ’s “quoted” — … ",
  '\u00a0\u2003\u3000\u200b\ufeff\u0085 \u0001\u007f',
];
