import { abortError, onAbort } from '../../abort.js';
import { modelTemplates } from '../../chat/template.js';
import type { Decision } from '../../decision.js';
import { reporting } from '../../generate/on-progress.js';
import type { FileStamp } from '../../gguf/file-stamp.js';
import { readGguf } from '../../gguf/reader.js';
import type { GgufFile } from '../../gguf/types.js';
import { cpuInfo } from '../../native.js';
import type { NativeSynthetic } from '../../native-types.js';
import { createTokenizer } from '../../tokenizer/index.js';
import { Model } from '../model.js';
import { type OverriddenFile, overrideMetadata } from '../spec/metadata-overrides.js';
import { readSpec } from '../spec/read-spec.js';
import type { ModelSpec } from '../spec/spec.js';
import { readTlTable } from '../spec/tl-tables.js';
import { embeddedModelPath } from './embedded.js';
import { stampsOf } from './identity.js';
import { type CheckedLoadOptions, checkedLoadOptions, type LoadOptions } from './load-options.js';
import { pathAndOptions } from './model-path.js';
import { plannedBytes, planWeights, WeightLoad, type WeightPlan } from './weight-load.js';

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
  return loadFrom(() => fileSource(path), options);
}

/** Where a model comes from: a file, or a description of what one would hold. */
export interface ModelSource {
  readonly file: GgufFile;
  readonly synthetic?: NativeSynthetic;
}

/** @internal A file, without a path the embedded model. */
export async function fileSource(path: string | undefined): Promise<ModelSource> {
  return { file: await readGguf(path ?? embeddedModelPath) };
}

/** @internal `loadModel` from any source. */
export async function loadFrom(
  open: () => Promise<ModelSource>,
  given?: LoadOptions,
): Promise<Model> {
  return (await planModel(open, given)).load();
}

/** @internal A load whose weights have not been read. */
export interface PlannedModel {
  /** Bytes of memory the weights will take. @throws ERR_BITNET_KERNEL, ERR_BITNET_MODEL, ERR_BITNET_TYPE */
  readonly bytes: () => number;
  /** Of weights that are held once for all loads that have the same; undefined where they are not. */
  readonly key: string | undefined;
  /** Reads them. @throws as `loadModel` */
  readonly load: () => Promise<Model>;
}

/** @internal The first half of a load: all but the weights. */
export async function planModel(
  open: () => Promise<ModelSource>,
  given?: LoadOptions,
): Promise<PlannedModel> {
  const begin = performance.now();
  const options = checkedLoadOptions(given);
  throwIfAborted(options.signal);
  const described = await describe(open, options);
  const plan = await planWeights(described, options);
  throwIfAborted(options.signal);
  const milliseconds = performance.now() - begin;
  return {
    bytes: () => plannedBytes(described.spec, plan),
    key: plan.key,
    load: () => loadPlanned(described, plan, options, performance.now() - milliseconds),
  };
}

/** @param begin when the load began, time it was put off left out */
async function loadPlanned(
  described: Described,
  plan: WeightPlan,
  options: CheckedLoadOptions,
  begin: number,
): Promise<Model> {
  throwIfAborted(options.signal);
  const weights = new WeightLoad(described, plan, options);
  const release = onAbort(options.signal, weights.stop);
  const loaded = finish(described, weights, options, begin).finally(release);
  try {
    return await reporting(loaded, options.onProgress, weights.fraction, weights.stop);
  } catch (error) {
    await loaded.then(
      (model) => model.close(), // nobody gets it
      () => {},
    );
    throw error;
  }
}

/** What is known of a model before its weights are read. */
interface Described extends ModelSource {
  readonly spec: ModelSpec;
  readonly stamps: readonly FileStamp[];
  readonly overridden: OverriddenFile;
}

async function describe(
  open: () => Promise<ModelSource>,
  { activation, i2sLayout, tlTable, overrides, signal }: CheckedLoadOptions,
): Promise<Described> {
  const table = await readTlTable(tlTable);
  const { file: opened, synthetic } = await open();
  const overridden = overrideMetadata(opened, overrides);
  const { file } = overridden;
  throwIfAborted(signal);
  const spec = readSpec(file, {
    ...(activation !== undefined && { activation }),
    i2sLayout,
    tlTable: table,
  });
  return { file, spec, overridden, stamps: stampsOf(file), ...(synthetic && { synthetic }) };
}

/** Sorts the vocabulary while native threads read the weights, and puts all of it together. */
async function finish(
  { file, spec, stamps, overridden }: Described,
  weights: WeightLoad,
  { preTokenizer, chatTemplate, threads, signal, ...options }: CheckedLoadOptions,
  begin: number,
): Promise<Model> {
  try {
    const tokenizer = await createTokenizer(
      file,
      preTokenizer === undefined ? {} : { preTokenizer },
    );
    const templates = modelTemplates(file, tokenizer, chatTemplate);
    const { native, tuning, prepared, decisions } = await weights.finish(tokenizer);
    throwIfAborted(signal);
    return new Model({
      ...{ path: file.path, spec, tokenizer, templates, native, stamps, tuning },
      ...{ contextLength: options.contextLength, kvMemory: options.kvMemory },
      ...{ prefixCache: options.prefixCache, prepared },
      ...{ maxRunning: options.maxRunning, maxQueue: options.maxQueue },
      adapterMemory: options.adapterMemory,
      decisions: [
        ...overridden.decisions(),
        ...threadDecisions(threads),
        ...decisions,
        ...[spec, tokenizer, templates].flatMap((part) => part.decisions),
      ],
      loadMilliseconds: performance.now() - begin,
    });
  } catch (error) {
    await weights.discard();
    throwIfAborted(signal);
    throw error;
  }
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
