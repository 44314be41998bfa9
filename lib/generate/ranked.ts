import { type Candidate, descending, largestLogit } from './candidates.js';

/**
 * Candidates from the best down, as one sampler hands them to the next. They are read only as far as
 * somebody needs them.
 */
export class Ranked {
  /** The logit of the first. */
  readonly largest: number;
  /** What logits are divided by before they become probabilities. */
  readonly temperature: number;
  readonly #items: Iterable<Candidate>;
  /** Where nothing was taken away yet: the logits of the whole vocabulary. */
  readonly #whole: Float32Array | undefined;

  private constructor(
    items: Iterable<Candidate>,
    largest: number,
    temperature: number,
    whole?: Float32Array,
  ) {
    this.#items = Array.isArray(items) ? items : new Read(items);
    this.largest = largest;
    this.temperature = temperature;
    this.#whole = whole;
  }

  /** @param list at least one, best first */
  static ofList(list: readonly Candidate[], temperature = 1): Ranked {
    return new Ranked(list, list[0]!.logit, temperature);
  }

  /** Of the whole vocabulary; a token whose logit is -Infinity is no candidate. */
  static ofAll(logits: Float32Array, temperature = 1): Ranked {
    const largest = largestLogit(logits);
    return new Ranked(descending(logits, largest), largest, temperature, logits);
  }

  get items(): Iterable<Candidate> {
    return this.#items;
  }

  get first(): Candidate {
    for (const candidate of this.#items) return candidate;
    throw new Error('there is always a first');
  }

  get list(): readonly Candidate[] {
    return Array.isArray(this.#items) ? this.#items : [...this.#items];
  }

  /** All logits, in any order. */
  get logits(): Iterable<number> {
    return this.#whole ?? this.list.map(({ logit }) => logit);
  }

  /** How many tokens the vocabulary has, if nothing was taken away. */
  get vocabSize(): number | undefined {
    return this.#whole?.length;
  }

  /** Probability of a token relative to the first. */
  weight(logit: number): number {
    return Math.exp((logit - this.largest) / this.temperature);
  }

  /** The sum of all weights. */
  total(): number {
    let sum = 0;
    if (this.#whole) for (const logit of this.#whole) sum += this.weight(logit);
    else for (const { logit } of this.list) sum += this.weight(logit);
    return sum;
  }

  /** log p of a candidate among those that are left. */
  logProbability(logit: number, total: number): number {
    return (logit - this.largest) / this.temperature - Math.log(total);
  }

  /** The same, cut behind the last of `items`. */
  head(items: Iterable<Candidate>): Ranked {
    return new Ranked(items, this.largest, this.temperature);
  }

  /** Without the first `count`, which leave at least one. */
  without(count: number): Ranked {
    if (!this.#whole) return Ranked.ofList(this.list.slice(count), this.temperature);
    const logits = this.#whole.slice();
    let dropped = 0;
    for (const { id } of this.#items) {
      if (dropped++ === count) break;
      logits[id] = -Infinity;
    }
    return Ranked.ofAll(logits, this.temperature);
  }

  tempered(temperature: number): Ranked {
    return new Ranked(this.#items, this.largest, this.temperature * temperature, this.#whole);
  }

  /** With other logits: `change` is given what they are after the temperature so far. */
  changed(change: (logit: number, id: number) => number): Ranked {
    if (this.#whole) {
      return Ranked.ofAll(this.#whole.map((logit, id) => change(logit / this.temperature, id)));
    }
    const list = this.list
      .map(({ id, logit }) => ({ id, logit: change(logit / this.temperature, id) }))
      .filter(({ logit }) => logit !== -Infinity);
    return Ranked.ofList(list.sort((a, b) => b.logit - a.logit || a.id - b.id));
  }
}

/** What was read of a sequence stays, so that it can be read again. */
class Read implements Iterable<Candidate> {
  readonly #seen: Candidate[] = [];
  readonly #source: Iterator<Candidate>;

  constructor(source: Iterable<Candidate>) {
    this.#source = source[Symbol.iterator]();
  }

  *[Symbol.iterator](): Iterator<Candidate> {
    for (let i = 0; ; i++) {
      if (i === this.#seen.length) {
        const step = this.#source.next();
        if (step.done) return;
        this.#seen.push(step.value);
      }
      yield this.#seen[i]!;
    }
  }
}
