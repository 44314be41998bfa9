import type { FileHandle } from 'node:fs/promises';
import { BitnetError } from '../errors.js';
import { type FileStamp, sameStamp } from './file-stamp.js';
import { openFile, unreadable } from './open.js';
import type { GgufFile, GgufTensor } from './types.js';
import type { GgufChunks } from './writer.js';

/** Bytes of a chunk. */
const chunkBytes = 4 * 1024 * 1024;

/** The open files of a model, to copy tensors from. */
export class TensorFiles {
  readonly #handles: readonly FileHandle[];
  readonly stamps: readonly FileStamp[];

  private constructor(handles: readonly FileHandle[], stamps: readonly FileStamp[]) {
    this.#handles = handles;
    this.stamps = stamps;
  }

  /** @throws ERR_BITNET_FILE, also where a file is not as it was when its header was read */
  static async open(file: GgufFile): Promise<TensorFiles> {
    const handles: FileHandle[] = [];
    const stamps: FileStamp[] = [];
    try {
      for (const { path, stamp: before } of file.shards ?? [file]) {
        const { handle, stamp } = await openFile(path);
        handles.push(handle);
        stamps.push(stamp);
        if (before && !sameStamp(before, stamp)) throw changed(path);
      }
      return new TensorFiles(handles, stamps);
    } catch (error) {
      for (const handle of handles) await handle.close();
      throw error;
    }
  }

  /** Where a tensor's bytes are. */
  stampOf({ shard = 0 }: GgufTensor): FileStamp {
    return this.stamps[shard]!;
  }

  /** The bytes of a tensor as they are; each chunk is valid until the next. */
  copy(tensor: GgufTensor): GgufChunks {
    return { bytes: tensor.bytes, chunks: this.#chunks(tensor) };
  }

  async close(): Promise<void> {
    for (const handle of this.#handles) await handle.close();
  }

  async *#chunks({ shard = 0, offset, bytes }: GgufTensor): AsyncGenerator<Uint8Array> {
    const handle = this.#handles[shard]!;
    const { path } = this.stamps[shard]!;
    const buffer = Buffer.allocUnsafe(Math.min(bytes, chunkBytes));
    for (let at = 0; at < bytes; ) {
      const most = Math.min(buffer.length, bytes - at);
      const { bytesRead } = await handle.read(buffer, 0, most, offset + at).catch((cause) => {
        throw unreadable(path, cause);
      });
      if (bytesRead === 0) throw changed(path);
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }
}

function changed(path: string): BitnetError {
  const message = `Expected "${path}" to stay as it was while it is read, but it has changed; try again when it is complete.`;
  return new BitnetError('ERR_BITNET_FILE', message, { path });
}
