import { BitnetError } from '../errors.js';
import { maxHeaderBytes, maxStringBytes } from './limits.js';
import { malformed } from './malformed.js';
import { unreadable } from './open.js';

/** Bytes of the first read: the whole header of a small model. Later reads double up to the window. */
const firstRead = 64 * 1024;

/** Bytes held at once, and the most that is read ahead. */
const windowBytes = 1024 * 1024;

/** What a cursor reads from, such as an open file. */
export interface Readable {
  read(
    target: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesRead: number }>;
}

/**
 * Walks the header of a file front to back, reading it piece by piece, and never allocates more
 * than the file still has. Errors name `subject`, the thing being read, and the field within it.
 */
export class HeaderCursor {
  /** What is being read, for error messages: `metadata "general.name"`. */
  subject = 'the header';
  /** Bytes from the start of the file; may be set to any place in the header. */
  position = 0;

  readonly #window: Buffer;
  readonly #view: DataView;
  /** The window holds the bytes [#start, #end) of the file. */
  #start = 0;
  #end = 0;
  #readBytes = firstRead;

  constructor(
    readonly handle: Readable,
    readonly path: string,
    readonly size: number,
  ) {
    this.#window = Buffer.allocUnsafeSlow(Math.min(windowBytes, size));
    this.#view = new DataView(this.#window.buffer);
  }

  /** Whether the next `count` bytes are in memory, so that the synchronous readers may be used. */
  has(count: number): boolean {
    return this.position >= this.#start && this.position + count <= this.#end;
  }

  /** Reads the next `count` bytes, at most a window, into memory. */
  async need(count: number, field: string): Promise<void> {
    if (this.has(count)) return;
    this.checkRoom(count, field);
    const kept = this.has(0) ? this.#end - this.position : 0;
    const keptAt = this.position - this.#start;
    if (kept > 0) this.#window.copyWithin(0, keptAt, keptAt + kept);
    this.#start = this.position;
    this.#end = this.position + kept;
    const wanted = Math.min(
      Math.max(count, this.#readBytes),
      windowBytes,
      this.size - this.position,
    );
    this.#readBytes = Math.min(2 * this.#readBytes, windowBytes);
    await this.#read(this.#window.subarray(kept, wanted), this.#end, field);
    this.#end = this.#start + wanted;
  }

  /** Refuses a length that passes the end of the file or the largest header. */
  checkRoom(count: number, field: string): void {
    if (count > this.size - this.position) throw this.#incomplete(count, field, this.size);
    if (this.position + count > maxHeaderBytes) {
      const expected = `within the first ${maxHeaderBytes} bytes, where a header ends`;
      throw this.fail(field, expected, `an end at ${this.position + count}`);
    }
  }

  /** Reads a u32 that `need(4)` has read. */
  u32(): number {
    const value = this.#view.getUint32(this.position - this.#start, true);
    this.position += 4;
    return value;
  }

  /**
   * Reads a u64 that `need(8)` has read. Above 2^53 the number is rounded, and still above
   * every limit it is compared with.
   */
  u64(): number {
    const at = this.position - this.#start;
    this.position += 8;
    return this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
  }

  /** The u64 just read without any rounding, for error messages. */
  lastU64(): bigint {
    return this.#view.getBigUint64(this.position - 8 - this.#start, true);
  }

  /** Hands `read` the window and the place of the next `count` bytes, and passes them. */
  async value<T>(
    count: number,
    field: string,
    read: (view: DataView, at: number) => T,
  ): Promise<T> {
    await this.need(count, field);
    const value = read(this.#view, this.position - this.#start);
    this.position += count;
    return value;
  }

  /** Reads a u64 that must not exceed `limit`. */
  async count(field: string, limit: number): Promise<number> {
    await this.need(8, field);
    const value = this.u64();
    if (value > limit) throw this.fail(field, `at most ${limit}`, `${this.lastU64()}`);
    return value;
  }

  /** Reads a string's length and its bytes, at most `limit`. */
  async string(field: string, limit = maxStringBytes): Promise<Buffer> {
    return this.take(await this.count(`${field} length`, limit), field);
  }

  /** A copy of the next `count` bytes with an ArrayBuffer of its own. */
  async take(count: number, field: string): Promise<Buffer> {
    this.checkRoom(count, field);
    const bytes = this.#allocate(count, field);
    if (count <= windowBytes) {
      await this.need(count, field);
      const at = this.position - this.#start;
      this.#window.copy(bytes, 0, at, at + count);
    } else {
      await this.#read(bytes, this.position, field);
    }
    this.position += count;
    return bytes;
  }

  /** The error for a field of the subject. */
  fail(field: string, expected: string, found: string, advice?: string): BitnetError {
    return malformed(this.path, `${this.subject} ${field}`, expected, found, advice);
  }

  async #read(target: Buffer, position: number, field: string): Promise<void> {
    for (let done = 0; done < target.length; ) {
      const length = Math.min(target.length - done, 4 * windowBytes);
      const { bytesRead } = await this.handle
        .read(target, done, length, position + done)
        .catch((cause) => {
          throw unreadable(this.path, cause);
        });
      // The file was shortened after its size was read.
      if (bytesRead === 0) throw this.#incomplete(target.length, field, position + done);
      done += bytesRead;
    }
  }

  #allocate(count: number, field: string): Buffer {
    try {
      return Buffer.from(new ArrayBuffer(count));
    } catch (cause) {
      const message = `Expected ${count} bytes of memory for ${this.subject} ${field} of "${this.path}", but the system has none left; close other programs.`;
      throw new BitnetError('ERR_BITNET_MEMORY', message, { path: this.path, cause });
    }
  }

  #incomplete(count: number, field: string, end: number): BitnetError {
    return this.fail(
      field,
      `${BigInt(count)} bytes at offset ${this.position}`,
      `the end of the file at ${end}`,
      'the file is incomplete, download it again',
    );
  }
}
