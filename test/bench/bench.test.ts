import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import Ajv from 'ajv';
import { describe, expect, test } from 'vitest';
import { bench } from '../../bench/bench.js';
import type { BenchReport } from '../../bench/report/report.js';
import { spread } from '../../bench/report/spread.js';
import { TrialProcess } from '../../bench/trial/trial-process.js';
import { openMeter } from '../../lib/machine/energy/open-meter.js';
import { embeddedModelPath } from '../../lib/model/load/embedded.js';
import { compiler, multiplyInstruction, multiplyPeak, readBandwidth } from '../../lib/native.js';
import { shardName, writeSplit } from '../fixtures/split-model.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyAdapter } from '../fixtures/tiny-adapter.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { onlyPowercap, Powercap } from '../machine/energy/powercap.js';

const file = tempFolder();

const schema = readFileSync(resolve(__dirname, '../../docs/bench-report.schema.json'), 'utf8');
const validate = new Ajv({ formats: { 'date-time': true }, allowUnionTypes: true }).compile(
  JSON.parse(schema),
);

const quick = { prompts: [20], generations: [6], repetitions: 2, threads: [1] } as const;

describe('bench', () => {
  test('measures every setting and test, in a report that agrees with itself', async () => {
    const steps: [string, number][] = [];
    const begin = performance.now();
    const report = await bench(
      {
        ...{ ...quick, prompts: [20, 30], kernels: ['scalar', ''], command: 'bitnet bench' },
        assumeWatts: 20,
        onProgress: (step, fraction) => steps.push([step, fraction]),
      },
      () => ({ meter: null, reason: 'no counters here' }),
    );
    const wall = performance.now() - begin;
    const sha256 = createHash('sha256').update(readFileSync(embeddedModelPath)).digest('hex');
    expect(validate(JSON.parse(JSON.stringify(report)))).toBe(true);
    const { machine, build, results } = report;
    expect(report).toMatchObject({ command: 'bitnet bench' });
    expect(Date.parse(report.date)).toBeGreaterThan(0);
    expect(build.compiler).toBe(compiler());
    const [{ gmacPerSecond: peak }] = machine.multiplyPeak as [
      { threads: number; gmacPerSecond: number },
    ];
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
      expect(result.modelSha256).toBe(sha256);
      expect(result.noisy).toBe(tokensPerSecond.sd > 0.05 * tokensPerSecond.mean);
      expect(result.peakRssBytes).toBeGreaterThan(memory.ternary + memory.head);
      if (process.platform === 'linux') {
        const { ternary, dense, head, norms, kv, node, scratch } = memory;
        const parts = ternary + dense + head + norms + kv + node! + scratch!;
        expect(parts).toBeGreaterThanOrEqual(memory.anonymousRss!);
        expect(memory.mappedFile).toBeGreaterThan(2 ** 20);
        expect(memory.anonymousRss).toBeGreaterThan(memory.ternary + memory.head);
        expect(result.peakRssBytes).toBeGreaterThan(memory.anonymousRss!);
      }
      if (result.test.startsWith('pp')) {
        expect(result).toMatchObject({ bytesPerToken: null, gbPerSecond: null });
        expect(result.fractionOfReadBandwidth).toBeNull();
        const first = result.timeToFirstTokenMilliseconds!;
        expect(first).toBeGreaterThan(0);
        expect(first).toBeLessThanOrEqual((1000 * tokens) / Math.min(...samples));
        const macs = 6 * (2 * 256 * 256 + 2 * 128 * 256 + 3 * 256 * 768);
        expect(result.gmacPerSecond! * 1e9).toBeCloseTo(macs * tokensPerSecond.median, 0);
        expect(result.fractionOfMultiplyPeak! * peak).toBeCloseTo(result.gmacPerSecond!, 9);
      } else {
        expect(result).toMatchObject({ gmacPerSecond: null, timeToFirstTokenMilliseconds: null });
        expect(result.gbPerSecond! * 1e9).toBeCloseTo(bytesPerToken! * tokensPerSecond.median, 0);
        expect(result.fractionOfReadBandwidth! * bandwidth).toBeCloseTo(result.gbPerSecond!, 9);
      }
      expect(result).toMatchObject({
        ...{ joulesPerToken: null, joulesPerTokenSd: null, joulesPerTokenSamples: [] },
        ...{ netJoulesPerToken: null, watts: null, idleWatts: null },
        ...{ energySource: null, energyReason: 'no counters here' },
        ...{ assumedWatts: 20, assumedEnergySource: 'estimate:assumed-watts' },
      });
      expect(result.assumedJoulesPerToken! * tokensPerSecond.median).toBeCloseTo(20, 9);
      const { nm7, nm45 } = result.modeledJoulesPerToken;
      expect([nm7, nm45].map((joules) => joules > 1e-8 && joules < 1e-4)).toEqual([true, true]);
    }
    expect(measured).toBeLessThan(wall);
    const fractions = steps.map(([, fraction]) => fraction);
    // Two bandwidths; two loads; three tests, two settings, a warm-up and two repetitions.
    expect(fractions).toHaveLength(22);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(fractions.at(-1)).toBeLessThanOrEqual(1);
    const names = steps.map(([step]) => step).filter((step) => step.startsWith('tg6'));
    const settings = ['scalar', ''].map((kernel) => `1 thread${kernel && `, ${kernel}`}`);
    const rounds = ['tg6, warm-up', 'tg6', 'tg6'];
    expect(names).toEqual(rounds.flatMap((round) => settings.map((name) => `${round}, ${name}`)));
  });

  test('measures the energy of every test where there is a counter', async () => {
    const powercap = new Powercap(file('powercap'), { 'intel-rapl:0': { name: 'package-0' } });
    // Ten watts and a little more each time, whatever happens.
    const begin = performance.now();
    let count = 0;
    const ticking = setInterval(() => {
      powercap.set('intel-rapl:0', Math.round((performance.now() - begin) * 10_000) + count++);
    }, 1);
    const fractions: number[] = [];
    const report = await bench(
      { ...quick, repetitions: 1, onProgress: (_, fraction) => fractions.push(fraction) },
      () => openMeter({ platform: 'linux', linux: onlyPowercap(powercap.folder) }),
    );
    clearInterval(ticking);
    expect(validate(JSON.parse(JSON.stringify(report)))).toBe(true);
    expect(report.results).toHaveLength(2);
    for (const { joulesPerToken, netJoulesPerToken, watts, ...result } of report.results) {
      expect(result).toMatchObject({ energySource: 'rapl:package-0', energyReason: null });
      expect(result.idleWatts).toBeGreaterThan(0);
      expect(watts).toBeGreaterThan(0);
      expect(result.joulesPerTokenSamples).toHaveLength(3);
      expect(joulesPerToken).toBe(spread(result.joulesPerTokenSamples).median);
      expect(result.joulesPerTokenSd).toBe(spread(result.joulesPerTokenSamples).sd);
      // Both are of the same window: what is left is the part of the power that is not idle.
      expect(netJoulesPerToken! / joulesPerToken!).toBeCloseTo(1 - result.idleWatts! / watts!, 9);
    }
    // Two bandwidths, an idle machine, a load; two tests, each as warm-up, timed and three times for energy.
    expect(fractions).toHaveLength(14);
  });

  test('can be aborted while it measures the idle machine', async () => {
    const { folder } = new Powercap(file('idle'), { 'intel-rapl:0': { name: 'package-0' } });
    const controller = new AbortController();
    const running = bench(
      {
        ...{ ...quick, signal: controller.signal },
        onProgress: () => setTimeout(() => controller.abort('enough'), 1),
      },
      () => openMeter({ platform: 'linux', linux: onlyPowercap(folder) }),
    );
    await expect(running).rejects.toMatchObject({ code: 'ERR_BITNET_ABORTED', cause: 'enough' });
  });

  test('runs prompts with what follows, deep contexts and sequences side by side', async () => {
    const { results } = await bench({
      ...{ prompts: [], generations: [], pairs: [[20, 6]], threads: [1], repetitions: 1 },
      ...{ depths: [0, 50], sequences: [1, 3], batch: 8 },
    });
    const label = 'pp20+tg6';
    expect(results.map(({ test }) => test)).toEqual([
      ...[label, `${label} x3`, `${label} @ d50`, `${label} @ d50 x3`],
    ]);
    for (const { timeToFirstTokenMilliseconds: first, ...result } of results) {
      expect(result).toMatchObject({ nPrompt: 20, nGenerate: 6, batch: 8, bytesPerToken: null });
      expect(result).toMatchObject({ gmacPerSecond: null, fractionOfReadBandwidth: null });
      expect(first).toBeLessThan(result.millisecondsPerToken * 26 * result.sequences);
      expect(result.memory.kv).toBe(3 * 76 * 6 * 2 * 2 * 64 * 2);
    }
  });

  test('runs tests with adapters, of one or of each sequence, and with cold ones', async () => {
    const model = tinyModel({ nLayer: 1 });
    await model.write(file('base.gguf'));
    const adapters = [1, 2].map((seed) => file(`adapter-${seed}.gguf`));
    for (const [seed, path] of adapters.entries()) await tinyAdapter(model, { seed }).write(path);
    const { results } = await bench({
      ...{ ...quick, models: [file('base.gguf')], prompts: [], repetitions: 1, sequences: [2] },
      ...{ adapters, coldAdapters: 3 },
    });
    expect(results.map(({ test }) => test)).toEqual([
      ...['tg6 x2', 'tg6 x2, 1 adapter', 'tg6 x2, 2 adapters'],
      ...['pp16, 1 adapter', 'pp16, cold adapter'],
    ]);
  });

  test('tells a split model by the hash of all its parts', async () => {
    const path = (no: number) => file(shardName('tiny', no, 2));
    await writeSplit(tinyModel(), path, 2);
    const options = { ...quick, models: [path(1)], prompts: [2], generations: [], repetitions: 1 };
    const { results } = await bench(options);
    const hash = createHash('sha256').update(readFileSync(path(0)));
    expect(results[0]!.modelSha256).toBe(hash.update(readFileSync(path(1))).digest('hex'));
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

  test('can be aborted in its last step', async () => {
    const controller = new AbortController();
    let limits = 0;
    const running = bench({
      ...{ ...quick, prompts: [0], repetitions: 1, signal: controller.signal },
      onProgress: (step) => {
        if (step.startsWith('limits') && ++limits === 2) controller.abort('enough');
      },
    });
    await expect(running).rejects.toMatchObject({
      ...{ code: 'ERR_BITNET_ABORTED', cause: 'enough' },
      result: { cut: true, results: [{ test: 'tg6', samples: [expect.any(Number)] }] },
    });
    expect(limits).toBe(2);
  });

  test('rejects with a report of what had run when it was aborted between two runs', async () => {
    const controller = new AbortController();
    const steps: string[] = [];
    const running = bench({
      ...{ ...quick, repetitions: 3, signal: controller.signal },
      onProgress: (step) => {
        // In the first repetition that counts, when the prompt has run and the generation has not.
        if (steps.push(step) && step.startsWith('tg6') && !step.includes('warm-up')) {
          controller.abort('enough');
        }
      },
    });
    const error = await running.then(
      () => undefined,
      (reason) => reason as { result: BenchReport },
    );
    const { result } = error!;
    expect(validate(JSON.parse(JSON.stringify(result)))).toBe(true);
    expect(result).toMatchObject({ cut: true, machine: { readBandwidth: [{ threads: 1 }] } });
    expect(result.results.map(({ test, samples }) => [test, samples.length])).toEqual([
      ['pp20', 1],
    ]);
    expect(result.results[0]).toMatchObject({ peakRssBytes: null, joulesPerToken: null });
  });

  test.each(['limits of the machine', 'loading', 'tg6'])('can be aborted at: %s', async (when) => {
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
  const switches = { autotune: true, headPrefilter: true, skipInactive: true };
  const setting = { model: undefined, threads: 1, kernel: '', ...switches };
  const room = { contextLength: 16, sequences: 1 };
  const once = { prompt: 0, generate: 0, depth: 0, sequences: 1 };

  test('that is killed rejects what it was asked, and everything after', async () => {
    const trial = new TrialProcess();
    await trial.load(setting, room);
    const running = trial.run({ ...once, generate: 16 }, 512, 1);
    trial.close();
    await expect(running).rejects.toMatchObject({ code: 'ERR_BITNET_MEMORY' });
    await expect(trial.memory()).rejects.toMatchObject({ code: 'ERR_BITNET_MEMORY' });
  });

  test('repeats a test for a time, and at least once', async () => {
    const trial = new TrialProcess();
    try {
      await trial.load(setting, room);
      expect(await trial.repeat({ ...once, generate: 2 }, 512, 0)).toBe(1);
      const begin = performance.now();
      expect(await trial.repeat({ ...once, generate: 2 }, 512, 200)).toBeGreaterThan(1);
      expect(performance.now() - begin).toBeGreaterThanOrEqual(199);
    } finally {
      trial.close();
    }
  });

  test('refuses more tokens than it made room for, and goes on', async () => {
    const trial = new TrialProcess();
    try {
      await trial.load(setting, room);
      await expect(trial.run({ ...once, prompt: 17 }, 512, 1)).rejects.toMatchObject({
        code: 'ERR_BITNET_CONTEXT',
      });
      const { milliseconds, firstToken } = await trial.run({ ...once, prompt: 16 }, 5, 1);
      expect(firstToken).toBeGreaterThan(0);
      expect(milliseconds).toBeGreaterThanOrEqual(firstToken!);
    } finally {
      trial.close();
    }
  });
});

describe('multiplyPeak', () => {
  test('is a rate a machine can have, with a named instruction', async () => {
    expect(await multiplyPeak(1)).toBeGreaterThan(0.001);
    expect(await multiplyPeak(1)).toBeLessThan(10_000);
    expect(multiplyInstruction()).toMatch(/^[A-Z]/);
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
