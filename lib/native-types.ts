// What crosses the border between this library and the compiled addon.
import type { FileStamp } from './gguf/file-stamp.js';
import type { TensorRole } from './model/spec/graph-tensors.js';

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

/** How a tensor is held once it is loaded: `TensorLayout` in native/graph/planned_tensor.h. */
export type TensorLayout =
  | 'f32'
  | 'tiles'
  | 'groups'
  | 'neuron rows'
  | 'neuron columns'
  | 'dense'
  | 'q4_0'
  | 'file'
  | 'prefilter';

export interface HeldTensor {
  readonly layout: TensorLayout;
  /** What computes with it: a ternary kernel, or an instruction set; '' of vectors. */
  readonly kernel: string;
  /** In memory. */
  readonly bytes: number;
}

/** A row of the plan of a load. */
export interface PlannedTensor extends HeldTensor {
  /** Its name in the file. */
  readonly tensor: string;
  readonly role: TensorRole;
  /** From 0; −1 for tensors the model has once. */
  readonly layer: number;
  readonly rows: number;
  readonly cols: number;
  /** That so many experts have such a matrix, of which a token uses a few. */
  readonly experts?: number;
}

/** Whether zeros are skipped, or of every layer whether they are. */
export type SkippingLayers = boolean | readonly boolean[];

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
  /** Tokens whose best logits the prefilter found. */
  readonly prefiltered: number;
  /** Rows of the head that were multiplied for these. */
  readonly candidates: number;
  /** Tokens for which all rows were. */
  readonly full: number;
}

/** Bytes of the keys and values of all sessions of a model. */
export interface KvUse {
  /** What they may take. */
  readonly budget: number;
  readonly used: number;
  /** Promised to generations that run, and not used yet. */
  readonly reserved: number;
  /** Part of `used` that no session holds: it goes when room is needed. */
  readonly cached: number;
  /** Prompts whose begin was looked for, those of which a part was there, and the tokens of these parts. */
  readonly prefixLookups: number;
  readonly prefixHits: number;
  readonly cachedTokens: number;
}

/** Types that the matrices of adapters can have; positions are the values of `enum DenseType`. */
export const adapterTypes = ['F32', 'F16', 'BF16', 'Q8_0'] as const;
export type AdapterType = (typeof adapterTypes)[number];

/** The two matrices that an adapter has beside a layer: `struct PairSpec` in native/load/load_adapter.h. */
export interface NativePair {
  /** Of the layer; −1 of the embedding. */
  readonly slot: number;
  readonly rank: number;
  /** What B (A x) is multiplied by. */
  readonly factor: number;
  /** Whether rows of B that the model has side by side are half a head apart in the file. */
  readonly halvesApart: boolean;
  /** A is [rank, width]; of the embedding [width, rank], a row for each token. */
  readonly width: number;
  /** B is [rows, rank]. */
  readonly rows: number;
  readonly a: StoredMatrix;
  readonly b: StoredMatrix;
}

interface StoredMatrix {
  /** Of its first byte, from the start of the file. */
  readonly offset: number;
  readonly type: AdapterType;
}

/** The matrices of an adapter in memory. */
export interface NativeAdapter {
  /** They are freed when no evaluation uses them. */
  close(): void;
}

/** An adapter that can be loaded, of a file as it was when its header was read. */
export interface LoadableAdapter {
  /** No other one of this thread has it. */
  readonly id: number;
  /** Bytes of memory that it takes. */
  readonly bytes: number;
  /**
   * Reads and packs its matrices on native threads.
   * @param control `[abort]`
   * @throws ERR_BITNET_FILE, ERR_BITNET_MODEL, ERR_BITNET_MEMORY, ERR_BITNET_ABORTED
   */
  load(model: NativeModel, control: Int32Array): Promise<NativeAdapter>;
}

export interface NativeModel {
  info(): {
    threads: number;
    /** Whether it has read its weights for all loads with its key, which wait until it shares them. */
    claimed: boolean;
    /** Whether its prepared file was used, and what is wrong with it where it could not: 'its checksum is wrong'. */
    prepared: boolean;
    preparedFault: string;
    kernel: KernelNames;
    head: HeadCounts;
    /** In the order of the spec's tensors, as the load was carried out. */
    plan: readonly HeldTensor[];
    kv: KvUse;
  };
  /** Bytes that keys and values of all sessions may take together. */
  limitKv(bytes: number, keepsPrefixes: boolean): void;
  stats(): NativeStats;
  /** The model with its matrices held as other choices say. This one is closed; it must have no open sessions. */
  replan(options: object): Promise<NativeModel>;
  /** Loads with the same key get these weights, which stay as they are: no more `replan`. */
  share(): void;
  /** Writes what the load has packed to a new file, behind `header`. */
  prepare(request: {
    readonly path: string;
    readonly key: string;
    readonly header: Uint8Array;
    /** `[abort]` */
    readonly control: Int32Array;
  }): Promise<void>;
  close(): void;
}

/** What a model has computed, and has to compute: `struct QueueStats`. */
export interface NativeStats {
  /** Generations. */
  readonly running: number;
  readonly waiting: number;
  readonly steps: number;
  readonly decodedTokens: number;
  readonly promptTokens: number;
  /** Of all steps. */
  readonly milliseconds: number;
  /** Milliseconds that a step may take now, 0 when it does not matter. */
  readonly target: number;
  /** Milliseconds, in no order. */
  readonly lastSteps: Float64Array;
}

/** Values of `EvaluateRequest::Outputs`. */
export const outputs = {
  none: 0,
  last: 1,
  all: 2,
  top: 3,
  score: 4,
  lastState: 5,
  states: 6,
} as const;

/** Outputs are written into the typed arrays; which of them are needed depends on `outputs`. */
export interface NativeRequest {
  readonly tokens: Int32Array;
  /** How many of them, at the begin, were evaluated before: they have no outputs. @default 0 */
  readonly again?: number;
  readonly outputs: number;
  /** The outputs `last` and `top` are of so many of the last tokens. @default 1 */
  readonly rows?: number;
  /** `[abort]`: set to 1 to stop the evaluation. */
  readonly control: Int32Array;
  readonly logits?: Float32Array;
  /** `[rows, k]` */
  readonly topIds?: Int32Array;
  readonly topLogits?: Float32Array;
  /** `[rows, extra]` */
  readonly extraIds?: Int32Array;
  readonly extraLogits?: Float32Array;
  /** `[rows]` */
  readonly logSumExp?: Float64Array;
  /** `[rows, ceil(vocabSize / 32)]`: bit `id & 31` of word `id >>> 5` for every id that may be among the best. */
  readonly allowed?: Uint32Array;
  readonly scores?: Float64Array;
  readonly states?: Float32Array;
  /** `[nLayer, n - again, dim]` the residual stream after each layer. */
  readonly layers?: Float32Array;
  /** `[nLayer, 3]`, added to: inactive neurons, zero inputs of the down projection, values of each kind. */
  readonly ffnCounts?: Float64Array;
  /**
   * `[1]`, added to: how many of the tokens were not evaluated, because a sequence that begins alike has been. With it, the
   * sequence is kept for others.
   */
  readonly cached?: Int32Array;
  /** `[1]`, counts from 0 to 1000 while the tokens are evaluated. */
  readonly progress?: Int32Array;
  /** What the session is evaluated with, and how much of each. */
  readonly adapters?: readonly NativeAdapter[];
  readonly scales?: Float64Array;
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
  /** Ends an evaluation whose control says so and which waits for a step. */
  cancel(): void;
  /** A generation waits: its caller is active. Until endGeneration, evaluations belong to it. */
  announce(caller: string, priority: number): void;
  /** Begins it if there is memory for so many positions in all; says whether, and throws where waiting would not help. */
  admit(positions: number, alone: boolean): boolean;
  /** Tokens that were computed for its caller. */
  served(): number;
  /** May be called again. */
  endGeneration(): void;
  position(): number;
  /**
   * Forgets everything from `length` on. Returns the position of what is left: before `length` where the state of recurrent layers
   * is known only there; the tokens between the two have to be evaluated again.
   */
  truncate(length: number): number;
  /** Bytes of keys and values of one position. */
  bytesPerPosition(): number;
  /** Bytes of the states of all recurrent layers at one position. */
  stateBytes(): number;
  /** The positions of the states that `save` writes, in order. */
  statePositions(): number[];
  save(request: NativeDiskRequest & { readonly header: Uint8Array }): Promise<void>;
  load(
    request: NativeDiskRequest & { readonly offset: number; readonly statePositions: Float64Array },
  ): Promise<void>;
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
  /** 0: of tensors, 1: of rows, 2: of blocks. */
  readonly scalesOf: number;
}

/** What decides the plan of a load besides the model. */
export interface LoadChoices {
  /** A kernel or instruction set, empty for the best. */
  readonly kernel: string;
  /** Ternary kernels of shapes that do not use the one `kernel` says. */
  readonly byShape?: readonly (MatrixShape & { readonly kernel: string })[];
  /** Whether, or in which layers, matrices whose zeros can be skipped are packed for that. @default true */
  readonly skipInactive?: SkippingLayers;
  /** Bytes of the smallest head in floats that is prefiltered; Infinity for none. @default 32 MiB */
  readonly prefilterFrom?: number;
}

/** A file of packed weights. */
export interface PreparedFile {
  readonly path: string;
  /** 64 characters: of which weights, and how they are held. */
  readonly key: string;
}

/** Bytes of a prepared file that say what it is, before the addon's part. */
export const preparedHeaderBytes = 8192;

export interface NativeLoadOptions extends LoadChoices {
  /** 0 for all cores this process may use. */
  readonly threads: number;
  /** Milliseconds of a step beside sequences that decode; 0: what suits them. @default 0 */
  readonly stepTarget?: number;
  /** Of the engine's time, among models. @default 1 */
  readonly share?: number;
  /** Instead of reading the file. */
  readonly synthetic?: NativeSynthetic | undefined;
  /** Of the files that the spec was read from, in order: those whose weights are read must be the same. */
  readonly stamps?: readonly FileStamp[] | undefined;
  /** Loads with the same key hold the same weights; without one they are read for this load alone. */
  readonly key?: string | undefined;
  /** Where packed weights are that an earlier load has kept. */
  readonly prepared?: PreparedFile | undefined;
  /** `[abort, progress]`: progress counts from 0 to 1000. */
  readonly control: Int32Array;
}

/** How a session can hold its keys and values; positions are the values of `enum KvType`. */
export const kvTypes = ['f16', 'q8_0'] as const;
export type KvType = (typeof kvTypes)[number];

/** How a kernel did beside its definition, on small products. */
export interface KernelVerdict {
  /** 'ternary', 'groups', 'neuron', 'dense', 'prefilter', 'vector'. */
  readonly family: string;
  /** 'mad2-avx2' of kernels for tiles and groups, the instruction set of others. */
  readonly name: string;
  /** The first wrong result, '' when there is none. */
  readonly wrong: string;
}

/** A stored tensor, in a file or in memory. */
export interface NativeTensor {
  readonly from: { readonly stamp: FileStamp } | { readonly bytes: Uint8Array };
  /** Of its first byte there. */
  readonly offset: number;
  /** A type that native/formats or native/kernels/dense can decode: 'I2_S arm64', 'packed rows', 'Q8_0', … */
  readonly type: string;
  readonly rows: number;
  readonly cols: number;
  /** Of TL1 and TL2. */
  readonly tile?: { readonly rows: number; readonly cols: number; readonly groupRows: number };
}

/** What the rows of a tensor become. */
export interface NativeTarget {
  /** I2_S, TQ1_0, TQ2_0, Q2_0 and dense types. */
  readonly type: string;
  /** Of all weights, for I2_S. */
  readonly scale?: number;
  /** Whether dense weights are rounded to ternary ones by absmean, where a scale belongs to a block; else they must be exactly ternary. @default false */
  readonly absmean?: boolean;
  /** Scales of weights that are known: as `groupSizes` has them, those that share one in the type being equal. */
  readonly given?: Float32Array;
  /** Of such weights, where they are dense, those up to this size are 0. @default 0 */
  readonly zeroLimit?: number;
}

/** What stands against a conversion, as bits: native/quantize/findings.h. */
export const findings = {
  notFinite: 1,
  invalid: 2,
  notTernary: 4,
  scalesDiffer: 8,
  scaleRounded: 16,
  scaleLost: 32,
  tooLarge: 64,
} as const;

/** How far a dense tensor is from ternary weights. */
export interface TernaryDistance {
  /** Whether its weights are −s, 0, +s for what shares a scale. */
  readonly exact: boolean;
  /** The scale of all weights by absmean. */
  readonly absmean: number;
  /** |w − s t| / |w| for weights rounded by absmean. */
  readonly distance: number;
}

/** The tokens of a vocabulary, as grammars walk through them. */
export interface NativeVocabulary {
  readonly [nativeVocabulary]: true;
}

/** A grammar over a vocabulary. */
export interface NativeGrammar {
  readonly [nativeGrammar]: true;
}

declare const nativeVocabulary: unique symbol;
declare const nativeGrammar: unique symbol;

/** What decides a vocabulary: `class Vocabulary`. */
export interface VocabularyBytes {
  /** Of all tokens, one after the other; none of tokens that are not text. */
  readonly bytes: Uint8Array;
  /** `[vocabSize + 1]` where those of each begin. */
  readonly offsets: Uint32Array;
  /** The tokens that end a text. */
  readonly ends: Int32Array;
}

/** The rules of a grammar: `struct RuleNumbers`. */
export interface NativeRules {
  readonly code: Int32Array;
  /** `[rules]` */
  readonly starts: Int32Array;
  /** `[rules]`, for messages. */
  readonly names: readonly string[];
}

/** Where one text is in a grammar. All of it may throw ERR_BITNET_GRAMMAR. */
export interface NativeGrammarText {
  /** Whether the token may come next. */
  allows(token: number): boolean;
  /** Writes `[ceil(vocabSize / 32)]` words: bit id & 31 of word id >>> 5 of each token that may come next. */
  allowed(mask: Uint32Array): void;
  /** Appends a token and returns true; false if it may not come next, which changes nothing. */
  append(token: number): boolean;
  /** The bytes that must come next, as far as there is only one way. */
  forced(): Uint8Array;
  /** 0 where the text may not end, 1 where it may, 2 where it must. */
  end(): 0 | 1 | 2;
}
