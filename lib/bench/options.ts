import { argumentError, checkOptionNames } from '../generate/option-checks.js';
import { booleanOption } from '../generate/options.js';
import { maxContextLength } from '../model/limits.js';
import { cpuInfo } from '../native.js';
import type { BenchTest } from './tests.js';
import type { Setting } from './trial.js';

export interface BenchOptions {
  /**
   * GGUF files.
   * @default the embedded model
   */
  readonly models?: readonly string[] | undefined;
  /**
   * Lengths of prompts; 0 measures none.
   * @default [512]
   */
  readonly prompts?: readonly number[] | undefined;
  /**
   * Numbers of tokens to decode; 0 measures none.
   * @default [128]
   */
  readonly generations?: readonly number[] | undefined;
  /**
   * Measurements of each test.
   * @default 5
   */
  readonly repetitions?: number | undefined;
  /**
   * Numbers of threads.
   * @default the cores this process may use
   */
  readonly threads?: readonly number[] | undefined;
  /**
   * Kernels or instruction sets.
   * @default the environment variable BITNET_KERNEL, else the best this CPU can run
   */
  readonly kernels?: readonly string[] | undefined;
  /**
   * As of `loadModel`.
   * @default true
   */
  readonly autotune?: boolean | undefined;
  /**
   * As of `loadModel`.
   * @default true
   */
  readonly screenHead?: boolean | undefined;
  /**
   * As of `loadModel`.
   * @default true
   */
  readonly skipZeros?: boolean | undefined;
  /** For the report. */
  readonly command?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called before each step with a text about it and the fraction done, from 0 to 1. */
  readonly onProgress?: ((step: string, fraction: number) => void) | undefined;
}

const optionNames = [
  ...['models', 'prompts', 'generations', 'repetitions', 'threads', 'kernels'],
  ...['autotune', 'screenHead', 'skipZeros', 'command', 'signal', 'onProgress'],
];

/** What to measure, checked. */
export interface BenchPlan {
  /** Every model with every number of threads and every kernel. */
  readonly settings: readonly Setting[];
  readonly tests: readonly BenchTest[];
  readonly repetitions: number;
  readonly threads: readonly number[];
}

/** @throws ERR_BITNET_ARGUMENT */
export function benchPlan(options: BenchOptions): BenchPlan {
  checkOptionNames(options, optionNames);
  const { prompts = [512], generations = [128], repetitions = 5 } = options;
  const engine = {
    autotune: booleanOption('autotune', options.autotune, true),
    screenHead: booleanOption('screenHead', options.screenHead, true),
    skipZeros: booleanOption('skipZeros', options.skipZeros, true),
  };
  const threads = options.threads ?? [cpuInfo().threads];
  const models = options.models?.length ? options.models : [undefined];
  const kernels = options.kernels ?? [process.env.BITNET_KERNEL ?? ''];
  checkCount('repetitions', repetitions, 1, 1000);
  for (const count of threads) checkCount('threads', count, 1, 1024);
  const tests = [
    ...testsOf('pp', 'prompts', prompts),
    ...testsOf('tg', 'generations', generations),
  ];
  if (tests.length === 0 || threads.length === 0 || kernels.length === 0) {
    throw argumentError('at least one test, number of threads and kernel', 'options', options);
  }
  const settings = models.flatMap((model) =>
    threads.flatMap((count) =>
      kernels.map((kernel) => ({ model, threads: count, kernel, ...engine })),
    ),
  );
  return { settings, tests, repetitions, threads: [...new Set(threads)] };
}

function testsOf(kind: 'pp' | 'tg', option: string, lengths: readonly number[]): BenchTest[] {
  for (const tokens of lengths) checkCount(option, tokens, 0, maxContextLength);
  return lengths.filter((tokens) => tokens > 0).map((tokens) => ({ kind, tokens }));
}

function checkCount(option: string, value: unknown, least: number, most: number): void {
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return;
  throw argumentError(`an integer from ${least} to ${most}`, `option ${option}`, value);
}
