import { crc32 } from 'node:zlib';
import { BitnetError } from '../errors.js';
import { openFile } from './open.js';
import { readGgufHeader } from './reader.js';
import type { GgufTensor } from './types.js';

/** A tensor as it was handed to the system. */
export interface WrittenTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly typeId: number;
  readonly bytes: number;
  /** Of its data. */
  readonly crc: number;
}

/** Bytes that are read at once, and held up the event loop for a millisecond. */
const chunkBytes = 4 * 1024 * 1024;

/** Called with each piece of a tensor that was read back; ends the reading if it throws. */
export type OnRead = (tensor: string, bytes: number) => void | Promise<void>;

/**
 * Reads a new file back, and compares its directory and data with what was written.
 * @throws ERR_BITNET_FILE where they differ, ERR_BITNET_GGUF, and whatever `onRead` throws
 */
export async function verifyWritten(
  path: string,
  written: readonly WrittenTensor[],
  onRead: OnRead,
): Promise<void> {
  const { handle, size } = await openFile(path);
  try {
    const { tensors } = await readGgufHeader(handle, path, size);
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (const [i, expected] of written.entries()) {
      const tensor = tensors[i];
      if (tensor === undefined || !sameEntry(tensor, expected)) throw differs(path, expected.name);
      let crc = 0;
      for (let at = 0; at < expected.bytes; ) {
        const most = Math.min(chunkBytes, expected.bytes - at);
        const { bytesRead } = await handle.read(buffer, 0, most, tensor.offset + at);
        if (bytesRead === 0) throw differs(path, expected.name);
        crc = crc32(buffer.subarray(0, bytesRead), crc);
        at += bytesRead;
        await onRead(expected.name, bytesRead);
      }
      if (crc !== expected.crc) throw differs(path, expected.name);
    }
    if (tensors.length !== written.length) throw differs(path, tensors.at(-1)!.name);
  } finally {
    await handle.close();
  }
}

function sameEntry(tensor: GgufTensor, { name, dims, typeId, bytes }: WrittenTensor): boolean {
  return (
    tensor.name === name &&
    tensor.typeId === typeId &&
    tensor.bytes >= bytes && // of an unknown type, with what fills it up
    tensor.dims.length === dims.length &&
    tensor.dims.every((dim, i) => dim === dims[i])
  );
}

function differs(path: string, name: string): BitnetError {
  const message = `Expected to read the tensor "${name}" back from "${path}" as it was written, but it is another; check the disk and try again.`;
  return new BitnetError('ERR_BITNET_FILE', message, { path });
}
