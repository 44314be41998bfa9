import {
  argumentError,
  booleanOption,
  functionOption,
  givenOptions,
  signalOption,
} from '../checks/options.js';

export interface PullOptions {
  /** File to write, or folder to write into. @default under the model's name in the cache folder */
  readonly output?: string | undefined;
  /** SHA-256 the file must have, in hexadecimal. @default what the server says, if it says one */
  readonly sha256?: string | undefined;
  /** Whether to download again what exists. @default false */
  readonly force?: boolean | undefined;
  /** Whether a repository without GGUF files may be converted from its checkpoint (`convertCheckpoint`). @default false */
  readonly convert?: boolean | undefined;
  /** Retries after consecutive temporary failures, such as a lost connection. @default 4 */
  readonly retries?: number | undefined;
  /** Milliseconds of silence after which a connection counts as broken. @default 30000 */
  readonly stallTimeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called often while bytes arrive. */
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
  /** Called with a sentence before a retry, and when waiting for another process. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

export interface PullProgress {
  /** Name of the file. */
  readonly file: string;
  /** Of the files of the model, counted from 1. */
  readonly shard: number;
  readonly shards: number;
  /** Bytes received so far. */
  readonly bytes: number;
  /** Total bytes, if the server says so. */
  readonly total: number | undefined;
}

export interface PullResult {
  /** Its name for `findModel` and the command line; absent with `output`. */
  readonly name?: string;
  /** What `loadModel` takes; of a split model its first shard. */
  readonly path: string;
  /** Bytes of all its files. */
  readonly bytes: number;
  /** Bytes received over the network: 0 if everything existed. */
  readonly received: number;
  readonly files: readonly {
    readonly path: string;
    readonly bytes: number;
    /** In hexadecimal; absent for a file that existed and was not checked. */
    readonly sha256?: string;
  }[];
}

const optionNames: (keyof PullOptions)[] = [
  ...(['output', 'sha256', 'force', 'convert', 'retries', 'stallTimeout', 'signal'] as const),
  ...(['onProgress', 'onNotice'] as const),
];

/** The options of a pull, checked. */
export type Settings = ReturnType<typeof checkedOptions>;

/** @throws ERR_BITNET_ARGUMENT */
export function checkedOptions(given: PullOptions | undefined) {
  const options = givenOptions(given, optionNames);
  const { output, sha256, retries = 4, stallTimeout = 30_000 } = options;
  const force = booleanOption('force', options.force, false);
  const convert = booleanOption('convert', options.convert, false);
  if (output !== undefined && (typeof output !== 'string' || output === '')) {
    throw argumentError('a path', 'option output', output);
  }
  if (sha256 !== undefined && !(typeof sha256 === 'string' && /^[\da-f]{64}$/i.test(sha256))) {
    throw argumentError('64 hexadecimal digits', 'option sha256', sha256);
  }
  if (!Number.isInteger(retries) || retries < 0) {
    throw argumentError('an integer of at least 0', 'option retries', retries);
  }
  if (!Number.isInteger(stallTimeout) || stallTimeout < 1 || stallTimeout >= 2 ** 31) {
    throw argumentError('a number of milliseconds', 'option stallTimeout', stallTimeout);
  }
  const onProgress = functionOption('onProgress', options.onProgress);
  const onNotice = functionOption('onNotice', options.onNotice) ?? (() => {});
  const signal = signalOption(options.signal);
  return {
    output,
    sha256: sha256?.toLowerCase(),
    force,
    convert,
    retries,
    stallTimeout,
    signal,
    onProgress,
    onNotice,
  };
}
