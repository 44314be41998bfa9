import { LimitError } from './errors.js';
import { maxElements, maxTextLength } from './limits.js';

/**
 * The remaining budget of a template, or of several renderings. A step is about 100 ns of work and
 * keeps at most some 100 bytes alive: one per node that runs, per element of a list that is made or
 * looked at, and per 64 characters of a text that is made or searched. So steps bound both time and
 * memory, and the same template is always stopped at the same place.
 */
export class Budget {
  #left: number;

  constructor(readonly steps: number) {
    this.#left = steps;
  }

  /** @throws LimitError */
  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw new LimitError(`takes over ${this.steps} steps`);
  }

  /** Charges for a text of `length` characters, before it is made. */
  spendText(length: number): void {
    checkTextLength(length);
    this.spend(1 + (length >>> 6));
  }

  /** Charges for a search for `part` in `text`, which may compare most of `part` at every place. */
  spendSearch(text: string, part: string): void {
    this.spend((1 + (text.length >>> 6)) * (1 + (part.length >>> 6)));
  }

  /** Charges for work on every character. */
  spendCharacters(length: number): void {
    this.spend(1 + (length >>> 3));
  }

  /** Charges for a list of `length` elements, before it is made. */
  spendList(length: number): void {
    if (!(length <= maxElements)) {
      throw new LimitError(`makes a list of over ${maxElements} elements`);
    }
    this.spend(1 + length);
  }

  /** `text`, charged for: for results no longer than their input. */
  text(text: string): string {
    this.spendText(text.length);
    return text;
  }

  /** `list`, paid for. */
  list<T>(list: T[]): T[] {
    this.spendList(list.length);
    return list;
  }
}

/** @throws LimitError */
export function checkTextLength(length: number): void {
  if (!(length <= maxTextLength)) {
    throw new LimitError(`makes a text of over ${maxTextLength} characters`);
  }
}
