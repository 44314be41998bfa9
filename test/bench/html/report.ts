import type { BenchReport, BenchResult } from '../../../bench/report/report.js';

/** Of BitNet b1.58 2B-4T. */
const shape = {
  ...{ name: '2b4t', nLayer: 30, dim: 2560, ffnDim: 6912, nHead: 20, nKvHead: 5, headDim: 128 },
  vocabSize: 128_256,
};

/** A decode test of a model; what a test is about replaces what it says. */
export function resultOf(changes: Partial<BenchResult> = {}): BenchResult {
  return {
    extrapolated: null,
    ...{ model: '/models/2b4t.gguf', modelSha256: null, shape, format: 'i2_s', test: 'tg128' },
    ...{ nPrompt: 0, nGenerate: 128, depth: 0, sequences: 1, batch: 512, threads: 2, tuning: [] },
    kernel: { ternary: 'base3-avx2', dense: 'avx2', vector: 'avx2' },
    ...{ headPrefilter: true, skipInactive: true, noisy: false, samples: [40] },
    tokensPerSecond: { median: 40, mean: 40, sd: 0.5 },
    ...{ millisecondsPerToken: 25, timeToFirstTokenMilliseconds: null, loadMilliseconds: 900 },
    ...{ bytesPerToken: 755e6, gbPerSecond: 30.2, fractionOfReadBandwidth: 0.888 },
    ...{ gmacPerSecond: null, fractionOfMultiplyPeak: null, peakRssBytes: 9e8 },
    memory: {
      ...{ ternary: 4e8, dense: 0, head: 3e8, norms: 1e6, kv: 9e6 },
      ...{ node: 5e7, scratch: 1e7, anonymousRss: 8e8, mappedFile: 4e7 },
    },
    ...{ joulesPerToken: null, joulesPerTokenSd: null, joulesPerTokenSamples: [] },
    ...{ netJoulesPerToken: null, watts: null, idleWatts: null },
    ...{ energySource: null, energyResolution: null, energyReason: 'no counters' },
    modeledJoulesPerToken: { nm7: 0.000_02, nm45: 0.0001 },
    ...{ assumedWatts: null, assumedJoulesPerToken: null, assumedEnergySource: null },
    ...changes,
  };
}

export function promptOf(changes: Partial<BenchResult> = {}): BenchResult {
  return resultOf({
    ...{ test: 'pp512', nPrompt: 512, nGenerate: 0, bytesPerToken: null, gbPerSecond: null },
    ...{ fractionOfReadBandwidth: null, timeToFirstTokenMilliseconds: 3000 },
    ...{ gmacPerSecond: 354, fractionOfMultiplyPeak: 0.75 },
    tokensPerSecond: { median: 170, mean: 170, sd: 2 },
    ...changes,
  });
}

export function reportOf(results: readonly BenchResult[]): BenchReport {
  return {
    date: '2026-11-24T20:00:00.000Z',
    machine: {
      ...{ cpu: 'A CPU', cores: 8, usableCores: 2, memoryBytes: 2 ** 34, platform: 'linux' },
      ...{ osRelease: '6.1', arch: 'x64', isa: ['avx', 'avx2'] },
      readBandwidth: [{ threads: 2, gbPerSecond: 34 }],
      multiplyPeak: [{ threads: 2, gmacPerSecond: 472 }],
      multiplyInstruction: 'VPMADDUBSW ymm',
    },
    build: { version: '1.2.3', compiler: 'GCC 12.2.0', node: '20.0.0' },
    command: 'bitnet bench 2b4t.gguf',
    results,
  };
}

/** The same model with other numbers of layers: another size. */
export function sizedShape(nLayer: number): BenchResult['shape'] {
  return { ...shape, name: null, nLayer };
}
