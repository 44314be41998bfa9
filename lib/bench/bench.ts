import { BitnetError } from '../errors.js';
import { kvBytesPerPosition } from '../inspect/memory.js';
import { inspectModel } from '../inspect.js';
import { readBandwidth } from '../native.js';
import { describeBuild, describeMachine } from './machine.js';
import { type BenchOptions, type BenchPlan, benchPlan } from './options.js';
import type { ProcessMemory } from './process-memory.js';
import type { BenchReport, BenchResult } from './report.js';
import { shapeOf, weightFormat } from './shape.js';
import { spread } from './spread.js';
import { type BenchTest, testLabel } from './tests.js';
import { bytesPerToken } from './traffic.js';
import type { Loaded, Setting } from './trial.js';
import { TrialProcess } from './trial-process.js';

/** Part of the free memory that models are loaded into at the same time. */
const usablePart = 0.8;

/** A Node process with the library and a vocabulary. */
const processBytes = 150 * 2 ** 20;

/** A setting while it is measured: `samples[test]` are tokens per second. */
interface Trial {
  readonly setting: Setting;
  readonly process: TrialProcess;
  readonly loaded: Loaded;
  readonly samples: readonly number[][];
}

/**
 * Measures models as llama-bench does: prompts of p tokens at once ('pp') and n tokens decoded one by one ('tg'). Every setting (a
 * model, a number of threads, a kernel) has a process of its own; all settings that fit into memory together are loaded first and
 * then take turns, so that a change of the machine's mood hits them alike. Each test runs once unmeasured.
 *
 * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_ABORTED, and what `loadModel` throws
 */
export async function bench(options: BenchOptions = {}): Promise<BenchReport> {
  const plan = benchPlan(options);
  const date = new Date().toISOString();
  const watch = new Watch(plan, options);
  const groups = await groupsThatFit(plan);
  const before = await bandwidths(plan, watch);
  const results: Omit<BenchResult, keyof typeof noEnergy | 'fractionOfReadBandwidth'>[] = [];
  for (const group of groups) {
    results.push(...(await measureGroup(group, plan, watch)));
  }
  const after = await bandwidths(plan, watch);
  const bandwidth = new Map(plan.threads.map((n) => [n, Math.max(before.get(n)!, after.get(n)!)]));
  return {
    date,
    machine: {
      ...describeMachine(),
      readBandwidth: [...bandwidth].map(([threads, gbPerSecond]) => ({ threads, gbPerSecond })),
    },
    build: describeBuild(),
    command: options.command ?? null,
    results: results.map((result) => {
      const limit = bandwidth.get(result.threads);
      const { gbPerSecond } = result;
      const fraction = gbPerSecond === null || limit === undefined ? null : gbPerSecond / limit;
      return { ...result, fractionOfReadBandwidth: fraction, ...noEnergy };
    }),
  };
}

const noEnergy = {
  joulesPerToken: null,
  energySource: null,
  energyReason: 'this version does not measure energy',
};

async function measureGroup(settings: readonly Setting[], plan: BenchPlan, watch: Watch) {
  const { tests, repetitions } = plan;
  const trials: Trial[] = [];
  const processes: TrialProcess[] = [];
  const stop = () => {
    for (const process of processes) process.close();
  };
  watch.signal?.addEventListener('abort', stop, { once: true });
  try {
    const contextLength = Math.max(...tests.map(({ tokens }) => tokens));
    for (const setting of settings) {
      watch.next('loading', setting);
      const process = new TrialProcess();
      processes.push(process);
      const loaded = await process.load(setting, contextLength);
      trials.push({ setting, process, loaded, samples: tests.map(() => []) });
    }
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      for (const [t, test] of tests.entries()) {
        for (const [s, { process, samples }] of trials.entries()) {
          watch.next(
            repetition === 0 ? `${testLabel(test)}, warm-up` : testLabel(test),
            settings[s]!,
          );
          const milliseconds = await process.run(test, repetition);
          if (repetition > 0) samples[t]!.push((1000 * test.tokens) / milliseconds);
        }
      }
    }
    const memories = await Promise.all(trials.map(({ process }) => process.memory()));
    return trials.flatMap((trial, s) =>
      tests.map((test, t) => resultOf(trial, test, trial.samples[t]!, memories[s]!, contextLength)),
    );
  } catch (error) {
    watch.throwIfAborted();
    throw error;
  } finally {
    watch.signal?.removeEventListener('abort', stop);
    stop();
  }
}

function resultOf(
  { setting: { screenHead, skipZeros }, loaded }: Trial,
  test: BenchTest,
  samples: readonly number[],
  { peakRss, anonymousRss }: ProcessMemory,
  contextLength: number,
) {
  const { path, spec, kernel, tuning, threads, memory, loadMilliseconds } = loaded;
  const tokensPerSecond = spread(samples);
  const { median } = tokensPerSecond;
  const bytes = test.kind === 'tg' ? bytesPerToken(spec, memory, test.tokens) : null;
  return {
    model: path,
    shape: shapeOf(spec),
    format: weightFormat(spec),
    test: testLabel(test),
    threads,
    kernel,
    ...{ tuning, screenHead, skipZeros },
    tokensPerSecond,
    samples,
    millisecondsPerToken: 1000 / median,
    loadMilliseconds,
    bytesPerToken: bytes,
    gbPerSecond: bytes === null ? null : (bytes * median) / 1e9,
    peakRssBytes: peakRss,
    memory: { ...memory, kv: contextLength * kvBytesPerPosition(spec), anonymousRss },
  };
}

/** Settings cut into groups that can be loaded at the same time, in their order. */
async function groupsThatFit({ settings }: BenchPlan): Promise<Setting[][]> {
  const available = usablePart * process.availableMemory();
  const groups: Setting[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const setting of settings) {
    const { model, kernel, screenHead, skipZeros } = setting;
    const { memory } = await inspectModel(model, { kernel, screenHead, skipZeros });
    const { ternary = 0, dense = 0, head = 0, norms = 0 } = memory ?? {};
    const bytes = ternary + dense + head + norms + processBytes;
    if (used + bytes > available) {
      groups.push([]);
      used = 0;
    }
    groups.at(-1)!.push(setting);
    used += bytes;
  }
  return groups;
}

async function bandwidths({ threads }: BenchPlan, watch: Watch): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for (const count of threads) {
    watch.next('read bandwidth', { threads: count });
    found.set(count, await readBandwidth(count));
  }
  return found;
}

/** Counts the steps of a plan, says which one begins, and ends it between two steps when it is aborted. */
class Watch {
  readonly signal: AbortSignal | undefined;
  readonly #onProgress: BenchOptions['onProgress'];
  readonly #steps: number;
  #done = 0;

  constructor(plan: BenchPlan, { signal, onProgress }: BenchOptions) {
    const { settings, tests, repetitions, threads } = plan;
    this.signal = signal;
    this.#onProgress = onProgress;
    this.#steps = 2 * threads.length + settings.length * (1 + tests.length * (1 + repetitions));
  }

  next(step: string, { threads, kernel }: { readonly threads: number; readonly kernel?: string }) {
    this.throwIfAborted();
    const parts = [step, `${threads} ${threads === 1 ? 'thread' : 'threads'}`, kernel];
    this.#onProgress?.(parts.filter(Boolean).join(', '), this.#done++ / this.#steps);
  }

  throwIfAborted(): void {
    if (!this.signal?.aborted) return;
    throw new BitnetError('ERR_BITNET_ABORTED', 'The benchmark was aborted.', {
      name: 'AbortError',
      cause: this.signal.reason,
    });
  }
}
