// Checkpoints of golden/hf, and what expected.json says of each.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import type { GgufFile } from '../../lib/gguf/types.js';
import { decode, decodeTernary } from '../fixtures/decode.js';
import type { TernaryType } from '../fixtures/encode.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { hasShared, sharedPath } from '../shared.js';

/** What expected.json of a checkpoint says. */
export interface Expected {
  readonly arch: string;
  readonly tensors: Readonly<Record<string, ExpectedTensor>>;
  readonly hyperparameters: Readonly<Record<string, number | string>>;
  readonly tied: boolean;
  readonly logits: Readonly<Record<string, string>>;
}

export interface ExpectedTensor {
  /** [rows, cols] */
  readonly shape: readonly [number, number];
  readonly trits_sha256?: string;
  readonly scale?: number;
  readonly row_blocks?: readonly { readonly first_row: number; readonly scale: number }[];
  readonly group_scales?: Readonly<Record<string, readonly number[]>>;
  readonly group_scales_f32_sha256?: string;
  readonly values_f32_sha256?: string;
  readonly values?: readonly number[];
  readonly first?: readonly number[] | Readonly<Record<string, readonly number[]>>;
}

const temp = tempFolder();
const keptOf = (name: string) => join(__dirname, '../golden/hf', name);

/** The folder of a checkpoint: of one that is kept here, a copy with its tensors unpacked. */
export function folderOf(name: string): string {
  if (!existsSync(keptOf(name))) return sharedPath(`golden/hf/${name}`);
  const folder = temp(name);
  if (existsSync(folder)) return folder;
  cpSync(keptOf(name), folder, { recursive: true });
  const packed = readFileSync(join(folder, 'model.safetensors.gz'));
  writeFileSync(join(folder, 'model.safetensors'), gunzipSync(packed));
  return folder;
}

export function expectedOf(name: string): Expected {
  return JSON.parse(readFileSync(join(folderOf(name), 'expected.json'), 'utf8'));
}

/** A tensor's bytes in a file, and what it says of them. */
export function tensorOf(file: GgufFile, name: string) {
  const tensor = file.tensors.find((candidate) => candidate.name === name)!;
  const { offset, bytes, type, dims } = tensor;
  const data = readFileSync(file.path).subarray(offset, offset + bytes);
  return { type, data: new Uint8Array(data), cols: dims[0]!, rows: dims[1] ?? 1 };
}

function sha256(array: Int8Array | Float32Array): string {
  return createHash('sha256').update(new Uint8Array(array.buffer)).digest('hex');
}

const allFolders: readonly (readonly [name: string, types: string])[] = [
  ['bitnet-2b4t-packed', 'I2_S'],
  ['bitnet-2b4t-online', 'I2_S'],
  ['onebitllm-master', 'I2_S'],
  ['falcon3-packed', 'I2_S'],
  ['trilm-unpacked', 'I2_S Q2_0'],
  ['bonsai-unpacked', 'Q2_0'],
  ['llama-plain', 'F16'],
  ['qwen2-plain', 'BF16'],
];

/** Those that are here, and the types of their layers. */
export const folders = allFolders.filter(([name]) => hasShared || existsSync(keptOf(name)));

export type Found = ReturnType<typeof tensorOf>;

export function checkTrits({ type, data, rows, cols }: Found, expected: ExpectedTensor): void {
  expect([rows, cols]).toEqual(expected.shape);
  const { trits, scale } = decodeTernary(type as TernaryType, data, rows, cols);
  expect(sha256(trits)).toBe(expected.trits_sha256);
  if (expected.scale !== undefined) expect(scale(0, 0)).toBe(Math.fround(expected.scale));
  for (const { first_row, scale: value } of expected.row_blocks ?? []) {
    expect(scale(first_row, 0)).toBe(value);
  }
  if (expected.group_scales === undefined) return;
  const groups = cols / 128;
  const scales = Float32Array.from({ length: rows * groups }, (_, i) => {
    const [row, col] = [Math.floor(i / groups), (i % groups) * 128];
    expect(scale(row, col)).toBe(scale(row, col + 64));
    return scale(row, col);
  });
  expect(sha256(scales)).toBe(expected.group_scales_f32_sha256);
}

export function checkNumbers({ type, data, rows, cols }: Found, expected: ExpectedTensor): void {
  const values = Float32Array.from(decode(type as 'F16', data, rows, cols));
  if (expected.values_f32_sha256 !== undefined) {
    expect([rows, cols]).toEqual(expected.shape);
    expect(sha256(values)).toBe(expected.values_f32_sha256);
  }
  if (expected.values !== undefined) expect([...values]).toEqual(expected.values);
  if (Array.isArray(expected.first)) expect([...values.subarray(0, 4)]).toEqual(expected.first);
}
