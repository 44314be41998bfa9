import { encodeRules } from '../../lib/grammar/encode-rules.js';
import type { Rules } from '../../lib/grammar/expression.js';
import { buildVocabulary, checkGrammar, compileGrammar, grammarText } from '../../lib/native.js';
import type { NativeGrammar } from '../../lib/native-types.js';

let bytes: ReturnType<typeof buildVocabulary> | undefined;

/** Every byte is a token; token 256 ends the text. */
function byteVocabulary() {
  bytes ??= buildVocabulary({
    bytes: Uint8Array.from({ length: 256 }, (_, i) => i),
    offsets: Uint32Array.from({ length: 258 }, (_, i) => Math.min(i, 256)),
    ends: Int32Array.of(256),
  });
  return bytes;
}

/** A grammar whose tokens are bytes, for texts without token terminals. */
export async function byteGrammar(rules: Rules): Promise<NativeGrammar> {
  const encoded = encodeRules(rules, () => 0);
  checkGrammar(257, encoded);
  return compileGrammar(await byteVocabulary(), encoded);
}

/** What a text is to a grammar: a whole text of it, the begin of one, or neither. */
export function matches(
  grammar: NativeGrammar,
  text: string | Uint8Array,
): 'whole' | 'begin' | 'none' {
  const at = grammarText(grammar);
  for (const byte of Buffer.from(text as string)) if (!at.append(byte)) return 'none';
  return at.end() > 0 ? 'whole' : 'begin';
}
