/*
 * Texts as Python has them: of code points, with its own white space and line ends.
 */

/** Whether a UTF-16 unit is white space; NaN, past the end, is not. */
export function isSpace(unit: number): boolean {
  if (unit <= 0x20) return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d) || unit >= 0x1c;
  if (unit < 0x85) return false;
  return unit === 0x85 || (unit !== 0xfeff && /\s/.test(String.fromCharCode(unit)));
}

export function strip(text: string, characters?: string): string {
  return stripStart(stripEnd(text, characters), characters);
}

/** Without the `characters` at the beginning, by default white space. */
export function stripStart(text: string, characters?: string): string {
  const list = codePoints(text, characters);
  const goes = stripped(characters);
  let start = 0;
  while (start < list.length && goes(list[start]!)) start++;
  return typeof list === 'string' ? list.slice(start) : list.slice(start).join('');
}

/** Without the `characters` at the end, by default white space. */
export function stripEnd(text: string, characters?: string): string {
  const list = codePoints(text, characters);
  const goes = stripped(characters);
  let end = list.length;
  while (end > 0 && goes(list[end - 1]!)) end--;
  return typeof list === 'string' ? list.slice(0, end) : list.slice(0, end).join('');
}

function stripped(characters: string | undefined): (character: string) => boolean {
  if (characters === undefined) return (character) => isSpace(character.charCodeAt(0));
  const set = new Set(characters);
  return (character) => set.has(character);
}

/** What to strip from: only characters beyond 16 bits need a list. */
function codePoints(text: string, characters: string | undefined): string | string[] {
  return characters !== undefined && hasSurrogates(characters) ? [...text] : text;
}

/** Whether code points and UTF-16 units of a text are not the same. */
export function hasSurrogates(text: string): boolean {
  return /[\ud800-\udfff]/.test(text);
}

/** Number of code points. */
export function lengthOf(text: string): number {
  if (!hasSurrogates(text)) return text.length;
  let length = 0;
  for (const _character of text) length++;
  return length;
}

/** The lines of a text; a line end at the end begins none. */
export function splitLines(text: string, keepEnds = false): string[] {
  const lines: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (!isLineEnd(text.charCodeAt(at))) continue;
    const end = at;
    if (text[at] === '\r' && text[at + 1] === '\n') at++;
    lines.push(text.slice(start, keepEnds ? at + 1 : end));
    start = at + 1;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}

export function countLines(text: string): number {
  let count = 1;
  for (let at = 0; at < text.length; at++) count += Number(isLineEnd(text.charCodeAt(at)));
  return count;
}

function isLineEnd(unit: number): boolean {
  if (unit <= 0x0d) return unit >= 0x0a;
  return (unit >= 0x1c && unit <= 0x1e) || unit === 0x85 || unit === 0x2028 || unit === 0x2029;
}

/** Where each word begins and ends, with white space around. */
export function words(text: string): [start: number, end: number][] {
  const found: [number, number][] = [];
  let start = -1;
  for (let at = 0; at <= text.length; at++) {
    const inside = at < text.length && !isSpace(text.charCodeAt(at));
    if (inside && start < 0) start = at;
    else if (!inside && start >= 0) {
      found.push([start, at]);
      start = -1;
    }
  }
  return found;
}

/** Runs of letters, digits and underlines. */
export function countWords(text: string): number {
  let count = 0;
  for (const _word of text.matchAll(/[\p{L}\p{N}_]+/gu)) count++;
  return count;
}

/** How often `part` is in `text`, without overlaps; one more than its code points for the empty part. */
export function occurrences(text: string, part: string): number {
  if (part === '') return lengthOf(text) + 1;
  let count = 0;
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count++;
  return count;
}

/** The first letter in upper case, the others in lower case. */
export function capitalized(text: string): string {
  const first = String.fromCodePoint(text.codePointAt(0) ?? 0);
  return text === '' ? '' : titleCase(first) + text.slice(first.length).toLowerCase();
}

function titleCase(letter: string): string {
  const upper = letter.toUpperCase();
  return [...upper].length > 1 ? upper[0] + upper.slice(1).toLowerCase() : upper;
}
