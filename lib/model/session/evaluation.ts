import { argumentError } from '../../checks/options.js';
import { BitnetError } from '../../errors.js';
import type { OnProgress } from '../../generate/on-progress.js';

/** `evaluate(…, { logits: 'all' })` holds at most this many bytes of logits: 1 GiB. */
const maxLogitsBytes = 2 ** 30;

/** Options of `session.evaluate` that ask for raw logits. */
export interface EvaluateOptions {
  /**
   * Which positions' logits to return.
   * @default 'last'
   */
  readonly logits?: 'all' | 'last' | 'none' | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with the fraction of the tokens that is evaluated, from 0 to 1. */
  readonly onProgress?: OnProgress | undefined;
}

/** Options of `session.evaluate` that ask for the best next tokens. */
export interface EvaluateTopOptions {
  /** How many, from 1 to the vocabulary size. */
  readonly top: number;
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with the fraction of the tokens that is evaluated, from 0 to 1. */
  readonly onProgress?: OnProgress | undefined;
}

/** The likeliest next tokens. */
export interface TopTokens {
  /** `[top]` ids, likeliest first; ties go to the lower id. */
  readonly ids: Int32Array;
  /** `[top]` natural logarithms of their probabilities under the model, at temperature 1. */
  readonly logProbs: Float64Array;
}

/** How many rows of logits an evaluation of so many `tokens` returns; refuses more than 1 GiB. */
export function logitsRows(
  logits: NonNullable<EvaluateOptions['logits']>,
  tokens: number,
  vocabSize: number,
): number {
  if (logits !== 'all' && logits !== 'last' && logits !== 'none') {
    throw argumentError("'all', 'last' or 'none'", 'option logits', logits);
  }
  const rows = logits === 'all' ? tokens : logits === 'last' ? 1 : 0;
  if (rows * vocabSize * 4 > maxLogitsBytes) {
    throw new BitnetError(
      'ERR_BITNET_ARGUMENT',
      `Expected at most 1 GiB of logits, but all logits of ${rows} tokens are ${((rows * vocabSize * 4) / 2 ** 30).toFixed(1)} GiB; ` +
        'evaluate fewer tokens at a time, or use session.score(ids) for log-probabilities.',
    );
  }
  return rows;
}
