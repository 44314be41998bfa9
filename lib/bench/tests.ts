import { Random } from '../generate/random.js';
import type { Model } from '../model/model.js';
import type { Session } from '../model/session.js';

/** One thing to time: a prompt of `tokens` tokens ('pp') or as many decoded one by one ('tg'). */
export interface BenchTest {
  readonly kind: 'pp' | 'tg';
  readonly tokens: number;
}

/** Best logits asked for: as many as the default sampler's top-k. */
const top = 40;

/** 'pp512', as llama-bench calls it. */
export function testLabel({ kind, tokens }: BenchTest): string {
  return `${kind}${tokens}`;
}

/**
 * Runs a test once in a session that is emptied first, and returns its milliseconds.
 *
 * Both kinds evaluate as `session.generate` does with default options, up to the best 40 logits, but sample nothing: all tokens,
 * those that are "generated" too, are drawn at random from the vocabulary, because the text of an untrained or a greedy model
 * repeats itself and would be easier on caches than ordinary text.
 */
export async function runTest(
  model: Model,
  session: Session,
  { kind, tokens }: BenchTest,
  seed: number,
): Promise<number> {
  const random = Random.fromSeed(seed);
  const { vocab } = model.spec;
  const ids = Array.from({ length: tokens }, () => Math.floor(random.next() * vocab));
  session.reset();
  const { evaluator } = session;
  const begin = performance.now();
  if (kind === 'pp') await evaluator.evaluateTop(ids, top, []);
  else for (const id of ids) await evaluator.evaluateTop([id], top, []);
  return performance.now() - begin;
}
