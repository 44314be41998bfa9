import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipFile {
  readonly name: string;
  readonly content: string | Buffer;
  readonly stored?: boolean;
  /** What the headers say instead of the truth. */
  readonly method?: number;
  readonly flags?: number;
  readonly size?: number;
  readonly sum?: number;
}

/** A zip archive, right or wrong. */
export function zipFile(files: readonly ZipFile[], comment = ''): Buffer {
  const parts: Buffer[] = [];
  const list: Buffer[] = [];
  let at = 0;
  for (const file of files) {
    const content = Buffer.from(file.content as string);
    const packed = file.stored ? content : deflateRawSync(content);
    const name = Buffer.from(file.name);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(file.flags ?? 0, 2);
    shared.writeUInt16LE(file.method ?? (file.stored ? 0 : 8), 4);
    shared.writeUInt32LE(file.sum ?? crc32(content), 10);
    shared.writeUInt32LE(packed.length, 14);
    shared.writeUInt32LE(file.size ?? content.length, 18);
    shared.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), shared, name, packed]);
    const after = Buffer.alloc(14);
    after.writeUInt32LE(at, 10);
    list.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), shared, after, name);
    parts.push(local);
    at += local.length;
  }
  const central = Buffer.concat(list);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(at, 12);
  end.writeUInt16LE(comment.length, 16);
  const sign = Buffer.from('PK\x05\x06', 'latin1');
  return Buffer.concat([...parts, central, sign, end, Buffer.from(comment)]);
}
