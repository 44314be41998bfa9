/** Text without special tokens ─► ids. */
export interface TextEncoder {
  /**
   * Appends the ids of `text` to `ids`.
   *
   * @param afterSpecial whether the text begins the input or follows a special token
   */
  encode(text: string, afterSpecial: boolean, ids: number[]): void;
}
