import type { Decision } from '../../decision.js';
import type { FileStamp } from '../../gguf/file-stamp.js';
import type { NativePair } from '../../native-types.js';

/** What the header of an adapter says, checked against its model: all that loading its matrices needs. */
export interface AdapterPlan {
  readonly name: string;
  /** The file with the matrices, as it was when its header was read. */
  readonly stamp: FileStamp;
  readonly pairs: readonly NativePair[];
  /** The largest of all pairs. */
  readonly rank: number;
  /** Files whose bytes say what the adapter is. */
  readonly files: readonly string[];
  readonly decisions: readonly Decision[];
}
