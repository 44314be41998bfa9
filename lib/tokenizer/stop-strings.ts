import { BitnetError } from '../errors.js';
import { PatternAutomaton } from './pattern-automaton.js';

/**
 * Watches a text for stop strings, piece by piece, with the same result however it is cut: the
 * string that is complete first counts (of several complete at the same place, the longest). Each
 * character costs the same, however many strings there are.
 */
export class StopStrings {
  readonly #strings: readonly string[];
  readonly #automaton: PatternAutomaton;
  /** [states] the longest string that is complete, -1: none. */
  readonly #complete: Int32Array;
  #state = 0;
  #held = '';

  /** The stop string that was found. */
  found: string | undefined;

  /**
   * @param strings non-empty
   * @throws ERR_BITNET_ARGUMENT when they were chosen to make a table slow
   */
  constructor(strings: readonly string[]) {
    this.#strings = strings;
    this.#automaton = new PatternAutomaton(strings.map(units), collided);
    this.#complete = this.#automaton.longest();
  }

  /** Takes more text and returns what can be no part of a stop string. */
  push(text: string): string {
    if (this.found !== undefined) return '';
    const all = this.#held + text;
    for (let i = this.#held.length; i < all.length; i++) {
      this.#state = this.#automaton.step(this.#state, all.charCodeAt(i));
      const complete = this.#strings[this.#complete[this.#state]!];
      if (complete === undefined) continue;
      this.found = complete;
      this.#held = '';
      return all.slice(0, i + 1 - complete.length);
    }
    const sure = all.length - this.#automaton.depth(this.#state);
    this.#held = all.slice(sure);
    return all.slice(0, sure);
  }

  /** Returns what was held back: no more text follows. */
  flush(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }
}

function collided(): BitnetError {
  const message =
    'Expected ordinary stop texts, but received too many that collide in a hash table.';
  return new BitnetError('ERR_BITNET_ARGUMENT', message, { option: 'stop' });
}

function units(text: string): Uint16Array {
  return Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
}
