import { abortError } from '../abort.js';
import { TimeSlice } from '../gguf/time-slice.js';
import { finishInSlices } from './steps.js';
import type { EncodeOptions, Tokenizer } from './types.js';

/** UTF-16 units of a text that takes no more than a few milliseconds. */
const shortText = 4096;

/** Texts one after the other, so that thousands of calls at once let the event loop turn in between. */
class Line {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` after all that came before it. */
  join<T>(work: () => Promise<T>): Promise<T> {
    const own = this.#last.then(work);
    this.#last = own.catch(() => {});
    return own;
  }
}

/** Short texts do not wait for long ones. */
const [shortTexts, longTexts] = [new Line(), new Line()];
const slice = new TimeSlice();

/**
 * `tokenizer.encode` where nobody waits for it at once: holds the event loop for a few milliseconds at a time, however
 * long the text and however many there are.
 *
 * @throws as `encode`, and ERR_BITNET_ABORTED
 */
export function encodeInTurn(
  tokenizer: Tokenizer,
  text: string,
  options: EncodeOptions,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const check = () => {
    if (signal?.aborted) throw abortError('Reading the text was aborted.', signal.reason);
  };
  if (text.length > shortText && tokenizer.encodeInSteps) {
    return longTexts.join(async () => {
      check();
      return finishInSlices(tokenizer.encodeInSteps!(text, options), check);
    });
  }
  return shortTexts.join(async () => {
    if (slice.due()) await slice.pause();
    check();
    return tokenizer.encode(text, options);
  });
}
