import { argumentError, booleanOption, checkOptionNames } from '../lib/checks/options.js';
import type { Decision } from '../lib/decision.js';
import { variable } from '../lib/environment.js';
import { BitnetError } from '../lib/errors.js';
import { maxContextLength } from '../lib/model/spec/limits.js';
import { checkedOverrides, type MetadataOverrides } from '../lib/model/spec/metadata-overrides.js';
import { cpuInfo } from '../lib/native.js';
import { describedModel, type SynthDescription } from './synth/model.js';
import type { Setting } from './trial/setting.js';
import type { BenchTest } from './trial/tests.js';

export interface BenchOptions {
  /**
   * GGUF files, and synthetic models.
   * @default the embedded model
   */
  readonly models?: readonly (string | SynthDescription)[] | undefined;
  /**
   * Bytes a synthetic model and its process may take: of a larger one some layers are measured, and all of them extrapolated.
   * @default 80 % of the free memory
   */
  readonly memory?: number | undefined;
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
   * Pairs of a prompt's length and a number of tokens decoded after it, timed as one test.
   * @default []
   */
  readonly pairs?: readonly (readonly [number, number])[] | undefined;
  /**
   * Positions that are filled before each test, untimed.
   * @default [0]
   */
  readonly depths?: readonly number[] | undefined;
  /**
   * Numbers of sequences that run a test side by side.
   * @default [1]
   */
  readonly sequences?: readonly number[] | undefined;
  /**
   * Tokens of a prompt that are evaluated at once, at most; the engine takes 512.
   * @default 512
   */
  readonly batch?: number | undefined;
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
  readonly headPrefilter?: boolean | undefined;
  /**
   * As of `loadModel`.
   * @default true
   */
  readonly skipInactive?: boolean | undefined;
  /**
   * As of `loadModel`, for every model.
   * @default no limit
   */
  readonly kvMemory?: number | undefined;
  /** As of `loadModel`, for every model. */
  readonly metadataOverrides?: MetadataOverrides | undefined;
  /**
   * Paths of LoRA adapters. Every test runs without any, with the first, and where there are several sequences with one of them each.
   * @default []
   */
  readonly adapters?: readonly string[] | undefined;
  /**
   * So many adapters are registered besides, the same files again and again, within 1 GB of memory: a prompt of 16 tokens is measured
   * with one of them that has to be read, and with one that is there.
   * @default 0
   */
  readonly coldAdapters?: number | undefined;
  /**
   * Watts the machine is said to take while it works: adds estimates of the energy per token, beside the measured ones.
   * @default none
   */
  readonly assumeWatts?: number | undefined;
  /** For the report. */
  readonly command?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Called before each step with a text about it, the fraction of the time that is over, from 0 to 1, and the seconds left, null
   * until they can be told.
   */
  readonly onProgress?:
    | ((step: string, fraction: number, secondsLeft: number | null) => void)
    | undefined;
  /** Called each time a model was loaded, with its path and the rules applied to its file. */
  readonly onDecisions?: ((path: string, decisions: readonly Decision[]) => void) | undefined;
}

/** Sessions that one process measures together. */
const maxSequences = 256;

/** More than any machine this runs on takes. */
const maxWatts = 100_000;

const optionNames = [
  ...['models', 'memory', 'prompts', 'generations', 'pairs', 'depths', 'sequences', 'batch'],
  ...['repetitions', 'threads', 'kernels', 'metadataOverrides', 'kvMemory'],
  ...['adapters', 'coldAdapters'],
  ...[
    'autotune',
    'headPrefilter',
    'skipInactive',
    'assumeWatts',
    'command',
    'signal',
    'onProgress',
    'onDecisions',
  ],
];

/** What to measure, checked. */
export interface BenchPlan {
  /** Every model with every number of threads and every kernel. */
  readonly settings: readonly Setting[];
  readonly tests: readonly BenchTest[];
  readonly batch: number;
  readonly repetitions: number;
  readonly threads: readonly number[];
  readonly assumedWatts: number | null;
}

/** @throws ERR_BITNET_ARGUMENT */
export function benchPlan(options: BenchOptions): BenchPlan {
  checkOptionNames(options, optionNames);
  const { repetitions = 5, batch = 512, assumeWatts } = options;
  const engine = {
    autotune: booleanOption('autotune', options.autotune, true),
    headPrefilter: booleanOption('headPrefilter', options.headPrefilter, true),
    skipInactive: booleanOption('skipInactive', options.skipInactive, true),
    metadataOverrides: checkedOverrides(options.metadataOverrides),
    ...(options.kvMemory !== undefined && { kvMemory: options.kvMemory }),
  };
  const { adapters = [], coldAdapters = 0 } = options;
  checkCount('coldAdapters', coldAdapters, 0, 10_000);
  if (coldAdapters > 0 && adapters.length === 0) {
    throw argumentError('option adapters beside it', 'option coldAdapters', coldAdapters);
  }
  const beside = adapters.length === 0 ? {} : { adapters, coldAdapters, adapterMemory: 10 ** 9 };
  const threads = options.threads ?? [cpuInfo().threads];
  const models = options.models?.length ? options.models : [undefined];
  const kernels = options.kernels ?? [variable('BITNET_KERNEL') ?? ''];
  checkCount('repetitions', repetitions, 1, 1000);
  for (const count of threads) checkCount('threads', count, 1, 1024);
  checkCount('batch', batch, 1, maxContextLength);
  if (assumeWatts !== undefined && !(assumeWatts > 0 && assumeWatts <= maxWatts)) {
    throw argumentError(
      `watts, above 0 and at most ${maxWatts},`,
      'option assumeWatts',
      assumeWatts,
    );
  }
  for (const model of models) if (typeof model === 'object') describedModel(model);
  if (options.memory !== undefined) checkCount('memory', options.memory, 1, 2 ** 53 - 1);
  if (options.kvMemory !== undefined) checkCount('kvMemory', options.kvMemory, 1, 2 ** 53 - 1);
  const tests = testsOf(options);
  if (tests.length === 0) throw noTest();
  if (threads.length === 0) throw argumentError('at least one number', 'option threads', threads);
  if (kernels.length === 0) throw argumentError('at least one name', 'option kernels', kernels);
  const settings = models.flatMap((model) =>
    threads.flatMap((count) =>
      kernels.map((kernel) => ({ model, threads: count, kernel, ...engine, ...beside })),
    ),
  );
  const assumedWatts = assumeWatts ?? null;
  return { settings, tests, batch, repetitions, threads: [...new Set(threads)], assumedWatts };
}

/** Every depth and number of sequences with every prompt, then generation, then pair. */
function testsOf(options: BenchOptions): BenchTest[] {
  const { prompts = [512], generations = [128], pairs = [] } = options;
  const { depths = [0], sequences = [1] } = options;
  for (const length of prompts) checkCount('prompts', length, 0, maxContextLength);
  for (const length of generations) checkCount('generations', length, 0, maxContextLength);
  for (const length of pairs.flat()) checkCount('pairs', length, 1, maxContextLength);
  for (const depth of depths) checkCount('depths', depth, 0, maxContextLength);
  for (const count of sequences) checkCount('sequences', count, 1, maxSequences);
  const kinds = [
    ...prompts.map((prompt) => ({ prompt, generate: 0 })),
    ...generations.map((generate) => ({ prompt: 0, generate })),
    ...pairs.map(([prompt, generate]) => ({ prompt, generate })),
  ].filter(({ prompt, generate }) => prompt + generate > 0);
  const plain = depths.flatMap((depth) =>
    sequences.flatMap((count) => kinds.map((kind) => ({ ...kind, depth, sequences: count }))),
  );
  const { adapters: { length: most } = [], coldAdapters = 0 } = options;
  if (most === 0) return plain;
  const first = { ...{ prompt: 16, generate: 0, depth: 0, sequences: 1 }, adapters: 1 };
  return [
    ...plain.flatMap((test) => {
      const each = Math.min(most, test.sequences);
      return [test, { ...test, adapters: 1 }, ...(each > 1 ? [{ ...test, adapters: each }] : [])];
    }),
    ...(coldAdapters > 0 ? [first, { ...first, cold: true as const }] : []),
  ];
}

function noTest(): BitnetError {
  return new BitnetError(
    'ERR_BITNET_ARGUMENT',
    'Expected at least one test, but there are no prompts (-p), no tokens to decode (-n) and no pairs of both (--pg), or only lengths of 0; give one of them a length.',
  );
}

function checkCount(option: string, value: unknown, least: number, most: number): void {
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return;
  throw argumentError(`an integer from ${least} to ${most}`, `option ${option}`, value);
}
