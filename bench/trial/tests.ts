import { count } from '../../lib/count.js';
import { largestOf } from '../../lib/extremes.js';
import { Random } from '../../lib/generate/random.js';
import type { Model } from '../../lib/model/model.js';
import type { Session } from '../../lib/model/session/session.js';

/** One thing to time, in each of several sequences at once. */
export interface BenchTest {
  /** Tokens evaluated together, as a prompt is. */
  readonly prompt: number;
  /** Tokens decoded one by one after them. */
  readonly generate: number;
  /** Positions of the context that are filled before, untimed. */
  readonly depth: number;
  /** Sequences, each with a session of its own, that do this side by side. */
  readonly sequences: number;
  /** How many of the setting's adapters are used, each sequence one of them. @default 0 */
  readonly adapters?: number;
  /** Whether the adapter is one that has to be read first. @default false */
  readonly cold?: true;
}

/** What one run of a test took, in milliseconds. */
export interface TestTimes {
  readonly milliseconds: number;
  /** Until the logits of the last prompt token were there; null without a prompt. */
  readonly firstToken: number | null;
}

/** Best logits asked for: as many as the default sampler's top-k. */
const best = { top: 40, extraIds: [] };

/**
 * 'pp512', 'tg128', 'pp512+tg128', 'tg128 @ d4096' as llama-bench has them; 'tg32 x16' for sixteen sequences, 'tg32 x16, 2 adapters'
 * with as many.
 */
export function testLabel(test: BenchTest): string {
  const { prompt, generate, depth, sequences, adapters = 0, cold } = test;
  const parts = [prompt > 0 ? `pp${prompt}` : '', generate > 0 ? `tg${generate}` : ''];
  const at = depth > 0 ? ` @ d${depth}` : '';
  const beside = adapters > 0 ? `, ${cold ? 'cold adapter' : count(adapters, 'adapter')}` : '';
  return `${parts.filter(Boolean).join('+')}${at}${sequences > 1 ? ` x${sequences}` : ''}${beside}`;
}

/** Tokens that a run of a test evaluates, all sequences together. */
export function testTokens({ prompt, generate, sequences }: BenchTest): number {
  return (prompt + generate) * sequences;
}

/** Context that a sequence of a test needs. */
export function testLength({ prompt, generate, depth }: BenchTest): number {
  return depth + prompt + generate;
}

/** What tests need of a process that runs all of them. */
export interface Room {
  /** Of each sequence. */
  readonly contextLength: number;
  readonly sequences: number;
}

export function roomFor(tests: readonly BenchTest[]): Room {
  return {
    contextLength: largestOf(tests.map(testLength)),
    sequences: largestOf(tests.map(({ sequences }) => sequences)),
  };
}

/** Positions of the KV caches of such a process, all sequences together. */
export function positionsFor(tests: readonly BenchTest[]): number {
  const { contextLength, sequences } = roomFor(tests);
  return contextLength * sequences;
}

/**
 * Runs a test once in `sessions`, one for each sequence, which are brought to its depth first.
 *
 * Prompts and decoded tokens are evaluated as `session.generate` does with default options, up to the best 40 logits, but nothing
 * is sampled: all tokens are drawn at random from the vocabulary, because the text of an untrained or a greedy model repeats itself
 * and would be easier on caches than ordinary text.
 */
export async function runTest(
  model: Model,
  sessions: readonly Session[],
  test: BenchTest,
  batch: number,
  seed: number,
): Promise<TestTimes> {
  const random = Random.fromSeed(seed);
  const { vocabSize } = model.spec;
  const ids = (count: number) =>
    Array.from({ length: count }, () => Math.floor(random.next() * vocabSize));
  const active = sessions.slice(0, test.sequences);
  for (const session of active) {
    // What stands before the depth is as good for the next run.
    if (session.position >= test.depth) session.truncate(test.depth);
    else await session.evaluate(ids(test.depth - session.position), { logits: 'none' });
  }
  const texts = active.map(() => ({ prompt: ids(test.prompt), rest: ids(test.generate) }));
  const begin = performance.now();
  const firsts = await Promise.all(
    active.map(async (session, i) => {
      const { evaluator } = session;
      const { prompt, rest } = texts[i]!;
      for (let at = 0; at < prompt.length; at += batch) {
        const piece = prompt.slice(at, at + batch);
        if (at + batch < prompt.length) await session.evaluate(piece, { logits: 'none' });
        else await evaluator.evaluate(piece, [best]);
      }
      const first = performance.now() - begin;
      for (const id of rest) await evaluator.evaluate([id], [best]);
      return first;
    }),
  );
  const milliseconds = performance.now() - begin;
  return { milliseconds, firstToken: test.prompt > 0 ? largestOf(firsts) : null };
}
