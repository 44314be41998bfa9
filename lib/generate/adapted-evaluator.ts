import type { AppliedAdapters } from '../model/adapter/applied-adapters.js';
import type { Evaluator } from './evaluator.js';

/** An evaluator whose model may have adapters. */
export interface AdaptedEvaluator extends Evaluator {
  /** Chooses what the session is evaluated with from now on; undefined: what is usual for it. */
  useAdapters?(adapters: AppliedAdapters | undefined): void;
}
