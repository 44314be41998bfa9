import { describe, expect, test } from 'vitest';
import { bench } from '../../lib/bench/bench.js';
import { TrialProcess } from '../../lib/bench/trial-process.js';
import { embeddedModelPath } from '../../lib/model/embedded.js';
import { compiler, readBandwidth } from '../../lib/native.js';

const quick = { prompts: [20], generations: [6], repetitions: 2, threads: [1] } as const;

describe('bench', () => {
  test('measures every setting and test, in a report that agrees with itself', async () => {
    const steps: [string, number][] = [];
    const begin = performance.now();
    const report = await bench({
      ...{ ...quick, prompts: [20, 30], kernels: ['scalar', ''], command: 'bitnet bench' },
      onProgress: (step, fraction) => steps.push([step, fraction]),
    });
    const wall = performance.now() - begin;
    const { machine, build, results } = report;
    expect(report).toMatchObject({ command: 'bitnet bench' });
    expect(Date.parse(report.date)).toBeGreaterThan(0);
    expect(build.compiler).toBe(compiler());
    const [{ threads, gbPerSecond: bandwidth }] = machine.readBandwidth as [
      { threads: number; gbPerSecond: number },
    ];
    expect(threads).toBe(1);
    expect(results.map(({ test, kernel }) => [test, /scalar/.test(kernel.ternary)])).toEqual([
      ...['pp20', 'pp30', 'tg6'].map((test) => [test, true]),
      ...['pp20', 'pp30', 'tg6'].map((test) => [test, /scalar/.test(results[3]!.kernel.ternary)]),
    ]);
    let measured = 0;
    for (const result of results) {
      const { samples, tokensPerSecond, millisecondsPerToken, bytesPerToken, memory } = result;
      expect(result).toMatchObject({ model: embeddedModelPath, format: 'i2_s', threads: 1 });
      expect(samples).toHaveLength(2);
      expect(tokensPerSecond.median).toBeCloseTo((samples[0]! + samples[1]!) / 2, 6);
      expect(millisecondsPerToken * tokensPerSecond.median).toBeCloseTo(1000, 6);
      const tokens = Number(result.test.slice(2));
      for (const sample of samples) measured += (1000 * tokens) / sample;
      expect(memory.kv).toBe(30 * 6 * 2 * 2 * 64 * 2);
      expect(result.peakRssBytes).toBeGreaterThan(memory.ternary + memory.head);
      if (process.platform === 'linux') {
        expect(memory.anonymousRss).toBeGreaterThan(memory.ternary + memory.head);
        expect(result.peakRssBytes).toBeGreaterThan(memory.anonymousRss!);
      }
      if (result.test.startsWith('pp')) {
        expect(result).toMatchObject({ bytesPerToken: null, gbPerSecond: null });
        expect(result.fractionOfReadBandwidth).toBeNull();
      } else {
        expect(result.gbPerSecond! * 1e9).toBeCloseTo(bytesPerToken! * tokensPerSecond.median, 0);
        expect(result.fractionOfReadBandwidth! * bandwidth).toBeCloseTo(result.gbPerSecond!, 9);
      }
      expect(result).toMatchObject({ joulesPerToken: null, energySource: null });
      expect(result.energyReason).toContain('energy');
    }
    expect(measured).toBeLessThan(wall);
    const fractions = steps.map(([, fraction]) => fraction);
    // Two bandwidths; two loads; three tests, two settings, a warm-up and two repetitions.
    expect(fractions).toEqual(Array.from({ length: 22 }, (_, i) => i / 22));
    const names = steps.map(([step]) => step).filter((step) => step.startsWith('tg6'));
    const settings = ['scalar', ''].map((kernel) => `1 thread${kernel && `, ${kernel}`}`);
    const rounds = ['tg6, warm-up', 'tg6', 'tg6'];
    expect(names).toEqual(rounds.flatMap((round) => settings.map((name) => `${round}, ${name}`)));
  });

  test('passes on why a model or a kernel cannot be used', async () => {
    await expect(bench({ ...quick, models: ['nothere.gguf'] })).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
      message: expect.stringContaining('nothere.gguf'),
    });
    await expect(bench({ ...quick, kernels: ['abacus'] })).rejects.toMatchObject({
      code: 'ERR_BITNET_KERNEL',
    });
  });

  test.each(['read bandwidth', 'loading', 'tg6'])('can be aborted at: %s', async (when) => {
    const controller = new AbortController();
    const running = bench({
      ...quick,
      signal: controller.signal,
      onProgress: (step) => {
        if (step.startsWith(when)) setTimeout(() => controller.abort('enough'), 1);
      },
    });
    await expect(running).rejects.toMatchObject({
      ...{ code: 'ERR_BITNET_ABORTED', name: 'AbortError', cause: 'enough' },
    });
  });
});

describe('a trial process', () => {
  const setting = { model: undefined, threads: 1, kernel: '', autotune: true };

  test('that is killed rejects what it was asked, and everything after', async () => {
    const trial = new TrialProcess();
    await trial.load(setting, 16);
    const running = trial.run({ kind: 'tg', tokens: 16 }, 1);
    trial.close();
    await expect(running).rejects.toMatchObject({ code: 'ERR_BITNET_MEMORY' });
    await expect(trial.memory()).rejects.toMatchObject({ code: 'ERR_BITNET_MEMORY' });
  });

  test('refuses more tokens than it made room for, and goes on', async () => {
    const trial = new TrialProcess();
    try {
      await trial.load(setting, 16);
      await expect(trial.run({ kind: 'pp', tokens: 17 }, 1)).rejects.toMatchObject({
        code: 'ERR_BITNET_CONTEXT',
      });
      expect(await trial.run({ kind: 'pp', tokens: 16 }, 1)).toBeGreaterThan(0);
    } finally {
      trial.close();
    }
  });
});

describe('readBandwidth', () => {
  test('is a rate a machine can have, for several calls at once too', async () => {
    for (const rate of await Promise.all([readBandwidth(1), readBandwidth(2)])) {
      expect(rate).toBeGreaterThan(0.001);
      expect(rate).toBeLessThan(10_000);
    }
  });
});
