// The one file that finds and calls the compiled addon. Nothing here is part of the public API.
import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { BitnetError, type BitnetErrorCode } from './errors.js';
import type { FileStamp } from './gguf/file-stamp.js';
import type { ModelSpec } from './model/spec/spec.js';
import { nativeAdapter, nativeSpec, nativeTensor } from './native-spec.js';
import {
  type CpuInfo,
  type HeldTensor,
  type KernelNames,
  type KernelVerdict,
  type KvType,
  kvTypes,
  type LoadableAdapter,
  type LoadChoices,
  type MatrixShape,
  type NativeAdapter,
  type NativeGrammar,
  type NativeGrammarText,
  type NativeLoadOptions,
  type NativeModel,
  type NativePair,
  type NativeRequest,
  type NativeRules,
  type NativeSession,
  type NativeTarget,
  type NativeTensor,
  type NativeVocabulary,
  type PlannedTensor,
  preparedHeaderBytes,
  type ShapeTiming,
  type TernaryDistance,
  type VocabularyBytes,
} from './native-types.js';
import { packageRoot } from './package-root.js';

interface Addon {
  cpuInfo(): CpuInfo;
  selectKernels(forced: string): KernelNames;
  breakEvenSparsity(forced: string): number | undefined;
  readBandwidth(threads: number): Promise<number>;
  multiplyPeak(threads: number): Promise<number>;
  multiplyInstruction(): string;
  selfTest(): Promise<readonly KernelVerdict[]>;
  compiler(): string;
  timeKernels(question: object): Promise<readonly ShapeTiming[]>;
  checksumFile(request: {
    readonly path: string;
    readonly offsets: Float64Array;
    readonly lengths: Float64Array;
    readonly control: Int32Array;
  }): Promise<bigint>;
  planLoad(spec: object, options: object): readonly HeldTensor[];
  loadModel(spec: object, options: object): Promise<NativeModel>;
  adapterBytes(model: NativeModel, request: object): number;
  loadAdapter(model: NativeModel, request: object): Promise<NativeAdapter>;
  encodeRows(request: object): Promise<number>;
  groupSizes(request: object): Promise<void>;
  rowSums(request: object): Promise<void>;
  firstScale(request: object): Promise<number>;
  measureTernary(request: object): Promise<TernaryDistance>;
  buildVocabulary(tokens: VocabularyBytes): Promise<NativeVocabulary>;
  checkGrammar(vocabSize: number, rules: NativeRules): void;
  compileGrammar(vocabulary: NativeVocabulary, rules: NativeRules): NativeGrammar;
  NativeGrammarText: new (begin: NativeGrammar | NativeGrammarText) => NativeGrammarText;
  NativeSession: new (
    model: NativeModel,
    contextLength: number,
    kvType: number,
    fork?: NativeSession,
  ) => NativeSession;
}

let loaded: Addon | undefined;
let loadedFrom = '';

export function cpuInfo(): CpuInfo {
  return addon().cpuInfo();
}

/** Differs from build to build: what one has packed is not for another. */
export function addonBuild(): string {
  addon();
  const { size, mtimeMs } = statSync(loadedFrom);
  return `${size} ${mtimeMs}`;
}

/**
 * The kernels that would be used; `forced` is a kernel or instruction set, empty for the best.
 * @throws ERR_BITNET_KERNEL when it is unknown or this CPU cannot run it
 */
export function selectKernels(forced: string): KernelNames {
  return translated(() => addon().selectKernels(forced));
}

/**
 * From which part of the weights in `up` and `down` on, 0 to 1, the kernel that `selectKernels` would choose gains by skipping what
 * is inactive; undefined where it cannot.
 */
export function breakEvenSparsity(forced: string): number | undefined {
  return translated(() => addon().breakEvenSparsity(forced));
}

/**
 * Bytes that `threads` threads together can read from memory, in 10⁹ per second: the best of several passes over 512 MiB.
 * @throws ERR_BITNET_MEMORY
 */
export function readBandwidth(threads: number): Promise<number> {
  return translatedAsync(translated(() => addon().readBandwidth(threads)));
}

/** int8 multiply-adds that `threads` threads together can do in registers, in 10⁹ per second. */
export function multiplyPeak(threads: number): Promise<number> {
  return translatedAsync(translated(() => addon().multiplyPeak(threads)));
}

/** The instruction that `multiplyPeak` uses, such as 'VPDPBUSD zmm'. */
export function multiplyInstruction(): string {
  return addon().multiplyInstruction();
}

/**
 * Tests every kernel that this CPU can run: milliseconds, on a native thread.
 * @throws ERR_BITNET_MEMORY
 */
export function selfTest(): Promise<readonly KernelVerdict[]> {
  return translatedAsync(translated(() => addon().selfTest()));
}

/** Name and version of the compiler that built the addon. */
export function compiler(): string {
  return addon().compiler();
}

/**
 * Times ternary kernels on native threads, on random weights of the given shapes. Shapes there was
 * no time or memory for are left out; all are when it was aborted.
 * @param threads 0 for all cores this process may use
 * @param control `[abort]`
 */
export function timeKernels(
  shapes: readonly MatrixShape[],
  candidates: readonly string[],
  options: { threads: number; milliseconds: number; control: Int32Array },
): Promise<readonly ShapeTiming[]> {
  const question = { shapes, candidates: candidates.map((name) => ({ name })), ...options };
  return translatedAsync(translated(() => addon().timeKernels(question)));
}

/**
 * How each tensor of a model would be held, with which kernel, in how many bytes: what `loadNativeModel` does with the same choices.
 * Only scales that differ inside a row, and Q2_0 weights of +2, are not known before they are read.
 *
 * @throws ERR_BITNET_KERNEL, ERR_BITNET_MODEL, ERR_BITNET_TYPE
 */
export function planLoad(spec: ModelSpec, choices: LoadChoices): readonly PlannedTensor[] {
  const native = nativeSpec('', spec, {});
  return planOf(
    spec,
    translated(() => addon().planLoad(native, choiceNumbers(spec, choices))),
  );
}

/** How each tensor of a loaded model is held. */
export function heldPlan(spec: ModelSpec, model: NativeModel): readonly PlannedTensor[] {
  return planOf(spec, model.info().plan);
}

function planOf(spec: ModelSpec, held: readonly HeldTensor[]): readonly PlannedTensor[] {
  return spec.tensors.map(({ name, role, layer, rows, cols, experts }, i) => ({
    ...{ tensor: name, role, layer, rows, cols },
    ...(experts !== undefined && { experts }),
    ...held[i]!,
  }));
}

/** Reads and packs the weights on native threads. */
export function loadNativeModel(
  path: string,
  spec: ModelSpec,
  options: NativeLoadOptions,
): Promise<NativeModel> {
  const native = nativeSpec(path, spec, options);
  const { threads, stepTarget = 0, share = 1, control, key, prepared } = options;
  const choices = {
    ...{ threads, stepTarget, share, control, key },
    ...{ preparedPath: prepared?.path, preparedKey: prepared?.key },
    preparedOffset: preparedHeaderBytes,
    ...choiceNumbers(spec, options),
  };
  return translatedAsync(translated(() => addon().loadModel(native, choices)));
}

/**
 * Reads again, in place, the matrices that other choices hold otherwise.
 * @param model closed by this; it must have no open sessions
 */
export function replanNativeModel(
  model: NativeModel,
  spec: ModelSpec,
  options: LoadChoices & Pick<NativeLoadOptions, 'control'>,
): Promise<NativeModel> {
  const { control } = options;
  return translatedAsync(
    translated(() => model.replan({ control, ...choiceNumbers(spec, options) })),
  );
}

/** Writes a prepared file. */
export function prepareNativeModel(
  model: NativeModel,
  request: Parameters<NativeModel['prepare']>[0],
): Promise<void> {
  return translatedAsync(translated(() => model.prepare(request)));
}

function choiceNumbers(
  { nLayer }: ModelSpec,
  { kernel, byShape, skipInactive = true, prefilterFrom }: LoadChoices,
): object {
  const layers =
    typeof skipInactive === 'boolean' ? Array(nLayer).fill(skipInactive) : skipInactive;
  return { kernel, byShape, prefilterFrom, skipLayers: Int32Array.from(layers, Number) };
}

let adapters = 0;

/** @throws ERR_BITNET_MODEL for a matrix that does not fit the model's */
export function loadableAdapter(
  model: NativeModel,
  stamp: FileStamp,
  pairs: readonly NativePair[],
): LoadableAdapter {
  const id = ++adapters;
  const request = { id, ...nativeAdapter(stamp, pairs) };
  return {
    id,
    bytes: translated(() => addon().adapterBytes(model, request)),
    load: (loaded, control) =>
      translatedAsync(translated(() => addon().loadAdapter(loaded, { ...request, control }))),
  };
}

/** @param fork a session of the same model, length and type, whose tokens the new one has too */
export function createNativeSession(
  model: NativeModel,
  contextLength: number,
  kvType: KvType = 'f16',
  fork?: NativeSession,
): NativeSession {
  const { NativeSession } = addon();
  const type = kvTypes.indexOf(kvType);
  return translated(() => new NativeSession(model, contextLength, type, fork));
}

/** Sets memory aside for so many positions; false: not now. @throws ERR_BITNET_MEMORY when it is alone, or would never fit */
export function nativeAdmit(session: NativeSession, positions: number, alone: boolean): boolean {
  return translated(() => session.admit(positions, alone));
}

export function nativeEvaluate(session: NativeSession, request: NativeRequest): Promise<void> {
  return translatedAsync(translated(() => session.evaluate(request)));
}

/** Writes a new file: the header, then tokens, keys, values, states, and their checksum. */
export function nativeSave(
  session: NativeSession,
  request: Parameters<NativeSession['save']>[0],
): Promise<void> {
  return translatedAsync(translated(() => session.save(request)));
}

/** Reads them back from `offset` on; the session stays as it was when something is wrong. */
export function nativeLoad(
  session: NativeSession,
  request: Parameters<NativeSession['load']>[0],
): Promise<void> {
  return translatedAsync(translated(() => session.load(request)));
}

/** A 64-bit checksum of parts of a file, one after the other. */
export function checksumFile(
  path: string,
  parts: readonly { readonly offset: number; readonly bytes: number }[],
  control: Int32Array,
): Promise<bigint> {
  const offsets = Float64Array.from(parts, ({ offset }) => offset);
  const lengths = Float64Array.from(parts, ({ bytes }) => bytes);
  return translatedAsync(
    translated(() => addon().checksumFile({ path, offsets, lengths, control })),
  );
}

/** Sorts the tokens, on a native thread. */
export function buildVocabulary(tokens: VocabularyBytes): Promise<NativeVocabulary> {
  return translatedAsync(translated(() => addon().buildVocabulary(tokens)));
}

/** @throws ERR_BITNET_GRAMMAR as `compileGrammar` does, without its vocabulary */
export function checkGrammar(vocabSize: number, rules: NativeRules): void {
  translated(() => addon().checkGrammar(vocabSize, rules));
}

/** @throws ERR_BITNET_GRAMMAR */
export function compileGrammar(vocabulary: NativeVocabulary, rules: NativeRules): NativeGrammar {
  return translated(() => addon().compileGrammar(vocabulary, rules));
}

/** A text at the begin of a grammar, or where another one is. */
export function grammarText(begin: NativeGrammar | NativeGrammarText): NativeGrammarText {
  const { NativeGrammarText } = addon();
  return translated(() => new NativeGrammarText(begin));
}

/** What `call` returns; errors of the addon become this library's. */
export function withNativeErrors<T>(call: () => T): T {
  return translated(call);
}

/** Native threads, 0 for all cores this process may use, and `[abort]`. */
export interface NativeWork {
  readonly threads: number;
  readonly control: Int32Array;
}

/**
 * Rows of a tensor as `target` stores them, at the end of an I2_S tensor with its scale; slices begin and end at multiples of
 * `rowStep(tensor)` or at the end.
 *
 * @param out of exactly their size
 * @returns bits of `findings`; `out` means nothing where there are others than scaleRounded
 * @throws ERR_BITNET_FILE, ERR_BITNET_MEMORY, ERR_BITNET_ABORTED
 */
export function encodeRows(
  tensor: NativeTensor,
  { row, count }: { readonly row: number; readonly count: number },
  { type, scale = 0, absmean = false, given, zeroLimit = 0 }: NativeTarget,
  out: Uint8Array,
  work: NativeWork,
): Promise<number> {
  const target = { target: type, scale, absmean: Number(absmean), given, zeroLimit };
  const request = { ...nativeTensor(tensor), row, count, ...target, out, ...work };
  return translatedAsync(translated(() => addon().encodeRows(request)));
}

/**
 * Of each 64 columns of a row of a dense tensor the one size that all weights but zeros have, 0 where all are zeros, and −1 where
 * there are several.
 *
 * @param out [rows, ⌈cols / 64⌉]
 */
export function groupSizes(
  tensor: NativeTensor,
  out: Float32Array,
  work: NativeWork,
): Promise<void> {
  const request = { ...nativeTensor(tensor), out, ...work };
  return translatedAsync(translated(() => addon().groupSizes(request)));
}

/**
 * Σ |x| of each row of a dense tensor, in order; of 16-bit types those with odd indices are a sum of their own.
 *
 * @param out [rows]
 */
export function rowSums(tensor: NativeTensor, out: Float64Array, work: NativeWork): Promise<void> {
  const request = { ...nativeTensor(tensor), out, ...work };
  return translatedAsync(translated(() => addon().rowSums(request)));
}

/** The scale of the first weight that is not 0: if the tensor has one scale, this is it. */
export function firstScale(tensor: NativeTensor, work: NativeWork): Promise<number> {
  return translatedAsync(
    translated(() => addon().firstScale({ ...nativeTensor(tensor), ...work })),
  );
}

/** @param group columns that share a scale; 0: the whole tensor */
export function measureTernary(
  tensor: NativeTensor,
  group: number,
  work: NativeWork,
): Promise<TernaryDistance> {
  const request = { ...nativeTensor(tensor), group, ...work };
  return translatedAsync(translated(() => addon().measureTernary(request)));
}

function addon(): Addon {
  loaded ??= findAddon();
  return loaded;
}

function findAddon(): Addon {
  const platform = `${process.platform}-${process.arch}`;
  const candidates = [
    join(packageRoot, 'prebuilds', platform, 'bitnet.node'),
    join(packageRoot, 'build', 'Release', 'bitnet.node'),
  ];
  const load = createRequire(__filename);
  const attempts: string[] = [];
  for (const path of candidates) {
    if (!existsSync(path)) {
      attempts.push(`${path}: not there`);
      continue;
    }
    try {
      const found = load(path) as Addon;
      loadedFrom = path;
      return found;
    } catch (error) {
      attempts.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new BitnetError(
    'ERR_BITNET_ADDON',
    `Expected bitnet's compiled addon for ${platform} (Node ${process.version}), but none could be loaded; ` +
      `run "npm run build" in ${packageRoot} (it needs CMake and a C++20 compiler). Tried: ${attempts.join('; ')}.`,
    { attempts },
  );
}

function translated<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw translate(error);
  }
}

async function translatedAsync<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw translate(error);
  }
}

/** The addon throws plain errors with a code; callers get this library's class. */
function translate(error: unknown): unknown {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (!(error instanceof Error) || error instanceof BitnetError || typeof code !== 'string') {
    return error;
  }
  const name = code === 'ERR_BITNET_ABORTED' ? { name: 'AbortError' } : {};
  return new BitnetError(code as BitnetErrorCode, error.message, name);
}
