import { crc32, inflateRawSync } from 'node:zlib';
import { BitnetError } from '../errors.js';
import { quote } from '../gguf/malformed.js';

/** A file in an archive. */
export interface ZipEntry {
  readonly name: string;
  /** Its length when it is unpacked. */
  readonly bytes: number;
  /** @throws ERR_BITNET_FILE when it is damaged, encrypted or packed in a way that is not known */
  readonly read: () => Buffer;
}

/** Files of an archive; the largest test set has 73. */
const maxEntries = 4096;

/** Whether the bytes are those of a zip archive. */
export function isZip(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 22 && Buffer.from(bytes.subarray(0, 4)).toString('latin1') === 'PK\x03\x04'
  );
}

/**
 * The files of a zip archive; nothing is unpacked yet.
 *
 * @param name how an error calls the archive
 * @param maxBytes of a file that may be unpacked
 * @throws ERR_BITNET_FILE when it is cut off, of several parts or larger than 4 GiB
 */
export function zipEntries(bytes: Uint8Array, name: string, maxBytes: number): ZipEntry[] {
  const zip = new Zip(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), name, maxBytes);
  return zip.entries();
}

class Zip {
  readonly #bytes: Buffer;
  readonly #name: string;
  readonly #maxBytes: number;

  constructor(bytes: Buffer, name: string, maxBytes: number) {
    this.#bytes = bytes;
    this.#name = name;
    this.#maxBytes = maxBytes;
  }

  entries(): ZipEntry[] {
    const end = this.#end();
    const count = this.#bytes.readUInt16LE(end + 10);
    if (count > maxEntries) throw this.#wrong(`at most ${maxEntries} files`, `${count}`);
    let at = this.#bytes.readUInt32LE(end + 16);
    const entries: ZipEntry[] = [];
    for (let i = 0; i < count; i++) {
      this.#expect(at, 46, centralSign, `the entry of file ${i}`);
      const [name, extra, comment] = [28, 30, 32].map((offset) =>
        this.#bytes.readUInt16LE(at + offset),
      );
      entries.push(this.#entry(at, this.#text(at + 46, name!)));
      at += 46 + name! + extra! + comment!;
    }
    return entries;
  }

  /** The end record is followed by a comment only. */
  #end(): number {
    const from = Math.max(0, this.#bytes.length - 22 - 65535);
    const end = this.#bytes.lastIndexOf(endSign);
    if (end >= from && end + 22 <= this.#bytes.length) return end;
    throw this.#wrong('a whole zip archive', 'no end of its list of files');
  }

  #entry(at: number, name: string): ZipEntry {
    const bytes = this.#bytes;
    const [flags, method] = [bytes.readUInt16LE(at + 8), bytes.readUInt16LE(at + 10)];
    const [sum, packed, size, local] = [16, 20, 24, 42].map((offset) =>
      bytes.readUInt32LE(at + offset),
    );
    const read = () => {
      if (size! > this.#maxBytes) {
        throw this.#wrong(`${quote(name)} of at most ${this.#maxBytes} bytes`, `${size} bytes`);
      }
      if ((flags & 1) === 1) throw this.#wrong(`${quote(name)} without a password`, 'it encrypted');
      this.#expect(local!, 30, localSign, quote(name));
      const begin = local! + 30 + bytes.readUInt16LE(local! + 26) + bytes.readUInt16LE(local! + 28);
      if (begin + packed! > bytes.length) throw this.#wrong(`all of ${quote(name)}`, 'a part');
      const content = this.#unpacked(bytes.subarray(begin, begin + packed!), method, size!, name);
      if (content.length === size && crc32(content) === sum) return content;
      throw this.#wrong(`${quote(name)} as it was packed`, 'other bytes');
    };
    return { name, bytes: size!, read };
  }

  #unpacked(content: Buffer, method: number, size: number, name: string): Buffer {
    if (method === 0) return content;
    if (method !== 8) throw this.#wrong(`${quote(name)} stored or deflated`, `method ${method}`);
    try {
      return inflateRawSync(content, { maxOutputLength: Math.max(size, 1) });
    } catch {
      throw this.#wrong(`${quote(name)} as it was packed`, 'other bytes');
    }
  }

  #expect(at: number, length: number, sign: Buffer, what: string): void {
    const there =
      at + length <= this.#bytes.length && sign.equals(this.#bytes.subarray(at, at + 4));
    if (!there) throw this.#wrong(what, 'something else in its place');
  }

  #text(at: number, length: number): string {
    return this.#bytes.toString('utf8', at, at + length);
  }

  #wrong(expected: string, found: string): BitnetError {
    const message = `Expected ${this.#name} to hold ${expected}, but found ${found}; download it again, or unpack it and give a file of it.`;
    return new BitnetError('ERR_BITNET_FILE', message);
  }
}

const endSign = Buffer.from('PK\x05\x06', 'latin1');
const centralSign = Buffer.from('PK\x01\x02', 'latin1');
const localSign = Buffer.from('PK\x03\x04', 'latin1');
