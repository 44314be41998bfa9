import type { FileStamp } from '../gguf/file-stamp.js';
import type { Dtype } from './dtypes.js';

/** What the header of a safetensors file says; no tensor data is held. */
export interface SafetensorsFile {
  /** In file order; empty when there is none. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: TensorDirectory;
}

/** Tensors by name, in the order of their data. */
export type TensorDirectory = ReadonlyMap<string, SafetensorsTensor>;

/** One tensor, checked to lie inside its file and to share no byte with another. */
export interface SafetensorsTensor {
  readonly name: string;
  readonly dtype: Dtype;
  /** Lengths of the dimensions, the contiguous one last: […, rows, cols]; of a single number none. */
  readonly shape: readonly number[];
  /** Where its data begins and ends, in bytes from the start of the file. */
  readonly begin: number;
  readonly end: number;
  /** The file with its data, as it was when its header was read. */
  readonly file: FileStamp;
}
