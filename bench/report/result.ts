import type { Peaks } from '../../lib/machine/peaks.js';
import type { ProcessMemory } from '../../lib/machine/process-memory.js';
import { kvBytesPerPosition, memoryOf, stateMemory } from '../../lib/model/load/memory.js';
import type { TestEnergy } from '../energy/measured.js';
import { modeledJoulesPerToken } from '../energy/model.js';
import type { BenchPlan } from '../options.js';
import type { Setting } from '../trial/setting.js';
import {
  type BenchTest,
  type Room,
  type TestTimes,
  testLabel,
  testTokens,
} from '../trial/tests.js';
import type { Loaded } from '../trial/trial.js';
import type { BenchResult, TrialMemory } from './report.js';
import { shapeOf, weightFormat } from './shape.js';
import { isNoisy, spread } from './spread.js';
import { bytesPerToken, ternaryMacsPerToken } from './traffic.js';

/** One test of one setting, measured. */
export interface Measured {
  readonly setting: Setting;
  readonly loaded: Loaded;
  readonly test: BenchTest;
  readonly times: readonly TestTimes[];
  readonly energy: TestEnergy;
  /** Of the process, after all of its tests. */
  readonly memory: ProcessMemory;
  readonly room: Room;
}

/** What a measurement says beside the machine's limits. */
export function resultOf(
  { setting: { headPrefilter, skipInactive }, loaded, test, times, energy, memory, room }: Measured,
  { batch, assumedWatts }: BenchPlan,
  peaks: Peaks | undefined,
  modelSha256: string | null,
): BenchResult {
  const { path, spec, kernel, tuning, threads, loadMilliseconds } = loaded;
  const samples = times.map(({ milliseconds }) => (1000 * testTokens(test)) / milliseconds);
  const tokensPerSecond = spread(samples);
  const { median } = tokensPerSecond;
  const firsts = times.flatMap(({ firstToken }) => firstToken ?? []);
  const decodesAlone = test.prompt === 0 && test.sequences === 1;
  const bytes = decodesAlone ? bytesPerToken(spec, loaded.plan, test.generate, test.depth) : null;
  const macs = test.generate === 0 ? ternaryMacsPerToken(spec) : 0;
  const gbPerSecond = bytes === null ? null : (bytes * median) / 1e9;
  const gmacPerSecond = macs === 0 ? null : (macs * median) / 1e9;
  return {
    model: path,
    extrapolated: null,
    modelSha256,
    shape: shapeOf(spec),
    format: weightFormat(spec),
    test: testLabel(test),
    nPrompt: test.prompt,
    nGenerate: test.generate,
    depth: test.depth,
    sequences: test.sequences,
    batch,
    threads,
    kernel,
    ...{ tuning, headPrefilter, skipInactive },
    tokensPerSecond,
    samples,
    noisy: isNoisy(tokensPerSecond),
    millisecondsPerToken: 1000 / median,
    timeToFirstTokenMilliseconds: firsts.length > 0 ? spread(firsts).median : null,
    loadMilliseconds,
    bytesPerToken: bytes,
    gbPerSecond,
    fractionOfReadBandwidth: quotient(gbPerSecond, peaks?.gbPerSecond),
    gmacPerSecond,
    fractionOfMultiplyPeak: quotient(gmacPerSecond, peaks?.gmacPerSecond),
    peakRssBytes: memory.peakRss,
    memory: trialMemory(loaded, memory, room),
    ...energy,
    modeledJoulesPerToken: modeledJoulesPerToken(spec, test),
    ...assumedEnergy(assumedWatts, median),
  };
}

/** What nobody measured: the power that the user states, for as long as a token takes. */
function assumedEnergy(watts: number | null, tokensPerSecond: number) {
  return {
    assumedWatts: watts,
    assumedJoulesPerToken: watts === null ? null : watts / tokensPerSecond,
    assumedEnergySource: watts === null ? null : ('estimate:assumed-watts' as const),
  };
}

/** The memory of a trial's process, part by part: what is held is known, the rest is what the system says. */
function trialMemory(
  { plan, spec, before }: Loaded,
  { anonymousRss, fileRss }: ProcessMemory,
  { contextLength, sequences }: Room,
): TrialMemory {
  const kv = sequences * (contextLength * kvBytesPerPosition(spec) + stateMemory(spec).working);
  const memory = memoryOf(plan);
  const { ternary, dense, head, norms } = memory;
  const { anonymousRss: node } = before;
  const held = ternary + dense + head + norms + kv;
  const scratch =
    anonymousRss === null || node === null ? null : Math.max(0, anonymousRss - node - held);
  return { ...memory, kv, node, scratch, anonymousRss, mappedFile: fileRss };
}

function quotient(value: number | null, limit: number | undefined): number | null {
  return value === null || limit === undefined ? null : value / limit;
}
