/**
 * Watches a text for stop strings, piece by piece, with the same result however it is cut: the
 * string that is complete first counts (of several complete at the same place, the longest).
 * One Knuth-Morris-Pratt automaton per string, so each character costs one step.
 */
export class StopStrings {
  readonly #automata: readonly Automaton[];
  #held = '';

  /** The stop string that was found. */
  found: string | undefined;

  /** @param strings non-empty */
  constructor(strings: readonly string[]) {
    this.#automata = strings.map((text) => ({ text, failure: failureTable(text), matched: 0 }));
  }

  /** Takes more text and returns what can be no part of a stop string. */
  push(text: string): string {
    if (this.found !== undefined) return '';
    const all = this.#held + text;
    for (let i = this.#held.length; i < all.length; i++) {
      const complete = this.#step(all.charCodeAt(i));
      if (complete === undefined) continue;
      this.found = complete;
      this.#held = '';
      return all.slice(0, i + 1 - complete.length);
    }
    const held = Math.max(0, ...this.#automata.map(({ matched }) => matched));
    this.#held = all.slice(all.length - held);
    return all.slice(0, all.length - held);
  }

  /** Returns what was held back: no more text follows. */
  flush(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }

  #step(unit: number): string | undefined {
    let complete: string | undefined;
    for (const automaton of this.#automata) {
      const { text, failure } = automaton;
      let { matched } = automaton;
      while (matched > 0 && text.charCodeAt(matched) !== unit) matched = failure[matched - 1]!;
      if (text.charCodeAt(matched) === unit) matched++;
      automaton.matched = matched;
      if (matched === text.length && text.length > (complete?.length ?? 0)) complete = text;
    }
    return complete;
  }
}

interface Automaton {
  readonly text: string;
  /** [text.length] length of the longest border of each prefix: where to go on after a mismatch. */
  readonly failure: Int32Array;
  /** How much of `text` the text so far ends with. */
  matched: number;
}

function failureTable(text: string): Int32Array {
  const failure = new Int32Array(text.length);
  for (let i = 1, matched = 0; i < text.length; i++) {
    while (matched > 0 && text[matched] !== text[i]) matched = failure[matched - 1]!;
    if (text[matched] === text[i]) matched++;
    failure[i] = matched;
  }
  return failure;
}
