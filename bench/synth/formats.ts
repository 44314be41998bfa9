import { fileTypes } from '../../lib/gguf/file-types.js';
import { halfBits } from '../../lib/gguf/half.js';
import { type PackTrits, packTrits, type ScaleAt } from '../../lib/gguf/pack-trits.js';
import { typeNamed } from '../../lib/gguf/tensor-types.js';

/** How the linear layers of a synthetic model are stored. */
export type SynthFormat = keyof typeof formats;

/** A format: its tensor type, what `general.file_type` says of it, and how codes 0, 1, 2 of trits −1, 0, +1 are stored. */
interface Format {
  readonly type: string;
  readonly fileType: number;
  readonly encode: PackTrits;
}

/** What has a scale of its own. */
export type SynthScales = (typeof synthScales)[number];
export const synthScales = ['tensor', 'row', 'group'] as const;

const formats = {
  i2_s: { type: 'I2_S', fileType: fileTypes.I2_S, encode: packTrits.I2_S },
  tq1_0: { type: 'TQ1_0', fileType: fileTypes.TQ1_0, encode: packTrits.TQ1_0 },
  tq2_0: { type: 'TQ2_0', fileType: fileTypes.TQ2_0, encode: packTrits.TQ2_0 },
  q2_0: { type: 'Q2_0', fileType: fileTypes.Q2_0, encode: packTrits.Q2_0 },
  q2_0_g128: { type: 'Q2_0_G128', fileType: fileTypes.Q2_0, encode: packTrits.Q2_0_G128 },
  f16: { type: 'F16', fileType: fileTypes.F16, encode: packF16 },
  q8_0: { type: 'Q8_0', fileType: fileTypes.Q8_0, encode: packQ8 },
  q4_0: { type: 'Q4_0', fileType: 2, encode: packQ4 },
} satisfies Record<string, Format>;

export const synthFormats = Object.keys(formats) as readonly SynthFormat[];

export function isSynthFormat(name: unknown): name is SynthFormat {
  return typeof name === 'string' && Object.hasOwn(formats, name);
}

/** The tensor type, by its public name, and what `general.file_type` says. */
export function formatTypes(format: SynthFormat): Pick<Format, 'type' | 'fileType'> {
  return formats[format];
}

/** Bytes of a matrix; undefined when its rows are no multiple of the format's block. */
export function storedBytes(format: SynthFormat, rows: number, cols: number): number | undefined {
  return typeNamed(formats[format].type)!.bytes(rows, cols);
}

/** Weights that are stored together, of which a row must be a multiple. */
export function blockWeights(format: SynthFormat): number {
  return typeNamed(formats[format].type)!.block;
}

/** Whether blocks of a format hold trits and a scale, which may then differ from row to row or from block to block. */
export function hasBlockScales(format: SynthFormat): boolean {
  return /^t?q[12]_0/.test(format);
}

/**
 * The scales of the weights from the one numbered `first` of a matrix on, near `scale`. Rows or blocks count down from it by up to 255
 * of the 1,024 steps that f16 has between powers of two (native/load/synthetic_source.cpp).
 */
export function scalesFrom(
  format: SynthFormat,
  scales: SynthScales,
  scale: number,
  cols: number,
  first = 0,
): ScaleAt {
  const bits = halfBits(scale);
  if (scales === 'tensor') return () => bits;
  const weights = scales === 'row' ? cols : blockWeights(format);
  return (index) => bits - ((37 * Math.floor((first + index) / weights)) & 255);
}

/**
 * Codes of whole blocks as stored, without the tail of I2_S. The value of a trit is ± the scale, which all formats but I2_S round to
 * f16: blocks hold it, or where they have a quotient and a scale, the trit is the quotient.
 */
export function encodeTrits(format: SynthFormat, codes: Uint8Array, scaleAt: ScaleAt): Uint8Array {
  return formats[format].encode(codes, scaleAt);
}

/** The codes of I2_S bytes: element 128 b + 32 q + m is in byte 32 b + m, at the bits 6 − 2 q. */
export function i2sCodes(bytes: Uint8Array): Uint8Array {
  const codes = new Uint8Array(4 * bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    const first = 4 * (i & ~31) + (i & 31);
    const byte = bytes[i]!;
    codes[first] = byte >> 6;
    codes[first + 32] = (byte >> 4) & 3;
    codes[first + 64] = (byte >> 2) & 3;
    codes[first + 96] = byte & 3;
  }
  return codes;
}

function packF16(codes: Uint8Array, scaleAt: ScaleAt): Uint8Array {
  const scale = scaleAt(0);
  const values = [scale | 0x8000, 0, scale];
  return new Uint8Array(Uint16Array.from(codes, (code) => values[code]!).buffer);
}

/** Blocks of 32: the f16 scale, then quotients. */
function packQ8(codes: Uint8Array, scaleAt: ScaleAt): Uint8Array {
  return inBlocks(codes, 32, 34, (at, out, bytes) => {
    putHalf(bytes, out, scaleAt(at));
    for (let i = 0; i < 32; i++) bytes[out + 2 + i] = codes[at + i]! - 1;
  });
}

/** Blocks of 32: the f16 scale, then quotients + 8 of elements j and j + 16 in a byte. */
function packQ4(codes: Uint8Array, scaleAt: ScaleAt): Uint8Array {
  return inBlocks(codes, 32, 18, (at, out, bytes) => {
    putHalf(bytes, out, scaleAt(at));
    for (let i = 0; i < 16; i++) {
      bytes[out + 2 + i] = (codes[at + i]! + 7) | ((codes[at + i + 16]! + 7) << 4);
    }
  });
}

function inBlocks(
  codes: Uint8Array,
  weights: number,
  blockBytes: number,
  write: (at: number, out: number, bytes: Uint8Array) => void,
): Uint8Array {
  const bytes = new Uint8Array((codes.length / weights) * blockBytes);
  for (let at = 0, out = 0; at < codes.length; at += weights, out += blockBytes) {
    write(at, out, bytes);
  }
  return bytes;
}

function putHalf(bytes: Uint8Array, at: number, bits: number): void {
  bytes[at] = bits & 255;
  bytes[at + 1] = bits >> 8;
}
