import { modelTemplates } from './chat/template.js';
import { booleanOption, givenOptions, nameOption } from './checks/options.js';
import type { Decision } from './decision.js';
import { variable } from './environment.js';
import { BitnetError } from './errors.js';
import { readGguf } from './gguf/reader.js';
import type { GgufFile, GgufShard, GgufValue } from './gguf/types.js';
import { embeddedModelPath } from './model/load/embedded.js';
import { stampsOf } from './model/load/identity.js';
import { type MemoryEstimate, memoryEstimate, skippingLayers } from './model/load/memory.js';
import { pathAndOptions } from './model/load/model-path.js';
import { loadChoices } from './model/load/weight-load.js';
import { checkedI2sLayout, type I2sLayout } from './model/spec/i2s-layouts.js';
import {
  checkedOverrides,
  type MetadataOverrides,
  overrideMetadata,
} from './model/spec/metadata-overrides.js';
import { readSpec } from './model/spec/read-spec.js';
import type { ModelSpec } from './model/spec/spec.js';
import { readTlTable } from './model/spec/tl-tables.js';
import { rememberedKernels, timingsIn } from './model/tuning/autotune.js';
import { ZeroChoice } from './model/tuning/neuron-skipping.js';
import { cpuInfo, planLoad, selectKernels } from './native.js';
import type {
  CpuInfo,
  KernelNames,
  PlannedTensor,
  ShapeTiming,
  SkippingLayers,
} from './native-types.js';
import { createTokenizer } from './tokenizer/index.js';
import type { Tokenizer } from './tokenizer/types.js';

/** Options of `inspectModel`; they mean what they mean to `loadModel`. */
export interface InspectOptions {
  /** As the first argument, which then is left out. */
  readonly path?: string | URL | undefined;
  readonly kernel?: string | undefined;
  readonly activation?: ModelSpec['activation'] | undefined;
  readonly i2sLayout?: I2sLayout | undefined;
  readonly tlTable?: string | undefined;
  readonly preTokenizer?: string | undefined;
  readonly metadataOverrides?: MetadataOverrides | undefined;
  readonly headPrefilter?: boolean | undefined;
  readonly skipInactive?: boolean | undefined;
}

/** What a model file says about itself, and what this program would do with it. */
export interface Inspection {
  readonly path: string;
  readonly file: {
    /** Bytes of the whole file, or of all shards together. */
    readonly size: number;
    /** GGUF version. */
    readonly version: number;
    readonly alignment: number;
    /** Where the tensor data begins. */
    readonly dataStart: number;
    /** The files of a split model, in order; absent when there is one file. */
    readonly shards?: readonly GgufShard[];
  };
  /** The file's `general.architecture`. */
  readonly architecture?: string;
  /** In file order. */
  readonly metadata: readonly MetadataEntry[];
  /** The graph that would run; absent when the file has none that can. */
  readonly model?: Omit<ModelSpec, 'tensors' | 'decisions' | 'shards' | 'rotation'>;
  readonly tokenizer?: TokenizerSummary;
  /** Whether a prompt would be wrapped in a chat template. */
  readonly chatTemplate: boolean;
  /** Names of the templates that the file has besides, if any: the option chatTemplate takes them. */
  readonly chatTemplates?: readonly string[];
  /** Rules that were applied because the file is faulty, silent or overruled. */
  readonly decisions: readonly Decision[];
  /** Why the file cannot be run, or not on this machine; empty when it can. */
  readonly problems: readonly { readonly code: string; readonly message: string }[];
  /** In file order. */
  readonly tensors: readonly TensorSummary[];
  /** How loading would hold each tensor of the graph. Absent when there is no graph that can run. */
  readonly plan?: readonly PlannedTensor[];
  /** The plan's bytes, and those of keys and values. Absent when there is no graph that can run. */
  readonly memory?: MemoryEstimate;
  /**
   * Of every layer whether it would skip zeros: what loading has measured before, else wherever the kernel can. Absent when there is
   * no graph that can run.
   */
  readonly skipsInactive?: readonly boolean[];
  /** Absent when the compiled addon cannot be loaded. */
  readonly cpu?: CpuInfo & { readonly chosen: KernelNames | undefined };
  /**
   * Ternary kernels by matrix shape that would be used instead of the chosen one: what loading on
   * this machine, with all cores, has measured before.
   */
  readonly tuning: readonly ShapeTiming[];
}

export interface MetadataEntry {
  readonly key: string;
  /** 'u32', 'string', …; of an array 'string[]'. */
  readonly type: string;
  readonly value: number | bigint | boolean | string | ArraySummary;
}

export interface ArraySummary {
  readonly length: number;
  /** The first few elements. */
  readonly first: readonly unknown[];
}

export interface TokenizerSummary
  extends Pick<
    Tokenizer,
    'kind' | 'preTokenizer' | 'vocabSize' | 'bos' | 'eos' | 'addBos' | 'addEos' | 'addSpacePrefix'
  > {
  /** The tokens after which a generation stops. */
  readonly endOfGeneration: readonly { readonly id: number; readonly text: string }[];
}

export interface TensorSummary {
  readonly name: string;
  readonly type: string;
  /** Fastest-varying first, as in the file: `[cols, rows]` of a matrix. */
  readonly dims: readonly number[];
  readonly bytes: number;
  /** Bytes from the start of its file. */
  readonly offset: number;
  /** Of a split model: the place in `file.shards` of the file it is in. */
  readonly shard?: number;
}

const optionNames: (keyof InspectOptions)[] = [
  ...(['path', 'kernel', 'activation', 'i2sLayout', 'tlTable', 'preTokenizer'] as const),
  ...(['metadataOverrides', 'headPrefilter', 'skipInactive'] as const),
];

/** Elements of an array that are shown. */
const firstFew = 5;

/**
 * Describes a GGUF file, or without a path the embedded model, reading its header only: no weights,
 * so it takes milliseconds whatever the size. A file this program cannot run (a vocabulary, another
 * architecture) is described all the same, and `problems` says why it cannot be run.
 *
 * @throws `ERR_BITNET_FILE`, `ERR_BITNET_GGUF`, `ERR_BITNET_ARGUMENT`
 */
export function inspectModel(path?: string | URL, options?: InspectOptions): Promise<Inspection>;
export function inspectModel(options: InspectOptions): Promise<Inspection>;
export async function inspectModel(
  first?: string | URL | InspectOptions,
  second?: InspectOptions,
): Promise<Inspection> {
  const { path = embeddedModelPath, options: given } = pathAndOptions(first, second);
  const options = givenOptions(given, optionNames);
  const skipInactive = booleanOption('skipInactive', options.skipInactive, true);
  const headPrefilter = booleanOption('headPrefilter', options.headPrefilter, true);
  const i2sLayout = checkedI2sLayout(options.i2sLayout);
  const kernel = nameOption('kernel', options.kernel) ?? variable('BITNET_KERNEL') ?? '';
  const preTokenizer = nameOption('preTokenizer', options.preTokenizer);
  const { activation } = options;
  const tlTable = await readTlTable(options.tlTable);
  const overrides = checkedOverrides(options.metadataOverrides);
  const overridden = overrideMetadata(await readGguf(path), overrides);
  const { file } = overridden;
  const problems: { code: string; message: string }[] = [];
  /** The value, or undefined and one more problem. */
  const attempt = async <T>(action: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof BitnetError)) throw error;
      if (error.code === 'ERR_BITNET_ARGUMENT') throw error;
      problems.push({ code: error.code, message: error.message });
      return undefined;
    }
  };
  const spec = await attempt(() =>
    readSpec(file, { ...(activation !== undefined && { activation }), i2sLayout, tlTable }),
  );
  const tokenizer = await attempt(() =>
    createTokenizer(file, preTokenizer === undefined ? {} : { preTokenizer }),
  );
  const templates = tokenizer && modelTemplates(file, tokenizer);
  const cpu = await attempt(cpuInfo);
  const chosen = cpu && (await attempt(() => selectKernels(kernel)));
  const tuned = spec && cpu && kernel === '';
  const zeros = tuned && skipInactive ? await skippingLayersOf(spec, file) : skipInactive;
  const timings = tuned ? await rememberedKernels(spec, cpu.threads) : [];
  const choices = loadChoices(kernel, timings, zeros, headPrefilter);
  const plan = spec && chosen && (await attempt(() => planLoad(spec, choices)));
  const architecture = file.metadata.get('general.architecture');
  const { size, version, alignment, dataStart, shards } = file;
  return {
    path,
    file: { size, version, alignment, dataStart, ...(shards && { shards }) },
    ...(typeof architecture === 'string' && { architecture }),
    metadata: metadataEntries(file),
    ...(spec && { model: withoutTensors(spec) }),
    ...(tokenizer && { tokenizer: tokenizerSummary(tokenizer) }),
    chatTemplate: templates?.standard !== undefined,
    ...(templates && templates.names.length > 0 && { chatTemplates: templates.names }),
    decisions: [
      ...overridden.decisions(),
      ...[spec, tokenizer, templates].flatMap((part) => part?.decisions ?? []),
    ],
    problems,
    tensors: file.tensors.map(({ name, type, dims, bytes, offset, shard }) => ({
      ...{ name, type, dims, bytes, offset },
      ...(shard !== undefined && { shard }),
    })),
    ...(plan && { plan, memory: memoryEstimate(spec, plan), skipsInactive: skippingLayers(plan) }),
    ...(cpu && { cpu: { ...cpu, chosen } }),
    tuning: plan ? timingsIn(plan, timings) : [],
  };
}

/** In which layers an earlier load of a file has found that skipping zeros pays; without one, in all. */
async function skippingLayersOf(spec: ModelSpec, file: GgufFile): Promise<SkippingLayers> {
  return (await ZeroChoice.of(spec, stampsOf(file))?.remembered()) ?? true;
}

function metadataEntries(file: GgufFile): MetadataEntry[] {
  return [...file.metadata].map(([key, value]) => {
    const array = asArray(value);
    if (!array) return { key, type: file.valueTypes.get(key) ?? '', value: value as string };
    const length = Math.min(array.length, firstFew);
    const first = Array.from({ length }, (_, i) => array.get(i));
    return { key, type: `${array.elementType}[]`, value: { length: array.length, first } };
  });
}

function asArray(
  value: GgufValue,
): Exclude<GgufValue, number | bigint | boolean | string> | undefined {
  return typeof value === 'object' ? value : undefined;
}

function withoutTensors(spec: ModelSpec): NonNullable<Inspection['model']> {
  const { tensors: _, decisions: __, shards: ___, rotation: ____, ...numbers } = spec;
  return numbers;
}

function tokenizerSummary(tokenizer: Tokenizer): TokenizerSummary {
  const { kind, preTokenizer, vocabSize, bos, eos, addBos, addEos, addSpacePrefix } = tokenizer;
  return {
    ...{ kind, vocabSize, addBos, addEos, addSpacePrefix },
    ...(preTokenizer !== undefined && { preTokenizer }),
    ...(bos !== undefined && { bos }),
    ...(eos !== undefined && { eos }),
    endOfGeneration: [...tokenizer.endOfGeneration].map((id) => ({
      id,
      text: tokenizer.tokenText(id),
    })),
  };
}
