/** A step of splitting: every match is a piece, and so is the text between two matches. */
export type Cut = RegExp | DigitGroups;

/** A cut whose matches are cut further, into groups of three characters counted from the right. */
export interface DigitGroups {
  readonly digits: RegExp;
}

/**
 * Cuts `text` by each cut in turn; the next one cuts the pieces further.
 *
 * @param cuts of global expressions that match at least one character
 */
export function splitWords(
  text: string,
  cuts: readonly Cut[],
  word: (word: string) => void,
  stage = 0,
): void {
  const cut = cuts[stage];
  if (cut === undefined) {
    word(text);
    return;
  }
  const next = (piece: string) => splitWords(piece, cuts, word, stage + 1);
  const inGroups = !(cut instanceof RegExp);
  const expression = inGroups ? cut.digits : cut;
  let end = 0;
  for (;;) {
    // Not matchAll, which copies the expression: most calls are for a text of a few letters.
    expression.lastIndex = end;
    const match = expression.exec(text);
    if (match === null) break;
    if (match.index > end) next(text.slice(end, match.index));
    if (inGroups) groupsOfThree(match[0], next);
    else next(match[0]);
    end = match.index + match[0].length;
  }
  if (end < text.length) next(text.slice(end));
}

function groupsOfThree(digits: string, group: (group: string) => void): void {
  let [part, left] = ['', 0];
  for (const _ of digits) left++; // characters, of which some are two UTF-16 units
  for (const digit of digits) {
    part += digit;
    if (--left % 3 !== 0) continue;
    group(part);
    part = '';
  }
}
