import { faulty, type Source } from './faulty.js';
import { maxSpecialTotal } from './limits.js';
import { PatternAutomaton } from './pattern-automaton.js';
import { finish, type Steps } from './steps.js';
import { collision } from './text-table.js';

/** A token that is found in text as a whole, before anything else. */
export interface SpecialToken {
  readonly id: number;
  readonly text: string;
  /** Control and unknown tokens; false for user-defined ones, which every text may contain. */
  readonly control: boolean;
}

/**
 * Finds special tokens in a text: from left to right, at each place the longest one. The text is
 * read backwards, and so are the tokens: when the automaton comes to a place, it knows the longest
 * token that begins there, however long the beginnings of others go on.
 */
export class SpecialTokens {
  readonly #tokens: readonly SpecialToken[];
  readonly #automaton: PatternAutomaton;
  /** [states] the longest token that begins where the state has come to, -1: none. */
  readonly #all: Int32Array;
  readonly #userDefined: Int32Array;

  /** Of tokens with equal text the first counts. */
  constructor(tokens: readonly SpecialToken[], source: Source) {
    let total = 0;
    for (const { id, text } of tokens) {
      total += text.length;
      if (total <= maxSpecialTotal) continue;
      const expected = `up to ${maxSpecialTotal} characters together`;
      const field = 'the control and user-defined tokens';
      throw faulty(source, field, expected, `${total} at token ${id}`);
    }
    this.#tokens = tokens;
    this.#automaton = new PatternAutomaton(
      tokens.map(({ text }) => reversedUnits(text)),
      () => collision(source),
    );
    this.#all = this.#automaton.longest();
    this.#userDefined = this.#automaton.longest((i) => !tokens[i]!.control);
  }

  /**
   * Calls back for each part of `text` in order: the id of a special token, or a non-empty text
   * between them. Control tokens are ordinary text unless `control`.
   */
  split(text: string, control: boolean, part: (part: string | number) => void): void {
    for (const each of finish(this.parts(text, control))) part(each);
  }

  /** The same parts, found in steps. */
  *parts(text: string, control: boolean): Steps<Iterable<string | number>> {
    return this.#cut(text, yield* this.#find(text, control));
  }

  *#cut(text: string, { starts, found }: Found): Generator<string | number> {
    let end = 0;
    for (let i = starts.length - 1; i >= 0; i--) {
      const start = starts[i]!;
      if (start < end) continue; // it begins inside the one before
      if (start > end) yield text.slice(end, start);
      const token = this.#tokens[found[i]!]!;
      yield token.id;
      end = start + token.text.length;
    }
    if (end < text.length) yield text.slice(end);
  }

  /** Every place where a token begins, from the last to the first, with the longest such token. */
  *#find(text: string, control: boolean): Steps<Found> {
    const longest = control ? this.#all : this.#userDefined;
    const automaton = this.#automaton;
    const starts: number[] = [];
    const found: number[] = [];
    let state = 0;
    for (let i = text.length - 1; i >= 0; i--) {
      if (i % stepUnits === stepUnits - 1) yield;
      state = automaton.step(state, text.charCodeAt(i));
      const token = longest[state]!;
      if (token < 0) continue;
      starts.push(i);
      found.push(token);
    }
    return { starts, found };
  }
}

/** Places where special tokens begin, and which. */
interface Found {
  readonly starts: readonly number[];
  readonly found: readonly number[];
}

/** UTF-16 units that are looked at in one step. */
const stepUnits = 2 ** 16;

function reversedUnits(text: string): Uint16Array {
  return Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(text.length - 1 - i));
}
