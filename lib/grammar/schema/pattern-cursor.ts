import type { BitnetError } from '../../errors.js';
import { type Pointer, schemaError } from './schema-error.js';

/** A place in a regular expression. */
export class PatternCursor {
  readonly #source: string;
  readonly #pointer: Pointer;
  #at = 0;

  constructor(source: string, pointer: Pointer) {
    this.#source = source;
    this.#pointer = pointer;
  }

  get atEnd(): boolean {
    return this.#at >= this.#source.length;
  }

  /** The next character, '' at the end. */
  get next(): string {
    return this.atEnd ? '' : String.fromCodePoint(this.#source.codePointAt(this.#at)!);
  }

  startsWith(text: string): boolean {
    return this.#source.startsWith(text, this.#at);
  }

  take(text: string): boolean {
    const found = this.startsWith(text);
    if (found) this.#at += text.length;
    return found;
  }

  /** Takes what a sticky expression matches here, '' where it does not. */
  match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  takeCharacter(): string {
    const character = this.next;
    this.#at += character.length;
    return character;
  }

  /** @param sentence what comes after "Expected" */
  fail(sentence: string): BitnetError {
    return schemaError(this.#pointer, `${sentence}, at character ${this.#at + 1} of the pattern`);
  }
}
