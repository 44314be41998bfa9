/**
 * Cuts `text` by each expression in turn: a match is a piece, and so is the text between two
 * matches; the next expression cuts these pieces further.
 *
 * @param expressions global
 */
export function splitWords(
  text: string,
  expressions: readonly RegExp[],
  word: (word: string) => void,
  stage = 0,
): void {
  const expression = expressions[stage];
  if (expression === undefined) {
    word(text);
    return;
  }
  let end = 0;
  for (const match of text.matchAll(expression)) {
    if (match.index > end) splitWords(text.slice(end, match.index), expressions, word, stage + 1);
    splitWords(match[0], expressions, word, stage + 1);
    end = match.index + match[0].length;
  }
  if (end < text.length) splitWords(text.slice(end), expressions, word, stage + 1);
}
