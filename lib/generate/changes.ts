/** Tokens so far, oldest first, of which the first `length` count. */
export interface History {
  readonly tokens: ArrayLike<number>;
  readonly length: number;
}

/** Changes the logits of some tokens: each by a rule, and a value of its own. */
export interface LogitChange {
  readonly tokens: ReadonlyMap<number, number>;
  /** The logit afterwards, rounded to float32 so that it is the same number wherever it is kept. */
  apply(logit: number, value: number): number;
}

/** Adds to the logits of some tokens; −Infinity takes a token away. */
export function addition(tokens: ReadonlyMap<number, number>): LogitChange {
  return { tokens, apply: (logit, value) => Math.fround(logit + value) };
}

/** Several changes, one after the other. */
export class LogitChanges {
  /** Every token that is changed, once. */
  readonly ids: readonly number[];
  readonly #changes: readonly LogitChange[];

  constructor(changes: readonly LogitChange[]) {
    this.#changes = changes.filter(({ tokens }) => tokens.size > 0);
    this.ids = [...new Set(this.#changes.flatMap(({ tokens }) => [...tokens.keys()]))];
  }

  has(id: number): boolean {
    return this.#changes.some(({ tokens }) => tokens.has(id));
  }

  apply(logit: number, id: number): number {
    return this.#changes.reduce((changed, { tokens, apply }) => {
      const value = tokens.get(id);
      return value === undefined ? changed : apply(changed, value);
    }, logit);
  }
}
