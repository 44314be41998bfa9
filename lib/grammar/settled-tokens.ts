import type { Tokenizer } from '../tokenizer/types.js';

/** Beginnings of what may follow: a word, another one, a number, punctuation, a line. */
const continuations = ['a', 'e', 's', ' a', '1', '"', ',', '.', ':', '/', '_', '\n', ' '];

/**
 * The first tokens of a text that stay the same whatever follows it. The last one never does: a longer
 * token may begin like it.
 *
 * @param bytes of the text; an unfinished character at its end is left out
 */
export function settledTokens(tokenizer: Tokenizer, bytes: Uint8Array): number[] {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true });
  const ids = encoded(tokenizer, text);
  let settled = ids.length - 1;
  for (const continuation of continuations) {
    const longer = encoded(tokenizer, text + continuation);
    let same = 0;
    while (same < settled && longer[same] === ids[same]) same++;
    settled = same;
    if (settled <= 0) return [];
  }
  const first = ids.slice(0, settled);
  return spells(tokenizer, first, bytes) ? first : [];
}

function encoded(tokenizer: Tokenizer, text: string): number[] {
  return tokenizer.encode(text, { continues: true });
}

/** A vocabulary may lack characters, and write something else. */
function spells(tokenizer: Tokenizer, ids: readonly number[], bytes: Uint8Array): boolean {
  const spelled = Buffer.concat(ids.map((id) => tokenizer.tokenBytes(id)));
  return spelled.equals(bytes.subarray(0, spelled.length));
}
