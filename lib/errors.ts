import type { Comparison, EvalResult, Perplexity } from './evaluate/results.js';
import type { Timings, Usage } from './generate/progress.js';

/** What a generation had done when it failed or was ended. */
interface UnfinishedGeneration {
  /** Text that was handed out. */
  text: string;
  /** Every token generated. */
  ids: readonly number[];
  usage: Usage;
  timings: Timings;
  seed: number;
  /** Of a chat's turn: see `ChatResult`. */
  keptTokens: number;
  droppedTurns: number;
}

/** Where a file is wrong. */
interface FaultyFile {
  path: string;
  field: string;
  expected: string;
  found: string;
}

/** Of each code the data that its errors may carry. */
interface ErrorFields {
  ERR_BITNET_ABORTED: UnfinishedGeneration & {
    /** What a measurement had found, if anything. */
    result: Perplexity | Comparison | EvalResult;
    /** Whether the next pull goes on with what is there. */
    resumable: boolean;
  };
  ERR_BITNET_ADDON: {
    /** Files that were tried, and why each does not do. */
    attempts: readonly string[];
  };
  ERR_BITNET_ARGUMENT: UnfinishedGeneration & {
    /** The option or argument that is wrong. */
    option: string;
    /** Of a list the element that is wrong, from 0. */
    index: number;
  };
  ERR_BITNET_BUSY: UnfinishedGeneration;
  ERR_BITNET_CHECKSUM: {
    /** In hexadecimal. */
    expected: string;
    found: string;
    resumable: boolean;
  };
  ERR_BITNET_CLOSED: UnfinishedGeneration;
  ERR_BITNET_CONTEXT: UnfinishedGeneration & {
    /** How many tokens there are, and for how many there is room. */
    tokens: number;
    room: number;
    contextLength: number;
    index: number;
  };
  ERR_BITNET_FILE: {
    path: string;
    /** Of a text file, from 1. */
    line: number;
    resumable: boolean;
  };
  ERR_BITNET_GGUF: FaultyFile & { resumable: boolean };
  ERR_BITNET_GRAMMAR: UnfinishedGeneration & {
    /** Of the grammar's text, from 1. */
    line: number;
    column: number;
  };
  ERR_BITNET_KERNEL: object;
  ERR_BITNET_MEMORY: UnfinishedGeneration & {
    /** Of a pool of models: bytes that one would take, and bytes that there may be. */
    needed: number;
    maxMemory: number;
  };
  ERR_BITNET_MODEL: FaultyFile;
  ERR_BITNET_NETWORK: {
    /** Of HTTP. */
    status: number;
    /** Whether the same request may succeed later. */
    retryable: boolean;
    resumable: boolean;
  };
  ERR_BITNET_NUMERIC: UnfinishedGeneration;
  ERR_BITNET_QUEUE: UnfinishedGeneration & {
    /** Generations that wait, and the most that may. */
    length: number;
    limit: number;
  };
  ERR_BITNET_SAFETENSORS: FaultyFile;
  ERR_BITNET_SCHEMA: {
    /** Where in the schema: a JSON pointer, such as /properties/age. */
    pointer: string;
  };
  ERR_BITNET_SESSION: { path: string };
  ERR_BITNET_TEMPLATE: object;
  ERR_BITNET_TIME: object;
  ERR_BITNET_TOKENIZER: FaultyFile;
  ERR_BITNET_TYPE: FaultyFile & {
    /** Of weights that are to become ternary: |w − s t| / |w|. */
    distance: number;
  };
}

/** Code of a `BitnetError`; see docs/errors.md for what each one means and how to fix it. */
export type BitnetErrorCode = keyof ErrorFields;

/**
 * Every error this library raises on purpose. The message is one sentence that says what was
 * expected, what was received and what to do; callers branch on `code`, never on the text, and what
 * else an error may carry depends on that.
 */
export type BitnetError<Code extends BitnetErrorCode = BitnetErrorCode> =
  Code extends BitnetErrorCode
    ? Error & { readonly code: Code } & Readonly<Partial<ErrorFields[Code]>>
    : never;

interface BitnetErrorConstructor {
  readonly prototype: BitnetError;
  /** @param fields data about the failure, copied onto the error (`cause` becomes `error.cause`) */
  new (
    code: BitnetErrorCode,
    message: string,
    fields?: Readonly<Record<string, unknown>>,
  ): BitnetError;
}

export const BitnetError: BitnetErrorConstructor = class BitnetError extends Error {
  override readonly name: string = 'BitnetError';
  readonly code: BitnetErrorCode;

  constructor(
    code: BitnetErrorCode,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
  ) {
    const { cause, ...rest } = fields;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    Object.assign(this, rest);
  }
} as BitnetErrorConstructor;
