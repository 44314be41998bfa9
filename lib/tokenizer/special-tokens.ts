import { faulty, type Source } from './faulty.js';
import { maxSpecialLength, maxSpecialTotal } from './limits.js';

/** A token that is found in text as a whole, before anything else. */
export interface SpecialToken {
  readonly id: number;
  readonly text: string;
  /** Control and unknown tokens; false for user-defined ones, which every text may contain. */
  readonly control: boolean;
}

interface Node {
  token?: SpecialToken;
  readonly next: Map<number, Node>;
}

/**
 * Finds special tokens in a text: from left to right, at each place the longest one. It is a tree
 * of UTF-16 units, so a search costs no more with thousands of tokens than with three.
 */
export class SpecialTokens {
  readonly #root: Node = { next: new Map() };

  /** Of tokens with equal text the first counts. */
  constructor(tokens: Iterable<SpecialToken>, source: Source) {
    let total = 0;
    for (const token of tokens) {
      total += token.text.length;
      if (token.text.length > maxSpecialLength || total > maxSpecialTotal) {
        const expected = `up to ${maxSpecialLength} characters long (${maxSpecialTotal} together)`;
        const found = `${token.text.length} (${total} together) at token ${token.id}`;
        throw faulty(source, 'the control and user-defined tokens', expected, found);
      }
      let node = this.#root;
      for (let i = 0; i < token.text.length; i++) node = child(node, token.text.charCodeAt(i));
      node.token ??= token;
    }
  }

  /**
   * Calls back for each part of `text` in order: the id of a special token, or a non-empty text
   * between them. Control tokens are ordinary text unless `control`.
   */
  split(text: string, control: boolean, part: (part: string | number) => void): void {
    let start = 0;
    for (let i = 0; i < text.length; ) {
      const token = this.#longestAt(text, i, control);
      if (token === undefined) {
        i++;
        continue;
      }
      if (i > start) part(text.slice(start, i));
      part(token.id);
      i += token.text.length;
      start = i;
    }
    if (start < text.length) part(text.slice(start));
  }

  #longestAt(text: string, at: number, control: boolean): SpecialToken | undefined {
    let found: SpecialToken | undefined;
    let node = this.#root.next.get(text.charCodeAt(at));
    for (let i = at + 1; node !== undefined; i++) {
      if (node.token !== undefined && (control || !node.token.control)) found = node.token;
      node = node.next.get(text.charCodeAt(i)); // NaN past the end, which no node has
    }
    return found;
  }
}

function child(node: Node, unit: number): Node {
  let next = node.next.get(unit);
  if (next === undefined) {
    next = { next: new Map() };
    node.next.set(unit, next);
  }
  return next;
}
