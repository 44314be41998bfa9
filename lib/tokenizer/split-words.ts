import type { Steps } from './steps.js';

/** A step of splitting: every match is a piece, and so is the text between two matches. */
export type Cut = RegExp | DigitGroups;

/** A cut whose matches are cut further, into groups of three characters counted from the right. */
export interface DigitGroups {
  readonly digits: RegExp;
}

/** UTF-16 units of a piece that is cut further in one step. */
const smallPiece = 1024;

/** UTF-16 units of a text that is cut in one step. */
const stepUnits = 2048;

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
  cutUpTo(text, cut, 0, text.length, next);
}

/** As `splitWords`, in steps; words longer than a small piece are taken in steps too. */
export function* splitInSteps(
  text: string,
  cuts: readonly Cut[],
  word: (word: string) => void,
  longWord: (word: string) => Steps,
  stage = 0,
): Steps {
  if (text.length <= smallPiece) {
    splitWords(text, cuts, word, stage);
    return;
  }
  const cut = cuts[stage];
  if (cut === undefined) {
    yield* longWord(text);
    return;
  }
  let end = 0;
  let late: string[] = []; // a long piece of this step, and those behind it
  const next = (piece: string) => {
    if (late.length > 0 || piece.length > smallPiece) late.push(piece);
    else splitWords(piece, cuts, word, stage + 1);
  };
  while (end < text.length) {
    end = cutUpTo(text, cut, end, end + stepUnits, next);
    for (const piece of late) yield* splitInSteps(piece, cuts, word, longWord, stage + 1);
    late = [];
    yield;
  }
}

/** The pieces of `text` from `begin` to the end of the first match that ends at `least` or behind it; returns where that is. */
function cutUpTo(
  text: string,
  cut: Cut,
  begin: number,
  least: number,
  next: (piece: string) => void,
): number {
  const inGroups = !(cut instanceof RegExp);
  const expression = inGroups ? cut.digits : cut;
  let end = begin;
  while (end < least) {
    // Not matchAll, which copies the expression: most calls are for a text of a few letters.
    expression.lastIndex = end;
    const match = expression.exec(text);
    if (match === null) break;
    if (match.index > end) next(text.slice(end, match.index));
    if (inGroups) groupsOfThree(match[0], next);
    else next(match[0]);
    end = match.index + match[0].length;
  }
  if (end >= least) return end;
  if (end < text.length) next(text.slice(end));
  return text.length;
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
