// The one file that finds and types the compiled addon. Nothing here is part of the public API.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { BitnetError, type BitnetErrorCode } from './errors.js';
import type { FileStamp } from './gguf/file-stamp.js';
import type { ModelSpec, TensorRole } from './model/spec.js';
import { packageRoot } from './package-root.js';

/** Kernels in use: a ternary kernel by name, dense and vector ones by instruction set. */
export interface KernelNames {
  readonly ternary: string;
  readonly dense: string;
  readonly vector: string;
}

export interface CpuInfo {
  /** Instruction sets that the CPU has and the operating system supports. */
  readonly isa: readonly string[];
  /** Cores this process may use: affinity and container quota counted. */
  readonly threads: number;
  /** Ternary kernels in order of preference. */
  readonly kernels: readonly {
    readonly name: string;
    readonly isa: string;
    readonly usable: boolean;
  }[];
}

/** How a ternary kernel packs: `bytes` for `rows` × `cols` weights, both padded to whole tiles. */
export interface TernaryTile {
  readonly rows: number;
  readonly cols: number;
  readonly bytes: number;
  /**
   * The two matrices of squared-ReLU networks that zeros can spare are kept unit by unit: each a row
   * or column of the residual width, in blocks of so many. Not there where the kernel cannot.
   */
  readonly units?: {
    readonly trits: number;
    readonly bytes: number;
    /** From which part of a layer's two matrices on, 0 to 1, it is faster to skip what zeros spare. */
    readonly paysFrom: number;
  };
}

/** Whether zeros are skipped, or of every layer whether they are. */
export type ZeroSkipping = boolean | readonly boolean[];

export interface MatrixShape {
  readonly rows: number;
  readonly cols: number;
}

/** The ternary kernel for matrices of one shape, and what it was chosen by. */
export interface ShapeTiming extends MatrixShape {
  readonly kernel: string;
  /** Of every kernel that was tried, in 10⁹ weights times tokens per second. */
  readonly timings: readonly {
    readonly kernel: string;
    /** One token at a time. */
    readonly token: number;
    /** 64 tokens at a time; 0 where that was not needed for the choice. */
    readonly batch: number;
  }[];
}

/** Bytes of a loaded model, by what they hold. */
export interface MemoryUse {
  readonly ternary: number;
  readonly dense: number;
  readonly head: number;
  readonly norms: number;
}

/** How the output heads of tokens were computed. */
export interface HeadCounts {
  /** Tokens whose best logits the screen found. */
  readonly screened: number;
  /** Rows of the head that were multiplied for these. */
  readonly candidates: number;
  /** Tokens for which all rows were. */
  readonly full: number;
}

export interface NativeModel {
  info(): {
    threads: number;
    memory: MemoryUse;
    kernel: KernelNames;
    head: HeadCounts;
    /** `[nLayer]` whether zeros are skipped. */
    skipsZeros: readonly boolean[];
  };
  close(): void;
}

/** Values of `EvaluateRequest::Want`. */
export const want = {
  none: 0,
  last: 1,
  all: 2,
  top: 3,
  score: 4,
  lastState: 5,
  states: 6,
} as const;

/** Outputs are written into the typed arrays; which of them are needed depends on `want`. */
export interface NativeRequest {
  readonly tokens: Int32Array;
  readonly want: number;
  /** `[abort]`: set to 1 to stop the evaluation. */
  readonly control: Int32Array;
  readonly logits?: Float32Array;
  readonly topIds?: Int32Array;
  readonly topLogits?: Float32Array;
  readonly also?: Int32Array;
  readonly alsoLogits?: Float32Array;
  readonly logSumExp?: Float64Array;
  readonly scores?: Float64Array;
  readonly states?: Float32Array;
  /** `[nLayer, 3]`, added to: closed gates, zero inputs of the down projection, values of each kind. */
  readonly ffnCounts?: Float64Array;
  /** `[1]`, counts from 0 to 1000 while the tokens are evaluated. */
  readonly progress?: Int32Array;
}

/** Where a session goes on disk; the seed of its checksum comes in two numbers of 32 bits. */
export interface NativeDiskRequest {
  readonly path: string;
  /** `[position]`, read or written. */
  readonly tokens: Int32Array;
  readonly seedLow: number;
  readonly seedHigh: number;
  /** `[abort]` */
  readonly control: Int32Array;
}

export interface NativeSession {
  evaluate(request: NativeRequest): Promise<void>;
  position(): number;
  truncate(position: number): void;
  /** Bytes of keys and values of one position. */
  bytesPerPosition(): number;
  save(request: NativeDiskRequest & { readonly header: Uint8Array }): Promise<void>;
  load(request: NativeDiskRequest & { readonly offset: number }): Promise<void>;
  close(): void;
}

/** What decides the weights of a model that is made and not read: `struct SyntheticSpec`. */
export interface NativeSynthetic {
  readonly seed: number;
  /** `[65536]` */
  readonly normal: Uint16Array;
  /** `[tensors]` */
  readonly scales: Float32Array;
  /** `[tensors]` */
  readonly halfScales: Uint16Array;
}

export interface NativeLoadOptions {
  /** 0 for all cores this process may use. */
  readonly threads: number;
  /** A kernel or instruction set, empty for the best. */
  readonly kernel: string;
  /** Ternary kernels of shapes that do not use the one `kernel` says. */
  readonly byShape?: readonly (MatrixShape & { readonly kernel: string })[];
  /** Whether, or in which layers, matrices whose zeros can be skipped are packed for that. @default true */
  readonly skipZeros?: ZeroSkipping;
  /** Bytes of the smallest head in floats that is screened; Infinity for none. @default 32 MiB */
  readonly screenFrom?: number;
  /** Instead of reading the file. */
  readonly synthetic?: NativeSynthetic | undefined;
  /** Of the files that the spec was read from, in order: those whose weights are read must be the same. */
  readonly stamps?: readonly FileStamp[] | undefined;
  /** `[abort, progress]`: progress counts from 0 to 1000. */
  readonly control: Int32Array;
}

interface Addon {
  cpuInfo(): CpuInfo;
  selectKernels(forced: string): KernelNames;
  ternaryTile(forced: string): TernaryTile;
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
  loadModel(spec: object, options: object): Promise<NativeModel>;
  NativeSession: new (model: NativeModel, contextLength: number, kvType: number) => NativeSession;
}

/** Positions are the values of `enum Role` in native/model/spec.h. */
const roles: readonly TensorRole[] = [
  'token_embd',
  'output_norm',
  'output',
  'rope_freqs',
  'attn_norm',
  'attn_sub_norm',
  'ffn_norm',
  'ffn_sub_norm',
  'attn_q',
  'attn_k',
  'attn_v',
  'attn_output',
  'ffn_gate',
  'ffn_up',
  'ffn_down',
  'attn_q_norm',
  'attn_k_norm',
  'attn_post_norm',
  'ffn_post_norm',
  'attn_q_norm_in',
  'attn_k_norm_in',
  'attn_v_norm_in',
  'ffn_gate_norm_in',
  'ffn_up_norm_in',
  'attn_q_bias',
  'attn_k_bias',
  'attn_v_bias',
  'attn_output_bias',
  'ffn_gate_bias',
  'ffn_up_bias',
  'ffn_down_bias',
];

/** Positions are the values of `enum Activation`. */
const activations: readonly ModelSpec['activation'][] = ['relu2', 'silu', 'gelu_tanh'];

/** How a session can hold its keys and values; positions are the values of `enum KvType`. */
export const kvTypes = ['f16', 'q8_0'] as const;
export type KvType = (typeof kvTypes)[number];

let loaded: Addon | undefined;

export function cpuInfo(): CpuInfo {
  return addon().cpuInfo();
}

/**
 * The kernels that would be used; `forced` is a kernel or instruction set, empty for the best.
 * @throws ERR_BITNET_KERNEL when it is unknown or this CPU cannot run it
 */
export function selectKernels(forced: string): KernelNames {
  return translated(() => addon().selectKernels(forced));
}

/** How the kernel packs that `selectKernels` would choose. */
export function ternaryTile(forced: string): TernaryTile {
  return translated(() => addon().ternaryTile(forced));
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

/** How a kernel did beside its definition, on small products. */
export interface KernelVerdict {
  /** 'ternary', 'units', 'dense', 'screen', 'vector'. */
  readonly family: string;
  /** 'mad2-avx2' of a ternary kernel, the instruction set of others. */
  readonly name: string;
  /** The first wrong result, '' when there is none. */
  readonly wrong: string;
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

/** Reads and packs the weights on native threads. */
export function loadNativeModel(
  path: string,
  spec: ModelSpec,
  { skipZeros = true, ...options }: NativeLoadOptions,
): Promise<NativeModel> {
  const { rope, local, activation, tensors, parts = [], ...numbers } = spec;
  const layers = typeof skipZeros === 'boolean' ? Array(spec.nLayer).fill(skipZeros) : skipZeros;
  const zeroLayers = Int32Array.from(layers, Number);
  const native = {
    ...numbers,
    path,
    parts: parts.map((part) => ({ path: part })),
    ...(!options.synthetic && { stamps: stampNumbers(options.stamps ?? []) }),
    synthetic: options.synthetic,
    ropeNeox: rope.type === 'neox' ? 1 : 0,
    ropeDim: rope.dim,
    ropeBase: rope.base,
    ropeScale: rope.scale,
    ropeMagnitude: rope.magnitude ?? 1,
    ...(rope.factors && { ropeFactors: Float64Array.from(rope.factors) }),
    ...(local && {
      window: local.window,
      localLayers: Int32Array.from(local.layers, Number),
      localRopeBase: local.ropeBase,
      localRopeMagnitude: local.ropeMagnitude ?? 1,
    }),
    activation: activations.indexOf(activation),
    tensors: tensors.map(({ tile, ...tensor }) => ({
      ...tensor,
      role: roles.indexOf(tensor.role),
      ...(tile && { tileRows: tile.rows, tileCols: tile.cols, tileGroupRows: tile.groupRows }),
    })),
  };
  return translatedAsync(translated(() => addon().loadModel(native, { ...options, zeroLayers })));
}

/** `[files, 3]`: `struct FileStamp`. */
function stampNumbers(stamps: readonly FileStamp[]): BigInt64Array {
  return BigInt64Array.from(
    stamps.flatMap(({ size, mtimeNs, ino }) => [BigInt(size), mtimeNs, ino]),
  );
}

export function createNativeSession(
  model: NativeModel,
  contextLength: number,
  kvType: KvType = 'f16',
): NativeSession {
  const { NativeSession } = addon();
  return translated(() => new NativeSession(model, contextLength, kvTypes.indexOf(kvType)));
}

export function nativeEvaluate(session: NativeSession, request: NativeRequest): Promise<void> {
  return translatedAsync(translated(() => session.evaluate(request)));
}

/** Writes a new file: the header, then tokens, keys and values, and their checksum. */
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
      return load(path) as Addon;
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
