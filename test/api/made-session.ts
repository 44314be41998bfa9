import { createHash } from 'node:crypto';

/*
 * Session files that nobody saved: with right checksums, whatever they hold. The formats are those
 * of lib/model/session/session-file.ts and native/common/checksum.h.
 */

/** Where tokens begin, and keys and values behind them. */
export function contentStart(file: Buffer): number {
  return 16 + file.readUInt32LE(12) + 32;
}

/** A copy of a session file with another header (any text), and what is behind it changed. */
export function madeSession(
  file: Buffer,
  header: (json: string) => string,
  change: (content: Buffer) => void = () => {},
): Buffer {
  const start = contentStart(file);
  const json = Buffer.from(header(file.toString('utf8', 16, start - 32)));
  const prefix = Buffer.from(file.subarray(0, 16));
  prefix.writeUInt32LE(json.length, 12);
  const head = Buffer.concat([prefix, json]);
  const digest = createHash('sha256').update(head).digest();
  const content = Buffer.from(file.subarray(start, -8));
  change(content);
  const sum = Buffer.alloc(8);
  sum.writeBigUInt64LE(checksum(content, digest.readBigUInt64LE()));
  return Buffer.concat([head, digest, content, sum]);
}

function checksum(content: Buffer, seed: bigint): bigint {
  const lanes = [1n, 2n, 3n, 4n].map((i) => folded(seed, i));
  const padded = Buffer.alloc(Math.ceil(content.length / 32) * 32);
  content.copy(padded);
  for (let at = 0; at < padded.length; at += 8) {
    const lane = (at / 8) % 4;
    const hash = u64((lanes[lane]! ^ padded.readBigUInt64LE(at)) * odd);
    lanes[lane] = u64(hash << 29n) | (hash >> 35n);
  }
  return lanes.reduce(folded, folded(0n, BigInt(content.length)));
}

const odd = 0x9e3779b97f4a7c15n;
const u64 = (value: bigint) => BigInt.asUintN(64, value);

function folded(hash: bigint, word: bigint): bigint {
  const mixed = u64((hash ^ word) * odd);
  return mixed ^ (mixed >> 32n);
}
