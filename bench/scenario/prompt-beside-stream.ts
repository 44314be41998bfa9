import { Random } from '../../lib/generate/random.js';
import type { Session } from '../../lib/model/session/session.js';
import type { Scenario } from './scenario.js';

const usualPrompt = 2048;

/** Tokens that the stream has read before. */
const depth = 64;

/** Tokens that it decodes alone, and before the prompt begins beside it. */
const decodedAlone = 64;
const decodedBefore = 8;

/** Best logits asked for: as many as the default sampler's top-k. */
const top = 40;

type DrawIds = (count: number) => number[];

/**
 * One session decodes token by token, as `generate` does but for the sampling, and another reads a long prompt: each alone, then
 * side by side. Tokens are drawn at random.
 */
export const promptBesideStream: Scenario = {
  description: ({ prompt = usualPrompt }) =>
    `a prompt of ${prompt} tokens beside a text that is being generated`,
  figures: ['gap between tokens, p95', 'time of the prompt'],
  async run(model, { prompt = usualPrompt }, seed) {
    const random = Random.fromSeed(seed);
    const ids: DrawIds = (count) =>
      Array.from({ length: count }, () => Math.floor(random.next() * model.spec.vocabSize));
    const stream = model.createSession({ contextLength: depth + decodedAlone + prompt });
    const reader = model.createSession({ contextLength: prompt });
    try {
      const alone = await decode(stream, ids, ({ length }) => length <= decodedAlone);
      const promptAlone = await read(reader, ids(prompt));
      let reading: Promise<Span> | undefined;
      let over = false;
      const beside = await decode(stream, ids, ({ length }) => {
        if (length === decodedBefore) {
          reading = read(reader, ids(prompt)).finally(() => {
            over = true;
          });
        }
        return !over;
      });
      const promptBeside = await reading!;
      return [
        { alone: p95(gaps(alone)), beside: p95(gaps(beside, promptBeside)) },
        {
          alone: promptAlone.end - promptAlone.begin,
          beside: promptBeside.end - promptBeside.begin,
        },
      ];
    } finally {
      stream.close();
      reader.close();
    }
  },
};

interface Span {
  readonly begin: number;
  readonly end: number;
}

/** Decodes as long as `goesOn`, which sees the times so far; when each token was there, in milliseconds. */
async function decode(
  session: Session,
  ids: DrawIds,
  goesOn: (times: readonly number[]) => boolean,
): Promise<readonly number[]> {
  return generating(session, async () => {
    await session.evaluate(ids(depth), { top });
    const times = [performance.now()];
    while (goesOn(times) && session.position < session.contextLength) {
      await session.evaluate(ids(1), { top });
      times.push(performance.now());
    }
    return times;
  });
}

async function read(session: Session, prompt: readonly number[]): Promise<Span> {
  return generating(session, async () => {
    const begin = performance.now();
    await session.evaluate(prompt, { top });
    return { begin, end: performance.now() };
  });
}

/** Work on an empty session that the engine takes for a generation. */
async function generating<T>(session: Session, work: () => Promise<T>): Promise<T> {
  session.reset();
  const { signal } = new AbortController();
  const tokens = session.contextLength;
  const generation = await session.evaluator.admit!({ tokens, caller: '', priority: 0, signal });
  try {
    return await work();
  } finally {
    generation.end({ usage: { promptTokens: 0, completionTokens: 0 } });
  }
}

/** Times between tokens, of which part of `span`. */
function gaps(times: readonly number[], span: Span = { begin: 0, end: Infinity }): number[] {
  return times
    .slice(1)
    .map((time, i) => ({ begin: times[i]!, end: time }))
    .filter(({ begin, end }) => end > span.begin && begin < span.end)
    .map(({ begin, end }) => end - begin);
}

function p95(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(0.95 * sorted.length) - 1]!;
}
