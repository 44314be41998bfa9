import { type FileHandle, open } from 'node:fs/promises';
import { BitnetError } from '../errors.js';
import { replaceFile } from '../files/replace-file.js';
import { encodeHeader, type GgufEntries, type TensorPlace } from './encode-header.js';
import { verifyWritten, type WrittenTensor } from './verify-written.js';
import {
  checkedTensor,
  dataBytes,
  type GgufTensorData,
  modelFile,
  type WriteTarget,
  writeTensor,
} from './writer.js';

/** What `writeGgufInTurn` puts into a file. */
export interface GgufContentsInTurn {
  /** Given the types of all tensors; of the same length whatever they are. */
  readonly metadata: (types: readonly string[]) => GgufEntries;
  /** In file order. */
  readonly tensors: readonly GgufTensorInTurn[];
}

/** A tensor whose type is known only when its data is made. */
export interface GgufTensorInTurn extends Pick<GgufTensorData, 'name' | 'dims'> {
  readonly make: () => Promise<{ readonly type: string; readonly data: GgufTensorData['data'] }>;
}

/**
 * As `writeGguf`, where the data of a tensor decides its type: each is made when those before it are written, and
 * the header, whose length does not depend on types, comes last.
 *
 * @param target as of `writeGguf`
 * @throws also whatever making a tensor throws
 */
export async function writeGgufInTurn(
  path: string,
  { metadata, tensors }: GgufContentsInTurn,
  target: Omit<WriteTarget, 'before'> = {},
): Promise<void> {
  const untyped = tensors.map(({ name, dims }) => ({ name, dims, typeId: 0, bytes: 0 }));
  const { bytes: room, alignment } = encodeHeader(3, metadata([]), untyped);
  const { overwrite, verify } = target;
  await replaceFile(path, { overwrite, kind: modelFile }, async (part) => {
    const written: WrittenTensor[] = [];
    const handle = await open(part, 'wx');
    try {
      await handle.writeFile(room);
      const places: TensorPlace[] = [];
      const types: string[] = [];
      for (const { name, dims, make } of tensors) {
        const tensor = { name, dims, ...(await make()) };
        const place = checkedTensor(tensor);
        places.push(place);
        types.push(tensor.type);
        const crc = await writeTensor(handle, tensor, verify !== undefined);
        written.push({ ...place, crc });
        await handle.writeFile(Buffer.alloc(-dataBytes(tensor) & (alignment - 1)));
      }
      const { bytes: header } = encodeHeader(3, metadata(types), places);
      if (header.length !== room.length) throw lengthsDiffer(room.length, header.length);
      await writeAll(handle, header);
    } finally {
      await handle.close();
    }
    if (verify) await verifyWritten(part, written, verify);
  });
}

/** Writes bytes at the beginning of a file; the system may take a part of them at once. */
async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, done)).bytesWritten;
  }
}

function lengthsDiffer(expected: number, found: number): BitnetError {
  const message = `Expected the header to have ${expected} bytes whatever the types of tensors, but received ${found}.`;
  return new BitnetError('ERR_BITNET_ARGUMENT', message, { expected, found });
}
