import type { FileStamp } from '../gguf/file-stamp.js';
import { quote } from '../gguf/malformed.js';
import { TimeSlice } from '../gguf/time-slice.js';
import { dtypeBits } from './dtypes.js';
import { maxTensorBits } from './limits.js';
import { malformed } from './malformed.js';
import type { SafetensorsTensor, TensorDirectory } from './types.js';

/** A header's entry as read; `begin` and `end` are bytes from the start of the tensor data. */
export type Entry = Omit<SafetensorsTensor, 'file'>;

/**
 * Checks that each tensor has the bytes that its dtype and shape need, and that they follow each
 * other from `dataStart` to the end of the file.
 */
export async function placeTensors(
  entries: readonly Entry[],
  dataStart: number,
  file: FileStamp,
): Promise<TensorDirectory> {
  const tensors = new Map<string, SafetensorsTensor>();
  const slice = new TimeSlice();
  let previousEnd = 0;
  for (const entry of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const { name, begin, end } = entry;
    const field = `tensor ${quote(name)} data_offsets`;
    const bytes = bytesOf(entry, file.path);
    if (end - begin !== bytes) {
      const expected = `${bytes} bytes apart, as its dtype and shape say`;
      throw malformed(file.path, field, expected, `${begin} and ${end}`);
    }
    if (begin !== previousEnd) {
      const expected = `from ${previousEnd} on, where the tensor before it ends`;
      throw malformed(file.path, field, expected, `${begin}`);
    }
    tensors.set(name, { ...entry, begin: dataStart + begin, end: dataStart + end, file });
    previousEnd = end;
    if (slice.due()) await slice.pause();
  }
  const expected = dataStart + previousEnd;
  if (file.size !== expected) {
    const advice =
      file.size < expected
        ? 'the file is incomplete, download it again'
        : 'the file is damaged, download it again';
    const wanted = `${expected} bytes, where the last tensor ends`;
    throw malformed(file.path, 'the size', wanted, `${file.size}`, advice);
  }
  return tensors;
}

function bytesOf({ name, dtype, shape }: Entry, path: string): number {
  const limit = maxTensorBits / dtypeBits[dtype];
  let elements = 1;
  for (const dim of shape) {
    if (dim > limit / Math.max(elements, 1)) {
      const found = `${quote(`[${shape.join(', ')}]`)} of ${dtype}`;
      throw malformed(path, `tensor ${quote(name)} shape`, `at most ${maxTensorBits} bits`, found);
    }
    elements *= dim;
  }
  const bits = elements * dtypeBits[dtype];
  if (bits % 8 === 0) return bits / 8;
  throw malformed(path, `tensor ${quote(name)} shape`, 'a number of whole bytes', `${bits} bits`);
}
