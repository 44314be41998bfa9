/** How far a model is written. */
export interface WriteProgress {
  /** Of the bytes to write and to read back, from 0 to 1. */
  readonly fraction: number;
  /** The tensor that is being written. */
  readonly tensor: string;
}

export interface WriteOptions {
  /** Replace an existing file. @default false */
  readonly overwrite?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called now and then. */
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
}
