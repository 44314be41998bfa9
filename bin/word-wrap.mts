/** Columns that a text takes. */
export type Width = (text: string) => number;

/** Characters between which a line of Chinese or Japanese may end. */
const ideograph = '[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}]';
/** What must not begin a line, and stays with the character before it. */
const closing = '[\\p{Pe}\\p{Pf}、。，．！？：；ー々…]';

const parts = new RegExp(`\\n|[ \\t\\u3000]+|${ideograph}|${closing}|[^\\n \\t\\u3000]`, 'gu');
const blank = /^[ \t\u3000]/;
const ideographic = new RegExp(`^${ideograph}`, 'u');
const closes = new RegExp(`^${closing}`, 'u');
const opens = /[\p{Ps}\p{Pi}]$/u;

const fence = '```';
const tabStop = 8;

/**
 * Breaks the lines of a text that comes in pieces between words, for a terminal, which would break
 * them anywhere. A word is held back until it is complete. Lines between code fences stay as they are.
 */
export class WordWrap {
  readonly #columns: () => number;
  readonly #width: Width;
  #column = 0;
  #spaces = '';
  #word = '';
  #fenced = false;
  #lineBegins = true;
  /** Whether the beginning of a word is shown already, which then stays in its line. */
  #overlong = false;

  /**
   * @param columns of the terminal, which may change
   * @param width string-width, which takes 40 ms to load; without it every code point counts as one column
   */
  constructor(columns: () => number, width: Width = codePoints) {
    this.#columns = columns;
    this.#width = width;
  }

  /** Takes a piece and returns what can be shown now. */
  push(text: string): string {
    let shown = '';
    for (const [part] of text.matchAll(parts)) {
      if (part === '\n') {
        shown += `${this.#place()}\n`;
        this.#beginLine();
      } else if (blank.test(part)) {
        if (this.#word !== '') shown += this.#place();
        this.#overlong = false;
        this.#spaces += part;
      } else {
        if (endsBetween(this.#word, part)) shown += this.#place();
        this.#word += part;
        if (this.#overlong || this.#fitsNoLine()) {
          shown += this.#place();
          this.#overlong = true;
        }
      }
    }
    return shown;
  }

  /** Takes a piece and shows all of it, also a word that may go on. */
  pushWhole(text: string): string {
    const complete = this.push(text);
    const goesOn = this.#word !== '';
    const shown = complete + this.#place();
    this.#overlong = goesOn;
    return shown;
  }

  /** What is held back. The next piece begins a text of its own, on a new line. */
  end(): string {
    const rest = this.#place();
    this.#beginLine();
    this.#fenced = false;
    return rest;
  }

  #beginLine(): void {
    this.#column = 0;
    this.#overlong = false;
    this.#lineBegins = true;
  }

  /** The word that is complete, on this line or the next one. */
  #place(): string {
    const [spaces, word] = [this.#spaces, this.#word];
    this.#spaces = this.#word = '';
    if (this.#lineBegins && word.startsWith(fence)) this.#fenced = !this.#fenced;
    if (word !== '') this.#lineBegins = false;
    const columns = this.#columns();
    const width = this.#width(word);
    const end = this.#after(spaces) + width;
    const mayBreak = !this.#fenced && !this.#overlong && this.#column > 0;
    const breaks = mayBreak && end > columns && width <= columns;
    this.#column = breaks ? width : end > columns ? end % columns : end;
    return breaks && word !== '' ? `\n${word}` : spaces + word;
  }

  #fitsNoLine(): boolean {
    const columns = this.#columns();
    return this.#word.length > columns && this.#width(this.#word) > columns;
  }

  /** The column after some spaces. */
  #after(spaces: string): number {
    let column = this.#column;
    for (const space of spaces) {
      column = space === '\t' ? column + tabStop - (column % tabStop) : column + this.#width(space);
    }
    return column;
  }
}

/** A text of our own, broken between words; after its head, indented below it if there is room. */
export function wrapped(text: string, columns: number, head = ''): string {
  const indent = columns < 3 * head.length ? '' : ' '.repeat(head.length);
  const wrap = new WordWrap(() => columns - indent.length);
  if (indent === '') return wrap.push(head + text) + wrap.end();
  return head + (wrap.push(text) + wrap.end()).replaceAll('\n', `\n${indent}`);
}

/** Whether a line may end between a word and what follows it without a space. */
function endsBetween(word: string, next: string): boolean {
  if (word === '' || opens.test(word)) return false;
  return ideographic.test(next) || (ideographic.test(word) && !closes.test(next));
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
