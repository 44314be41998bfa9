import {
  argumentError,
  booleanOption,
  functionOption,
  givenOptions,
  signalOption,
} from '../checks/options.js';
import type { TargetType } from './make/make-options.js';

/** What linear layers become, by the names of the command line. */
const targetTypes = {
  auto: 'auto',
  i2_s: 'I2_S',
  tq1_0: 'TQ1_0',
  tq2_0: 'TQ2_0',
  q2_0: 'Q2_0',
  f16: 'F16',
  bf16: 'BF16',
} as const satisfies Record<string, TargetType>;

export type ConvertType = keyof typeof targetTypes;

export const convertTypes = Object.keys(targetTypes) as readonly ConvertType[];

/** Types with scales of 16 bits. */
const roundedTypes: readonly string[] = ['tq1_0', 'tq2_0', 'q2_0'] satisfies ConvertType[];

export interface ConvertOptions {
  /**
   * Type of linear layers. `auto` is for each layer the smallest that holds its weights exactly: TQ1_0, I2_S, TQ2_0 or Q2_0 if it
   * is ternary, else the type that it has. Embeddings and the head keep their numbers, unless the type is f16 or bf16.
   * @default 'auto'
   */
  readonly type?: ConvertType | undefined;
  /** Whether scales may be rounded to the 16 bits that TQ1_0, TQ2_0 and Q2_0 have for one; not with another type. @default false */
  readonly allowRounding?: boolean | undefined;
  /** Whether any regular file may be replaced but one of the checkpoint. @default false */
  readonly overwrite?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called often while tensors are written. */
  readonly onProgress?: ((progress: ConvertProgress) => void) | undefined;
}

export interface ConvertProgress {
  /** Of the checkpoint's tensors that the file needs, how many bytes are done. */
  readonly bytes: number;
  readonly total: number;
  /** Name of the tensor in the GGUF file. */
  readonly tensor: string;
}

/** The options of a conversion, checked. @throws ERR_BITNET_ARGUMENT */
export function checkedConvertOptions(options: ConvertOptions | null | undefined) {
  const given = givenOptions<ConvertOptions>(options, [
    ...(['type', 'allowRounding', 'overwrite', 'signal', 'onProgress'] as const),
  ]);
  const { type = 'auto' } = given;
  if (!Object.hasOwn(targetTypes, type)) {
    throw argumentError(`one of ${convertTypes.join(', ')}`, 'option type', type);
  }
  const allowRounding = booleanOption('allowRounding', given.allowRounding, false);
  if (allowRounding && !roundedTypes.includes(type)) {
    const expected = `no allowRounding (--allow-rounding) but with ${roundedTypes.join(', ')}, whose scales have 16 bits`;
    throw argumentError(expected, 'option type', type);
  }
  return {
    type: targetTypes[type],
    allowRounding,
    overwrite: booleanOption('overwrite', given.overwrite, false),
    signal: signalOption(given.signal),
    onProgress: functionOption('onProgress', given.onProgress),
  };
}
