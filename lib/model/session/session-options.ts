import { argumentError } from '../../checks/options.js';
import { type KvType, kvTypes } from '../../native-types.js';
import type { AdapterUse } from '../adapter/applied-adapters.js';
import { maxContextLength } from '../spec/limits.js';

/** Context of a session unless asked otherwise: longer ones cost memory that most prompts never use. */
export const defaultContextLength = 4096;

export interface SessionOptions {
  /**
   * Most tokens the session can hold. Above the length the model was trained with, text degrades.
   * @default the model's own default: min(trained context, 4096)
   */
  readonly contextLength?: number | undefined;
  /**
   * How keys and values are kept. 'q8_0' takes little more than half the memory of 'f16' (int8 with
   * an f16 scale for each 32 values of a head) and rounds them: logits change slightly.
   * @default 'f16'
   */
  readonly kvType?: KvType | undefined;
  /**
   * LoRA adapters of the model that everything in the session is evaluated with, unless a generation says otherwise.
   * @default none
   */
  readonly adapters?: readonly AdapterUse[] | undefined;
}

/** A context length as given, checked; undefined stays so. */
export function checkedContextLength(length: unknown): number | undefined {
  if (length === undefined) return undefined;
  if (
    typeof length === 'number' &&
    Number.isInteger(length) &&
    length >= 1 &&
    length <= maxContextLength
  ) {
    return length;
  }
  throw argumentError(`an integer from 1 to ${maxContextLength}`, 'option contextLength', length);
}

/** A type of keys and values as given, checked. */
export function checkedKvType(type: unknown): KvType {
  if (type === undefined) return 'f16';
  if ((kvTypes as readonly unknown[]).includes(type)) return type as KvType;
  throw argumentError("'f16' or 'q8_0'", 'option kvType', type);
}
