/**
 * What may come next in a text, for example as a grammar has it. One generation owns it, and tells it of
 * every token that is chosen. Masks have a bit for each row of the output head: bit `id & 31` of
 * word `id >>> 5`.
 */
export interface TokenConstraint {
  /** Whether the text may go on with this token, or end with it if it is one that ends texts. */
  allows(id: number): boolean;
  /** `[ceil(vocabSize / 32)]`, at least one bit set: the tokens that `allows`. It is only read. */
  mask(): Uint32Array;
  /** Whether the text may end here. */
  readonly allowsEnd: boolean;
  /** The token was chosen, which is one of those allowed. */
  accept(id: number): void;
  /** Whether nothing but the end can come next. */
  readonly mustEnd?: boolean;
  /** The only tokens that can come next, as far as that is known: masks allow no others. */
  forced?(): readonly number[];
  /** An independent copy, cheap to make: for tokens that are drafted, and may be taken back. */
  fork(): TokenConstraint;
}

/** Whether a mask has the bit of a token; without a mask every token is allowed. */
export function isAllowed(mask: Uint32Array | undefined, id: number): boolean {
  return mask === undefined || ((mask[id >>> 5]! >>> (id & 31)) & 1) === 1;
}
