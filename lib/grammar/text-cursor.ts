/** A place in a text that is read character by character. */
export class TextCursor {
  /** The whole text. */
  protected readonly text: string;
  #at = 0;

  constructor(text: string) {
    this.text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.text.length;
  }

  /** How far it is. */
  get place(): number {
    return this.#at;
  }

  /** The next character, '' at the end. */
  get next(): string {
    return this.atEnd ? '' : String.fromCodePoint(this.text.codePointAt(this.#at)!);
  }

  startsWith(text: string): boolean {
    return this.text.startsWith(text, this.#at);
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
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  takeCharacter(): string {
    const character = this.next;
    this.#at += character.length;
    return character;
  }
}
