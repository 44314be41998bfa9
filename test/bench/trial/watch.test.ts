import { describe, expect, test } from 'vitest';
import type { BenchPlan } from '../../../bench/options.js';
import { idleStep, limitsStep, Watch } from '../../../bench/trial/watch.js';

const once = { depth: 0, sequences: 1 };
const prompt = { ...once, prompt: 512, generate: 0 };
const decode = { ...once, prompt: 0, generate: 128 };
const settings = [
  { model: 'small', threads: 1 },
  { model: 'large', threads: 1 },
];
const plan = { settings, tests: [prompt, decode], repetitions: 2, threads: [1] };

/** A watch, and steps that take as long as they are said to. */
function watching(energy = false) {
  let now = 50;
  const seen: { step: string; fraction: number; left: number | null }[] = [];
  const watch = new Watch(
    plan as unknown as BenchPlan,
    energy,
    { onProgress: (step, fraction, left) => seen.push({ step, fraction, left }) },
    () => now,
  );
  const step = (seconds: number, ...args: Parameters<Watch['next']>) => {
    watch.next(...args);
    now += seconds;
  };
  return { seen, step };
}

/** Seconds of the steps of a plan: the large model's prompts take 20 s, its texts 10 s; the small one's half. */
function run(step: ReturnType<typeof watching>['step']): void {
  step(1, limitsStep, { threads: 1 });
  for (const setting of settings) step(2, 'loading', setting);
  for (const note of [', warm-up', '', '']) {
    step(10, 'pp512', settings[0], note);
    step(20, 'pp512', settings[1], note);
    step(5, 'tg128', settings[0], note);
    step(10, 'tg128', settings[1], note);
  }
  step(1, limitsStep, { threads: 1 });
}

describe('the watch of a benchmark', () => {
  test('tells the seconds left once a test was run, exactly when its steps take as long as before', () => {
    const { seen, step } = watching();
    run(step);
    expect(seen.map(({ step: name }) => name).slice(0, 5)).toEqual([
      'limits of the machine, 1 thread',
      'loading, 1 thread',
      'loading, 1 thread',
      'pp512, warm-up, 1 thread',
      'pp512, warm-up, 1 thread',
    ]);
    expect(seen.slice(0, 4).map(({ left }) => left)).toEqual([null, null, null, null]);
    // After the first round every kind is known: two more of 45 s, and the limits once more.
    expect(seen[7]!.left).toBe(2 * 45 + 1);
    expect(seen[8]!.left).toBe(2 * 45 + 1 - 10);
    expect(seen.at(-1)!.left).toBe(1);
    expect(seen.at(-1)!.fraction).toBeCloseTo(140 / 141, 9);
  });

  test('follows the time, not the number of steps, and never goes back', () => {
    const { seen, step } = watching();
    run(step);
    const fractions = seen.map(({ fraction }) => fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    // 5 s of limits and loads and 45 s of the first round are over.
    expect(fractions[7]).toBeCloseTo(50 / 141, 9);
  });

  test('counts windows of energy apart', () => {
    const { seen, step } = watching(true);
    step(3, idleStep);
    step(1, limitsStep, { threads: 1 });
    step(1, 'pp512', settings[0]);
    step(9, 'pp512, energy', settings[0]);
    expect(seen.at(-1)!.left).toBeGreaterThan(0);
    step(0, 'tg128', settings[0]);
    const before = seen.at(-1)!.left!;
    step(0, 'pp512, energy', settings[0]);
    expect(before - seen.at(-1)!.left!).toBeGreaterThan(8);
  });
});
