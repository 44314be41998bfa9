import type { TernaryType } from '../../gguf/pack-trits.js';
import type { TimeSlice } from '../../gguf/time-slice.js';
import type { GgufChunks } from '../../gguf/writer.js';
import type { NativeWork } from '../../native.js';
import type { PlannedTensor } from '../tensors/checkpoint.js';
import { checkpointError } from '../tensors/checkpoint.js';
import type { DenseType } from '../weights/dense-types.js';
import type { Floats } from '../weights/floats.js';
import { indexOfNonFinite, partOf, pieceLength, plainFloats } from '../weights/floats.js';
import type { ReadAhead } from './read-ahead.js';

/** What linear layers are to become. */
export type TargetType = 'auto' | TernaryType | DenseType;

/** How tensors are made. */
export interface MakeOptions {
  /** Of the checkpoint, for errors. */
  readonly path: string;
  readonly type: TargetType;
  /** Whether scales may be rounded to 16 bits. */
  readonly allowRounding: boolean;
  readonly ahead: ReadAhead;
  readonly reading: { readonly signal?: AbortSignal };
  readonly work: NativeWork;
  /** Called with what is odd about a tensor. */
  readonly onOdd: (what: string) => void;
  /** Called with the name of a tensor whose scales are rounded. */
  readonly onRounded: (name: string) => void;
  /** Called with how many rows of a tensor are done. */
  readonly onRows: (planned: PlannedTensor, rows: number) => void;
}

/** A tensor as the file gets it. */
export interface MadeTensor {
  readonly type: string;
  readonly data: Uint8Array | GgufChunks;
}

/** As `checkFinite`, of a whole tensor: lets the event loop turn. */
export async function checkAllFinite(
  planned: PlannedTensor,
  path: string,
  floats: Floats,
  slice: TimeSlice,
): Promise<void> {
  for (let begin = 0; begin < floats.words.length; begin += pieceLength) {
    checkFinite(planned, path, partOf(floats, begin, begin + pieceLength));
    if (slice.due()) await slice.pause();
  }
}

/** @throws ERR_BITNET_MODEL for a number that is infinite or none */
export function checkFinite({ source }: PlannedTensor, path: string, floats: Floats): void {
  const at = indexOfNonFinite(floats);
  if (at < 0) return;
  const [value] = plainFloats(partOf(floats, at, at + 1));
  throw checkpointError({ path }, source.name, 'finite numbers', `${value}`, damaged);
}

export const damaged = 'the checkpoint is damaged, download it again';
