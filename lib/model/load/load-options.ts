import { resolve } from 'node:path';
import { type ChatTemplateOption, checkedTemplateOption } from '../../chat/template-choice.js';
import {
  argumentError,
  booleanOption,
  functionOption,
  givenOptions,
  nameOption,
  signalOption,
} from '../../checks/options.js';
import { variable } from '../../environment.js';
import type { OnProgress } from '../../generate/on-progress.js';
import { defaultAdapterMemory } from '../adapter/adapter-memory.js';
import type { PrepareOptions } from '../prepared/prepared-weights.js';
import { checkedContextLength } from '../session/session-options.js';
import { checkedI2sLayout, type I2sLayout } from '../spec/i2s-layouts.js';
import { checkedOverrides, type MetadataOverrides } from '../spec/metadata-overrides.js';
import type { ModelSpec } from '../spec/spec.js';

/** More threads than this is a mistake. */
const maxThreads = 1024;

export interface LoadOptions {
  /** As the first argument, which then is left out. */
  readonly path?: string | URL | undefined;
  /**
   * Threads that compute. Models with the same number share them.
   * @default the cores this process may use
   */
  readonly threads?: number | undefined;
  /**
   * Milliseconds that a step should take at most while a sequence generates: how much of other sequences'
   * prompts is computed between two of its tokens. Prompts take longer with less. A token of each
   * sequence and 8 of a prompt always are.
   * @default 3.5 times what the tokens of the generating sequences take alone, as measured
   */
  readonly stepTarget?: number | undefined;
  /**
   * The model's part of the time, beside other models that have the same number of threads: one with 2
   * gets twice the time of one with 1 while both have something to compute.
   * @default 1
   */
  readonly share?: number | undefined;
  /**
   * Most generations that run at the same time; more wait in a queue.
   * @default 256
   */
  readonly maxRunning?: number | undefined;
  /**
   * Most generations that wait in the queue; more are refused with `ERR_BITNET_QUEUE`.
   * @default 1024
   */
  readonly maxQueue?: number | undefined;
  /**
   * Ternary kernel ('mad2-avx2') or instruction set ('avx2', 'scalar') to use instead of the best.
   * @default the environment variable BITNET_KERNEL, else the best this CPU can run
   */
  readonly kernel?: string | undefined;
  /**
   * Whether to measure, unless a kernel is forced, which ternary kernel is the fastest for each
   * matrix shape: about 0.3 s when this machine first loads a model of 2 MiB or more with such
   * shapes, then remembered in the user's cache folder. Likewise, once per file, in which layers
   * skipping zeros gains: 64 tokens are evaluated, and where it does not, `up` and `down` are read
   * again. Results have the same bits either way.
   * @default true
   */
  readonly autotune?: boolean | undefined;
  /**
   * Whether the best tokens of a large head in floats are found through an int8 copy of it that
   * proves which rows cannot be among them. Without, the head is held in memory as it is stored and
   * multiplied in full for every token. Results have the same bits either way.
   * @default true
   */
  readonly headPrefilter?: boolean | undefined;
  /**
   * Whether, for one token at a time, weights of inactive neurons and zero activations of a
   * squared-ReLU network are skipped, where the kernel can and, if `autotune` has measured, it
   * gains. Results have the same bits either way.
   * @default true
   */
  readonly skipInactive?: boolean | undefined;
  /**
   * Whether to keep the weights on the disk as they are packed for this machine, so that later loads
   * need not pack them: in the user's cache folder, or in a folder of yours. They take about as much
   * as `memory` says, and the first load takes longer. Weights that are there are used unless this is
   * false. Results have the same bits either way.
   * @default undefined: what is in the cache folder is used, and nothing is written
   */
  readonly prepare?: boolean | string | undefined;
  /** Activation of the feed-forward network, where the file is known to say it wrong. */
  readonly activation?: ModelSpec['activation'] | undefined;
  /**
   * The order of the bytes of I2_S tensors, which a file cannot say: 'arm64' for what bitnet.cpp's
   * llama-quantize has written on ARM since November 2025, 'rows4' for builds without ACT_PARALLEL.
   * @default 'canonical'
   */
  readonly i2sLayout?: I2sLayout | undefined;
  /**
   * The tiles of TL1 and TL2 tensors, which are not in the file: the path of the kernel_config.ini of
   * the build that wrote it, or bitnet.cpp's preset 'large', '3b' or 'llama3-8b'.
   * @default none: such tensors are refused
   */
  readonly tlTable?: string | undefined;
  /** Pre-tokenizer to use instead of the one the file names. */
  readonly preTokenizer?: string | undefined;
  /**
   * Metadata that the file is read with instead of its own, by key: `{ 'llama.rope.freq_base': 5e5 }`.
   * Wins over what this program would decide, but not over the options above.
   */
  readonly metadataOverrides?: MetadataOverrides | undefined;
  /**
   * Chat template to use instead of the file's: `{ name: 'chatml' }`, or its source.
   * @default the file's, or the right one for files known to have a wrong one
   */
  readonly chatTemplate?: ChatTemplateOption | undefined;
  /**
   * Context of the model's sessions unless they ask for another.
   * @default min(trained context, 4096)
   */
  readonly contextLength?: number | undefined;
  /**
   * Bytes that the keys and values of all sessions together may take, or Infinity. Nothing is taken before
   * it is needed.
   * @default a quarter of the memory that is free once the model is loaded, and at least what the longest
   *   context of one session takes
   */
  readonly kvMemory?: number | undefined;
  /**
   * Whether keys and values of generations are kept, as long as there is room, for others of the model that
   * begin with the same tokens. Results have the same bits either way; how long a prompt takes, and
   * `usage.cachedTokens`, then show whether somebody has used it before.
   * @default true
   */
  readonly prefixCache?: boolean | undefined;
  /**
   * Bytes of memory for the adapters of `model.loadAdapter` together: beyond it those unused for the longest time are freed, and
   * read again when they are needed.
   * @default 2 ** 30
   */
  readonly adapterMemory?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Called now and then with the fraction read, at the end with 1; while matrices are read twice it
   * stays at 1. What it throws ends the load.
   */
  readonly onProgress?: OnProgress | undefined;
}

const optionNames: (keyof LoadOptions)[] = [
  'path',
  'threads',
  'stepTarget',
  'share',
  'maxRunning',
  'maxQueue',
  'kernel',
  'autotune',
  'headPrefilter',
  'skipInactive',
  'prepare',
  'activation',
  'i2sLayout',
  'tlTable',
  'preTokenizer',
  'metadataOverrides',
  'chatTemplate',
  'contextLength',
  'kvMemory',
  'prefixCache',
  'adapterMemory',
  'signal',
  'onProgress',
];

/** Options of a load, checked and with their defaults. */
export type CheckedLoadOptions = ReturnType<typeof checkedLoadOptions>;

/** @throws ERR_BITNET_ARGUMENT */
export function checkedLoadOptions(given: LoadOptions | undefined) {
  const options = givenOptions(given, optionNames);
  return {
    threads: checkedThreads(options.threads),
    ...schedulingOptions(options),
    contextLength: checkedContextLength(options.contextLength),
    kvMemory: checkedKvMemory(options.kvMemory),
    prefixCache: booleanOption('prefixCache', options.prefixCache, true),
    adapterMemory: checkedAdapterMemory(options.adapterMemory),
    kernel: nameOption('kernel', options.kernel) ?? variable('BITNET_KERNEL') ?? '',
    preTokenizer: nameOption('preTokenizer', options.preTokenizer),
    i2sLayout: checkedI2sLayout(options.i2sLayout),
    tlTable: options.tlTable,
    activation: options.activation,
    overrides: checkedOverrides(options.metadataOverrides),
    chatTemplate: checkedTemplateOption(options.chatTemplate),
    onProgress: functionOption('onProgress', options.onProgress),
    autotune: booleanOption('autotune', options.autotune, true),
    skipInactive: booleanOption('skipInactive', options.skipInactive, true),
    headPrefilter: booleanOption('headPrefilter', options.headPrefilter, true),
    prepare: checkedPrepare(options.prepare),
    signal: signalOption(options.signal),
  };
}

/** @throws ERR_BITNET_ARGUMENT */
function checkedKvMemory(bytes: unknown): number | undefined {
  if (bytes === undefined) return undefined;
  if (
    typeof bytes === 'number' &&
    bytes > 0 &&
    (Number.isSafeInteger(bytes) || bytes === Number.POSITIVE_INFINITY)
  ) {
    return bytes;
  }
  throw argumentError('a positive number of bytes, or Infinity,', 'option kvMemory', bytes);
}

function schedulingOptions(options: LoadOptions) {
  const number = (
    name: 'stepTarget' | 'share' | 'maxRunning' | 'maxQueue',
    fallback: number,
    [least, most]: readonly [number, number],
    kind: 'a number' | 'an integer',
  ) => {
    const value: unknown = options[name];
    if (value === undefined) return fallback;
    const right = kind === 'a number' ? typeof value === 'number' : Number.isInteger(value);
    if (right && (value as number) >= least && (value as number) <= most) return value as number;
    throw argumentError(`${kind} from ${least} to ${most}`, `option ${name}`, value);
  };
  return {
    stepTarget: number('stepTarget', 0, [0.001, 1e6], 'a number'),
    share: number('share', 1, [0.001, 1000], 'a number'),
    maxRunning: number('maxRunning', 256, [1, 1e6], 'an integer'),
    maxQueue: number('maxQueue', 1024, [0, 1e6], 'an integer'),
  };
}

function checkedAdapterMemory(value: unknown): number {
  if (value === undefined) return defaultAdapterMemory;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw argumentError('an integer of at least 0, in bytes,', 'option adapterMemory', value);
}

function checkedPrepare(prepare: unknown): PrepareOptions {
  if (typeof prepare === 'string' && prepare !== '') {
    return { use: true, make: true, folder: resolve(prepare) };
  }
  if (prepare === undefined) return { use: true, make: false, folder: undefined };
  if (typeof prepare === 'boolean') return { use: prepare, make: prepare, folder: undefined };
  throw argumentError('true, false or a folder', 'option prepare', prepare);
}

/** A number of native threads, 0 for all cores this process may use. @throws ERR_BITNET_ARGUMENT */
export function checkedThreads(threads: unknown): number {
  if (threads === undefined) return 0; // the addon counts the cores
  if (
    typeof threads === 'number' &&
    Number.isInteger(threads) &&
    threads >= 1 &&
    threads <= maxThreads
  ) {
    return threads;
  }
  throw argumentError(`an integer from 1 to ${maxThreads}`, 'option threads', threads);
}
