import type { Tokenizer } from '../tokenizer/types.js';

/** More tokens of a breaker behind its first are not looked at. */
const longestTail = 20;

type BreakerTokenizer = Pick<Tokenizer, 'vocabSize' | 'tokenBytes' | 'encode'>;

/** Texts over which no repetition reaches, as sequences of tokens. */
export class DryBreakers {
  /** By their first token what follows it, in every way of writing a breaker. */
  readonly #tails: ReadonlyMap<number, readonly (readonly number[])[]>;

  /** @param sequences of tokens, none empty */
  constructor(sequences: Iterable<readonly number[]>) {
    const tails = new Map<number, number[][]>();
    for (const [head, ...tail] of sequences) {
      tails.set(head!, [...(tails.get(head!) ?? []), tail]);
    }
    this.#tails = tails;
  }

  /** Those of some texts: every token that contains one, or ends with its beginning. */
  static of(texts: readonly string[], tokenizer: BreakerTokenizer): DryBreakers {
    return new DryBreakers(texts.flatMap((text) => sequencesOf(text, tokenizer)));
  }

  /** Whether the token is one alone. */
  isBreaker(id: number): boolean {
    return this.#tails.get(id)?.some((tail) => tail.length === 0) ?? false;
  }

  /** How many tokens stand behind the last breaker, at most `count`. `back(0)` is the last token. */
  distance(back: (i: number) => number, count: number): number {
    if (this.#tails.size === 0) return count;
    for (let i = 0; i < count; i++) {
      let longest = -1;
      for (const tail of this.#tails.get(back(i)) ?? []) {
        if (tail.length <= i && tail.every((id, n) => id === back(i - n - 1))) {
          longest = Math.max(longest, tail.length);
        }
      }
      if (longest >= 0) return i - longest;
    }
    return count;
  }
}

/** Texts whose sequences are kept for a tokenizer; those of one generation at least. */
const mostKnown = 64;

/** Of one tokenizer, by text: the whole vocabulary is looked through for each. */
const known = new WeakMap<BreakerTokenizer, Map<string, number[][]>>();

function sequencesOf(text: string, tokenizer: BreakerTokenizer): number[][] {
  const ofTokenizer = known.get(tokenizer) ?? new Map<string, number[][]>();
  known.set(tokenizer, ofTokenizer);
  const sequences = ofTokenizer.get(text) ?? searched(text, tokenizer);
  ofTokenizer.set(text, sequences);
  if (ofTokenizer.size > mostKnown) ofTokenizer.delete(ofTokenizer.keys().next().value!);
  return sequences;
}

function searched(text: string, tokenizer: BreakerTokenizer): number[][] {
  const breaker = Buffer.from(text).toString('latin1'); // a character for every byte
  const sequences: number[][] = [];
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const token = Buffer.from(tokenizer.tokenBytes(id)).toString('latin1');
    if (token.includes(breaker)) {
      sequences.push([id]);
      continue;
    }
    for (let length = Math.min(token.length, breaker.length - 1); length > 0; length--) {
      if (!token.endsWith(breaker.slice(0, length))) continue;
      const rest = Buffer.from(breaker.slice(length), 'latin1').toString();
      const tail = tokenizer.encode(rest, { continues: true });
      sequences.push([id, ...tail.slice(0, longestTail)]);
    }
  }
  return sequences;
}
