import type { Steps } from './steps.js';

/** Text without special tokens ─► ids. */
export interface TextEncoder {
  /**
   * Appends the ids of `text` to `ids`, in steps of a millisecond or so. One text is under way at a time.
   *
   * @param afterSpecial whether the text begins the input or follows a special token
   */
  encode(text: string, afterSpecial: boolean, ids: number[]): Steps;
  /** Another one of the same vocabulary, for a text that is encoded while this one has others. */
  fork(): TextEncoder;
}
