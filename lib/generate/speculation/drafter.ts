/** Guesses how a text goes on. */
export interface Drafter {
  /**
   * At most `most` tokens that may follow all of `tokens`, none where there is nothing to go by. The list is
   * valid until the next call.
   */
  draft(
    tokens: readonly number[],
    most: number,
    signal: AbortSignal | undefined,
  ): readonly number[] | Promise<readonly number[]>;
  /** Frees what it holds. */
  close(): void;
}
