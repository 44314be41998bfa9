import { received } from '../../checks/options.js';
import { BitnetError } from '../../errors.js';

/** A place in the text of a grammar. */
export class Cursor {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** The next character, '' at the end. */
  get next(): string {
    return this.atEnd ? '' : String.fromCodePoint(this.#text.codePointAt(this.#at)!);
  }

  startsWith(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  /** Takes `text` if it comes next. */
  take(text: string): boolean {
    const found = this.startsWith(text);
    if (found) this.#at += text.length;
    return found;
  }

  /** Takes what a sticky expression matches here, '' where it does not. */
  match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  takeCharacter(): string {
    const character = this.next;
    this.#at += character.length;
    return character;
  }

  /** Skips blanks and comments, and line ends if there may be some. */
  skipSpace(lineEnds: boolean): void {
    this.match(lineEnds ? /(?:[ \t\r\n]|#[^\r\n]*)*/y : /(?:[ \t]|#[^\r\n]*)*/y);
  }

  fail(expected: string, found?: string): BitnetError {
    return this.failAt(this.#at, expected, found);
  }

  /** Where this is, for `failAt`. */
  get place(): number {
    return this.#at;
  }

  failAt(place: number, expected: string, found?: string): BitnetError {
    const before = this.#text.slice(0, place).split('\n');
    const [line, column] = [before.length, before.at(-1)!.length + 1];
    const rest = /^[^\r\n]{0,20}/.exec(this.#text.slice(place, place + 20))![0];
    const nothing = place >= this.#text.length ? 'its end' : 'the end of the line';
    const what = found ?? (rest === '' ? nothing : received(rest));
    return new BitnetError(
      'ERR_BITNET_GRAMMAR',
      `Expected ${expected} in line ${line}, column ${column} of the grammar, but found ${what}.`,
      { line, column },
    );
  }
}
