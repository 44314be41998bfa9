import type { GgufArray } from './array.js';
import type { FileStamp } from './file-stamp.js';
import type { GgufValueType } from './value-types.js';

/** A metadata value; u64 and i64 are numbers when these are exact, else bigints. */
export type GgufScalar = number | bigint | boolean | string;
export type GgufValue = GgufScalar | GgufArray;

/** What the header of a GGUF file says, or of all files of a split model; no tensor data is held. */
export interface GgufFile {
  /** Of a split model, the first shard. */
  readonly path: string;
  /** Bytes of the whole file, or of all shards together. */
  readonly size: number;
  /** 2 or 3; both have the same layout. */
  readonly version: number;
  /** Every tensor starts at a multiple of this many bytes. */
  readonly alignment: number;
  /** Where the tensor data begins; may lie past the end of a file without tensors. */
  readonly dataStart: number;
  /** In file order. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** The type each metadata value has in the file, in the same order. */
  readonly valueTypes: ReadonlyMap<string, GgufValueType>;
  /** In file order, shard after shard. */
  readonly tensors: readonly GgufTensor[];
  /** The files of a split model, in order; everything else above is of the first. Absent when there is one file. */
  readonly shards?: readonly GgufShard[];
  /** Of the file, or of the first, before its header was read; absent of what is no file. */
  readonly stamp?: FileStamp;
}

/** One file of a split model. */
export interface GgufShard {
  readonly path: string;
  /** Bytes of the whole file. */
  readonly size: number;
  /** Number of tensors in it. */
  readonly tensors: number;
  readonly stamp?: FileStamp;
}

/** One entry of the tensor directory, checked to lie inside the file and to overlap no other. */
export interface GgufTensor {
  readonly name: string;
  /** Lengths of the dimensions, the contiguous one first: [cols, rows, …]. */
  readonly dims: readonly number[];
  /** The number in the file, which different programs use for different types. */
  readonly typeId: number;
  /** The resolved public name, for example 'I2_S'; 'type 77' when the id is not known. */
  readonly type: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bytes of data; for a type whose size is not known, everything up to the next tensor. */
  readonly bytes: number;
  /** Of a split model: the place in `shards` of the file that holds the data. */
  readonly shard?: number;
}
