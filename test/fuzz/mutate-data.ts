import type { TinyModel } from '../fixtures/tiny-model.js';
import type { Draw } from './draw.js';

/** Bytes of halves and floats that are no ordinary numbers, and of codes that types do not have. */
const patterns: readonly (readonly number[])[] = [
  [0, 0, 0, 0],
  [0x00, 0x00, 0xc0, 0x7f], // f32 NaN
  [0xff, 0xff, 0x7f, 0x7f], // the largest f32
  [0x01, 0x00, 0x00, 0x00], // the smallest f32
  [0xff, 0x7b, 0xff, 0x7b], // the largest f16
  [0x00, 0x80, 0x00, 0x80], // -0
];

/** Overwrites bytes of one tensor's data; returns what it did. */
export function mutateData(model: TinyModel, draw: Draw): string {
  const { name, bytes, type } = draw.of([...model.tensors.values()]);
  const what = `data of ${name} (${type})`;
  if (bytes.length < 8) return `${what}: too short`;
  const from = draw.integer(0, bytes.length - 4);
  const pattern = draw.of(patterns);
  return draw
    .weighted([
      {
        weight: 3,
        mutate: () => {
          const byte = draw.chance(0.7) ? fourCodes : () => draw.integer(0, 255);
          for (let n = draw.integer(1, 64); n > 0; n--) {
            bytes[draw.integer(0, bytes.length - 1)] = byte(draw);
          }
          return `${what}: random bytes`;
        },
      },
      {
        weight: 2,
        mutate: () => {
          bytes.set(pattern, from & ~3);
          return `${what}: ${pattern} at ${from & ~3}`;
        },
      },
      {
        weight: 1,
        mutate: () => {
          bytes.copyWithin(from, 0, bytes.length - from);
          return `${what}: shifted by ${from}`;
        },
      },
      {
        weight: 1,
        mutate: () => {
          bytes.fill(draw.of([0, 0x55, 0x7f, 0xff]));
          return `${what}: filled`;
        },
      },
    ])
    .mutate();
}

/** A byte of four ternary codes, none of which is the code 3 that files are refused for. */
function fourCodes(draw: Draw): number {
  return [0, 2, 4, 6].reduce((byte, shift) => byte | (draw.integer(0, 2) << shift), 0);
}
