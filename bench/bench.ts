import { onAbort } from '../lib/abort.js';
import { filesSha256 } from '../lib/file-hash.js';
import { describeBuild, describeMachine } from '../lib/machine/description.js';
import { type OpenedMeter, openMeter } from '../lib/machine/energy/open-meter.js';
import { better, describePeaks, measurePeaks, type Peaks } from '../lib/machine/peaks.js';
import { EnergyBench, noEnergy, type TestEnergy } from './energy/measured.js';
import { type BenchOptions, type BenchPlan, benchPlan } from './options.js';
import type { BenchReport } from './report/report.js';
import { type Measured, resultOf } from './report/result.js';
import { groupsThatFit } from './trial/groups.js';
import { fittingSettings, withExtrapolations } from './trial/models.js';
import type { Setting } from './trial/setting.js';
import {
  positionsFor,
  type Room,
  roomFor,
  type TestTimes,
  testLabel,
  testTokens,
} from './trial/tests.js';
import type { Loaded } from './trial/trial.js';
import { TrialProcess } from './trial/trial-process.js';
import { idleStep, limitsStep, Watch } from './trial/watch.js';

/** Part of the free memory that models are loaded into at the same time. */
const usablePart = 0.8;

/** A setting while it is measured: `times[test]` are its runs. */
interface Trial {
  readonly setting: Setting;
  readonly process: TrialProcess;
  readonly loaded: Loaded;
  readonly times: readonly TestTimes[][];
}

/**
 * Measures models as llama-bench does: prompts of p tokens at once ('pp') and n tokens decoded one by one ('tg'). Every setting (a
 * model, a number of threads, a kernel) has a process of its own; all settings that fit into memory together are loaded first and
 * then take turns, so that a change of the machine's mood hits them alike. Each test runs once unmeasured. Where the machine counts
 * energy, every test then runs again for three times a second at least.
 *
 * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_ABORTED with a report of what was measured as `error.result`, unless there was nothing
 *   yet, and what `loadModel` throws
 */
export async function bench(
  options: BenchOptions = {},
  open: () => OpenedMeter = openMeter,
): Promise<BenchReport> {
  return runPlan(await fittingPlan(benchPlan(options), options.memory), options, open);
}

/** Who listens to a plan that is run. */
export interface RunOptions
  extends Pick<BenchOptions, 'command' | 'signal' | 'onProgress' | 'onDecisions'> {
  /** Asked after each repetition from the second on: whether these must do. */
  readonly isLate?: (() => boolean) | undefined;
}

/** Measures what a plan says, as `bench` does. */
export async function runPlan(
  plan: BenchPlan,
  options: RunOptions,
  open: () => OpenedMeter = openMeter,
): Promise<BenchReport> {
  const energy = new EnergyBench(open());
  try {
    return await measureAll(plan, options, energy);
  } finally {
    energy.close();
  }
}

async function measureAll(
  plan: BenchPlan,
  options: RunOptions,
  energy: EnergyBench,
): Promise<BenchReport> {
  const date = new Date().toISOString();
  const watch = new Watch(plan, energy.measures, options);
  const groups = await groupsThatFit(plan.settings, usableMemory(), positionsFor(plan.tests));
  await measureIdle(energy, watch);
  const before = await peaksOf(plan, watch);
  const finished: Measured[] = [];
  const unfinished: Measured[] = [];
  const report = (peaks: readonly Peaks[], hashes: ReadonlyMap<string, string>): BenchReport => {
    const result = (one: Measured) => {
      const limits = peaks.find(({ threads }) => threads === one.loaded.threads);
      return resultOf(one, plan, limits, hashes.get(one.loaded.path) ?? null);
    };
    const settings = plan.settings.slice(0, finished.length / plan.tests.length);
    return {
      date,
      machine: { ...describeMachine(), ...describePeaks(peaks) },
      build: describeBuild(),
      command: options.command ?? null,
      results: [...withExtrapolations(finished.map(result), settings), ...unfinished.map(result)],
    };
  };
  try {
    for (const group of groups) {
      const some = await measureGroup(group, plan, energy, watch, unfinished, options);
      for (const one of some) finished.push(one);
    }
    const after = await peaksOf(plan, watch);
    watch.throwIfAborted();
    const hashes = await hashesOf(finished, watch);
    const peaks = before.map((first, i) => better(first, after[i]!));
    return report(peaks, hashes);
  } catch (error) {
    if (watch.signal?.aborted && finished.length + unfinished.length > 0) {
      const result: BenchReport = { ...report(before, new Map()), cut: true };
      Object.assign(error as Error, { result });
    }
    throw error;
  }
}

/** @param unfinished where tests go that ran at least once, when this is aborted */
async function measureGroup(
  settings: readonly Setting[],
  plan: BenchPlan,
  energy: EnergyBench,
  watch: Watch,
  unfinished: Measured[],
  { isLate, onDecisions }: RunOptions,
): Promise<Measured[]> {
  const { tests, repetitions, batch } = plan;
  const trials: Trial[] = [];
  const room = roomFor(tests);
  const processes: TrialProcess[] = [];
  const stop = () => {
    for (const process of processes) process.close();
  };
  const release = onAbort(watch.signal, stop);
  try {
    for (const setting of settings) {
      watch.next('loading', setting);
      const process = new TrialProcess();
      processes.push(process);
      const loaded = await process.load(setting, room);
      onDecisions?.(loaded.path, loaded.decisions);
      trials.push({ setting, process, loaded, times: tests.map(() => []) });
    }
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      if (repetition > 2 && isLate?.()) break;
      const note = repetition === 0 ? ', warm-up' : '';
      for (const [t, test] of tests.entries()) {
        for (const [s, { process, times }] of trials.entries()) {
          watch.next(testLabel(test), settings[s]!, note);
          const run = await process.run(test, batch, repetition);
          if (repetition > 0) times[t]!.push(run);
        }
      }
    }
    const energies = await energiesOf(trials, settings, plan, energy, watch, isLate);
    const memories = await Promise.all(trials.map(({ process }) => process.memory()));
    return trials.flatMap(({ setting, loaded, times }, s) =>
      tests.map((test, t) => ({
        ...{ setting, loaded, test, times: times[t]!, energy: energies[t]![s]! },
        ...{ memory: memories[s]!, room },
      })),
    );
  } catch (error) {
    if (watch.signal?.aborted) for (const one of whatRan(trials, plan, room)) unfinished.push(one);
    watch.throwIfAborted();
    throw error;
  } finally {
    release();
    stop();
  }
}

/** Tests with at least one run; what a process tells at its end only, nobody knows. */
function whatRan(trials: readonly Trial[], { tests }: BenchPlan, room: Room): Measured[] {
  const memory = { peakRss: null, anonymousRss: null, fileRss: null };
  const energy = noEnergy('the benchmark was interrupted before');
  return trials.flatMap(({ setting, loaded, times }) =>
    tests
      .map((test, t) => ({ setting, loaded, test, times: times[t]!, energy, memory, room }))
      .filter((one) => one.times.length > 0),
  );
}

/** `[test][setting]`, taking turns like the timed runs. */
async function energiesOf(
  trials: readonly Trial[],
  settings: readonly Setting[],
  { tests, batch }: BenchPlan,
  energy: EnergyBench,
  watch: Watch,
  isLate: RunOptions['isLate'],
): Promise<TestEnergy[][]> {
  const energies: TestEnergy[][] = [];
  for (const test of tests) {
    const repeats = trials.map(({ process }) => (milliseconds: number) => {
      return process.repeat(test, batch, milliseconds);
    });
    const onWindow = (s: number) => watch.next(`${testLabel(test)}, energy`, settings[s]!);
    energies.push(await energy.measure(testTokens(test), repeats, { onWindow, isLate }));
  }
  return energies;
}

async function measureIdle(energy: EnergyBench, watch: Watch): Promise<void> {
  if (!energy.measures) return;
  watch.next(idleStep);
  try {
    await energy.measureIdle(watch.signal);
  } catch (error) {
    watch.throwIfAborted();
    throw error;
  }
}

/** The plan with settings whose models fit into memory. */
async function fittingPlan(plan: BenchPlan, memory: number | undefined): Promise<BenchPlan> {
  const available = usableMemory();
  const room = { budget: memory ?? available, available, positions: positionsFor(plan.tests) };
  return { ...plan, settings: await fittingSettings(plan.settings, room) };
}

function usableMemory(): number {
  return usablePart * process.availableMemory();
}

async function peaksOf({ threads }: BenchPlan, watch: Watch): Promise<Peaks[]> {
  const found: Peaks[] = [];
  for (const count of threads) {
    watch.next(limitsStep, { threads: count });
    found.push(await measurePeaks(count));
  }
  return found;
}

/** SHA-256 by path, of a split model that of all shards; read last, when nothing is measured any more. */
async function hashesOf(
  measured: readonly Measured[],
  watch: Watch,
): Promise<ReadonlyMap<string, string>> {
  const hashes = new Map<string, string>();
  for (const { setting, loaded } of measured) {
    if (typeof setting.model === 'object' || hashes.has(loaded.path)) continue;
    try {
      hashes.set(loaded.path, await filesSha256(loaded.spec.shards ?? [loaded.path], watch.signal));
    } catch (error) {
      watch.throwIfAborted();
      throw error;
    }
  }
  return hashes;
}
