import { abortError, onAbort } from '../abort.js';
import { modelTemplates } from '../chat/template.js';
import { type ChatTemplateOption, checkedTemplateOption } from '../chat/template-choice.js';
import {
  argumentError,
  booleanOption,
  functionOption,
  givenOptions,
  nameOption,
  signalOption,
} from '../checks/options.js';
import type { Decision } from '../decision.js';
import { variable } from '../environment.js';
import { type OnProgress, reporting } from '../generate/on-progress.js';
import { readGguf } from '../gguf/reader.js';
import type { GgufFile } from '../gguf/types.js';
import { cpuInfo, loadNativeModel } from '../native.js';
import type { NativeSynthetic, ShapeTiming, ZeroSkipping } from '../native-types.js';
import { createTokenizer } from '../tokenizer/index.js';
import { tuneKernels } from './autotune.js';
import { embeddedModelPath } from './embedded.js';
import { checkedI2sLayout, type I2sLayout } from './i2s-layouts.js';
import { stampsOf } from './identity.js';
import {
  checkedOverrides,
  type MetadataOverrides,
  overrideMetadata,
} from './metadata-overrides.js';
import { Model } from './model.js';
import { pathAndOptions } from './model-path.js';
import { readSpec } from './read-spec.js';
import { checkedContextLength } from './session-options.js';
import type { ModelSpec } from './spec.js';
import { readTlTable } from './tl-tables.js';
import { ZeroChoice } from './zero-skipping.js';

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
   * Ternary kernel ('mad2-avx2') or instruction set ('avx2', 'scalar') to use instead of the best.
   * @default the environment variable BITNET_KERNEL, else the best this CPU can run
   */
  readonly kernel?: string | undefined;
  /**
   * Whether to measure, unless a kernel is forced, which ternary kernel is the fastest for each
   * matrix shape: up to 0.3 s when this machine first loads a model of 2 MiB or more with such
   * shapes, then remembered in the user's cache folder. Likewise, once per file, in which layers
   * skipping zeros gains: 64 tokens are evaluated and, where some do not, the weights read again,
   * perhaps after another 0.3 s for their shapes. Results have the same bits either way.
   * @default true
   */
  readonly autotune?: boolean | undefined;
  /**
   * Whether the best tokens of a large head in floats are found through an int8 shadow of it that
   * proves which rows cannot be among them. Without, the head is held in memory as it is stored and
   * multiplied in full for every token. Results have the same bits either way.
   * @default true
   */
  readonly screenHead?: boolean | undefined;
  /**
   * Whether, for one token at a time, weights behind closed gates and zero activations of a
   * squared-ReLU network are skipped, where the kernel can and, if `autotune` has measured, it
   * gains. Results have the same bits either way.
   * @default true
   */
  readonly skipZeros?: boolean | undefined;
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
  readonly signal?: AbortSignal | undefined;
  /**
   * Called now and then with the fraction read, at the end with 1; weights that are read twice stay
   * at 1. What it throws ends the load.
   */
  readonly onProgress?: OnProgress | undefined;
}

const optionNames: (keyof LoadOptions)[] = [
  'path',
  'threads',
  'kernel',
  'autotune',
  'screenHead',
  'skipZeros',
  'activation',
  'i2sLayout',
  'tlTable',
  'preTokenizer',
  'metadataOverrides',
  'chatTemplate',
  'contextLength',
  'signal',
  'onProgress',
];

/**
 * Loads a GGUF file, or without a path the small model that comes with the package. The path may be
 * a `file:` URL, and may be among the options. Work is done on native threads: the event loop stays
 * free.
 *
 * @throws `ERR_BITNET_ARGUMENT`, `ERR_BITNET_FILE`, `ERR_BITNET_GGUF`, `ERR_BITNET_MODEL`,
 *   `ERR_BITNET_TYPE`, `ERR_BITNET_TOKENIZER`, `ERR_BITNET_TEMPLATE`, `ERR_BITNET_KERNEL`,
 *   `ERR_BITNET_MEMORY`, `ERR_BITNET_ABORTED`, `ERR_BITNET_ADDON`
 */
export function loadModel(path?: string | URL, options?: LoadOptions): Promise<Model>;
export function loadModel(options: LoadOptions): Promise<Model>;
export async function loadModel(
  first?: string | URL | LoadOptions,
  second?: LoadOptions,
): Promise<Model> {
  const { path, options } = pathAndOptions(first, second);
  return loadFrom(async () => ({ file: await readGguf(path ?? embeddedModelPath) }), options);
}

/** Where a model comes from: a file, or a description of what one would hold. */
export interface ModelSource {
  readonly file: GgufFile;
  readonly synthetic?: NativeSynthetic;
}

/** @internal `loadModel` from any source. */
export async function loadFrom(
  open: () => Promise<ModelSource>,
  given?: LoadOptions,
): Promise<Model> {
  const begin = performance.now();
  const options = givenOptions(given, optionNames);
  const threads = checkedThreads(options.threads);
  const contextLength = checkedContextLength(options.contextLength);
  const kernel = nameOption('kernel', options.kernel) ?? variable('BITNET_KERNEL') ?? '';
  const preTokenizer = nameOption('preTokenizer', options.preTokenizer);
  const i2sLayout = checkedI2sLayout(options.i2sLayout);
  const overrides = checkedOverrides(options.metadataOverrides);
  const templateOption = checkedTemplateOption(options.chatTemplate);
  const onProgress = functionOption('onProgress', options.onProgress);
  const autotune = booleanOption('autotune', options.autotune, true);
  const skipZeros = booleanOption('skipZeros', options.skipZeros, true);
  const screenHead = booleanOption('screenHead', options.screenHead, true);
  const signal = signalOption(options.signal);
  throwIfAborted(signal);

  const tlTable = await readTlTable(options.tlTable);
  const { file: opened, synthetic } = await open();
  const overridden = overrideMetadata(opened, overrides);
  const { file } = overridden;
  throwIfAborted(signal);
  const { activation } = options;
  const spec = readSpec(file, {
    ...(activation !== undefined && { activation }),
    i2sLayout,
    tlTable,
  });
  const stamps = stampsOf(file);
  const measure = autotune && kernel === '';
  const zeros = measure && skipZeros ? ZeroChoice.of(spec, stamps, synthetic) : undefined;
  const knownLayers = await zeros?.remembered();
  const control = new Int32Array(2); // [abort, progress]
  const tune = async (layers: ZeroSkipping) => {
    const tuning = measure ? await tuneKernels(spec, { threads, skipZeros: layers, signal }) : [];
    throwIfAborted(signal);
    return tuning;
  };
  // Async, so that what is refused at once, such as a kernel, rejects like all else.
  const read = async (layers: ZeroSkipping, byShape: readonly ShapeTiming[]) =>
    loadNativeModel(file.path, spec, {
      ...{ threads, kernel, byShape, skipZeros: layers, synthetic, stamps, control },
      ...(!screenHead && { screenFrom: Number.POSITIVE_INFINITY }),
    });
  let tuning = await tune(knownLayers ?? skipZeros); // nothing else runs meanwhile
  const stop = () => Atomics.store(control, 0, 1);
  const release = onAbort(signal, stop);
  let loading = read(knownLayers ?? skipZeros, tuning);
  loading.catch(() => {}); // handled below, but perhaps only after the tokenizer has failed too
  const finish = async (): Promise<Model> => {
    try {
      // The weights are read on native threads while the vocabulary is sorted here.
      const tokenizer = await createTokenizer(
        file,
        preTokenizer === undefined ? {} : { preTokenizer },
      );
      const templates = modelTemplates(file, tokenizer, templateOption);
      let native = await loading;
      const { skipsZeros } = native.info();
      if (zeros && !knownLayers && skipsZeros.includes(true)) {
        const layers = await zeros.measure(native, tokenizer, control);
        throwIfAborted(signal);
        if (layers && skipsZeros.some((skips, i) => skips && !layers[i])) {
          native.close();
          tuning = await tune(layers);
          loading = read(layers, tuning);
          native = await loading;
        }
      }
      return new Model({
        path: file.path,
        spec,
        tokenizer,
        templates,
        decisions: [
          ...overridden.decisions(),
          ...threadDecisions(threads),
          ...[spec, tokenizer, templates].flatMap((part) => part.decisions),
        ],
        native,
        stamps,
        tuning,
        contextLength,
        loadMilliseconds: performance.now() - begin,
      });
    } catch (error) {
      stop();
      await loading.then(
        (native) => native.close(),
        () => {},
      );
      throwIfAborted(signal);
      throw error;
    } finally {
      release();
    }
  };
  let most = 0; // weights that are read again begin anew
  const fraction = () => {
    most = Math.max(most, Atomics.load(control, 1) / 1000);
    return most;
  };
  const loaded = finish();
  try {
    return await reporting(loaded, onProgress, fraction, stop);
  } catch (error) {
    await loaded.then(
      (model) => model.close(), // nobody gets it
      () => {},
    );
    throw error;
  }
}

function checkedThreads(threads: unknown): number {
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

/** Twice as many threads as cores still make sense to try: a core may have two. */
function threadDecisions(threads: number): Decision[] {
  const { threads: cores } = cpuInfo();
  if (threads <= 2 * cores) return [];
  const reason = `they were asked for, though this process may use ${cores} ${cores === 1 ? 'core' : 'cores'}: with more it is slower`;
  return [{ subject: 'threads', choice: `${threads}`, reason, warning: true }];
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError('Loading the model was aborted.', signal.reason);
}
