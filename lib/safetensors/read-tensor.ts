import { BitnetError } from '../errors.js';
import { fileSentence, quote } from '../gguf/malformed.js';
import { dtypeBits } from './dtypes.js';
import { readBytes, reopen } from './read-bytes.js';
import type { SafetensorsTensor } from './types.js';

export interface ReadOptions {
  readonly signal?: AbortSignal;
}

/** Some rows of a tensor: all dimensions but the last count them. */
export interface TensorRows {
  /** The first row and the one after the last. */
  readonly begin: number;
  readonly end: number;
  /** [rows, cols] as in the file, in memory of their own. */
  readonly bytes: Buffer;
}

/**
 * The data of a whole tensor as in the file, in memory of its own.
 *
 * @throws ERR_BITNET_FILE when the file has changed since its header was read, ERR_BITNET_ABORTED,
 * ERR_BITNET_MEMORY
 */
export async function readTensor(
  { begin, end, file }: SafetensorsTensor,
  { signal }: ReadOptions = {},
): Promise<Buffer> {
  const opened = await reopen(file);
  try {
    return await readBytes(opened, begin, end - begin, signal);
  } finally {
    await opened.handle.close();
  }
}

/**
 * The data of a tensor from the first row to the last, as many rows at once as `pieceBytes` holds
 * and at least one; nothing of an empty tensor. Errors as of `readTensor`, and ERR_BITNET_TYPE when
 * rows do not begin at whole bytes.
 */
export async function* readRows(
  tensor: SafetensorsTensor,
  { pieceBytes = 16 * 2 ** 20, signal }: ReadOptions & { readonly pieceBytes?: number } = {},
): AsyncGenerator<TensorRows, void, undefined> {
  if (tensor.begin === tensor.end) return;
  const rowBytes = bytesOfRow(tensor);
  const rows = (tensor.end - tensor.begin) / rowBytes;
  const step = Math.max(1, Math.floor(pieceBytes / rowBytes));
  const opened = await reopen(tensor.file);
  try {
    for (let begin = 0; begin < rows; begin += step) {
      const end = Math.min(begin + step, rows);
      const position = tensor.begin + begin * rowBytes;
      const bytes = await readBytes(opened, position, (end - begin) * rowBytes, signal);
      yield { begin, end, bytes };
    }
  } finally {
    await opened.handle.close();
  }
}

function bytesOfRow({ name, dtype, shape, file: { path } }: SafetensorsTensor): number {
  const bits = (shape.at(-1) ?? 1) * dtypeBits[dtype];
  if (bits % 8 === 0) return bits / 8;
  const field = `tensor ${quote(name)} row`;
  const [expected, found] = ['a number of whole bytes', `${bits} bits`];
  const message = fileSentence(path, field, expected, found, 'save it in a wider type');
  throw new BitnetError('ERR_BITNET_TYPE', message, { path, field, expected, found });
}
